"""A model in ONNX, answered by onnxruntime: one tensor of all features in their order, one tensor of answers.

Rows are answered one by one: how a runtime adds up may depend on how many rows it is given, and the answer to a
request may not. Import this module only for such a model: onnxruntime is an extra.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from penstock.features.errors import PenstockError, UsageError
from penstock.jobs.console.logs import logger
from penstock.jobs.models.arrays import Matrix

#: Tensors that hold features and answers, and numpy's types for them.
_TENSORS = {"tensor(float)": np.float32, "tensor(double)": np.float64}
#: Where onnxruntime would look for weights outside the file: nowhere. A file from anywhere may not name others.
_NO_FOLDER = "/nonexistent"
_FATAL = 4

_LOG = logger("infer")


class OnnxModel:
    """``data``: the file's bytes; ``features``: how many numbers it reads; ``outputs``: numbers in each answer.

    Of two numbers where one is wanted the last one is the answer: the probability of the second of two classes.
    Raises UsageError for a file that onnxruntime does not take, and for other tensors.
    """

    #: Who predicts.
    runtime = f"onnxruntime {onnxruntime.__version__}"

    def __init__(self, data: bytes, features: int, outputs: int, where: str) -> None:
        self._session, self._where = _session(data, where), where
        self._input, self._dtype = self._features(features)
        self._output = self._answers()
        #: Numbers that the model itself gives for a row.
        self.width = self._run(np.zeros((1, features), self._dtype)).size
        self._one = outputs == 1
        if self.width != outputs and not (self._one and self.width == 2):
            raise UsageError(
                f"the model answers with {self.width} numbers, not {outputs}",
                where=where,
                allowed=f"a float tensor [rows, {outputs}]",
            )

    def predict(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """Shape (rows,), or with several outputs (rows, outputs); NaN where the model fails for a row: it is the row's
        matter, and others have their answers.
        """
        with np.errstate(over="ignore"):  # beyond a float there is infinity
            rows = matrix.astype(self._dtype)
        answers = np.empty((len(rows), self.width))
        for place in range(len(rows)):
            try:
                answers[place] = self._run(rows[place : place + 1])
            except PenstockError as error:
                _LOG.warning("%s", error)
                answers[place] = np.nan
        return answers[:, -1] if self._one else answers

    def _run(self, row: npt.NDArray[Any]) -> npt.NDArray[Any]:
        try:
            (answer,) = self._session.run([self._output], {self._input: row})
        except Exception as error:  # onnxruntime has no public base class of its errors
            raise PenstockError(f"onnxruntime cannot answer: {_first_line(error)}", where=self._where) from None
        return np.asarray(answer).ravel()

    def _features(self, features: int) -> tuple[str, Any]:
        """The input's name and numpy's type for it."""
        inputs = self._session.get_inputs()
        if len(inputs) == 1 and inputs[0].type in _TENSORS and _takes(inputs[0].shape, features):
            return str(inputs[0].name), _TENSORS[inputs[0].type]
        raise UsageError(
            f"the model reads {_listed(inputs)}",
            where=self._where,
            allowed=f"one float tensor [rows, {features}]: all features in their order",
        )

    def _answers(self) -> str:
        """The output's name."""
        outputs = self._session.get_outputs()
        fitting = [item.name for item in outputs if item.type in _TENSORS]
        if len(fitting) == 1:
            return str(fitting[0])
        raise UsageError(
            f"the model answers with {_listed(outputs)}",
            where=self._where,
            allowed="one float tensor, and labels beside it",
            hint="skl2onnx: convert with options={'zipmap': False}" if "seq(map" in _listed(outputs) else None,
        )


def _session(data: bytes, where: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", _NO_FOLDER)
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no public base class of its errors
        raise UsageError(
            f"onnxruntime cannot read the model: {_first_line(error)}",
            where=where,
            allowed="a whole ONNX file that holds its own weights",
        ) from None


def _takes(shape: list[Any], features: int) -> bool:
    """Is it [rows, features]? A size may be left open: None, or a name; rows may be 1."""
    sizes = zip(shape, (1, features), strict=False)
    return len(shape) == 2 and all(not isinstance(size, int) or size == wanted for size, wanted in sizes)


def _listed(tensors: list[Any]) -> str:
    return ", ".join(f"{item.name} {item.type} {item.shape}" for item in tensors) or "nothing"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
