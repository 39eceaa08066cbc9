"""A prediction as JSON: its value, what gave it, and which rows it rests on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from penstock.features.plan import ModelPlan
from penstock.jobs.models.folder import LoadedModel
from penstock.jobs.serving.inputs import Input
from penstock.jobs.serving.json_columns import HOLE, fixed, form, written
from penstock.jobs.serving.predicting import Predicted

#: A prediction's fields, in their order; ``event`` only where the model's stream has an id.
FIELDS = (
    "id",
    "value",
    "model",
    "version",
    "runtime",
    "fingerprint",
    "t",
    "requested_at",
    "views",
    "vector",
    "stale",
    "ahead_ms",
    "event",
)


class PredictionJson:
    """Writes predictions of one model version with these ``fields``."""

    def __init__(
        self, plan: ModelPlan, inputs: Sequence[Input], model: LoadedModel, fields: Sequence[str] = FIELDS
    ) -> None:
        self._inputs, self._event = inputs, plan.on.id
        self._types = {column.name: column.type for column in plan.on.columns}
        self._outputs = form(dict.fromkeys(model.metadata.outputs, HOLE))
        self._fields = [name for name in fields if name != "event" or self._event is not None]
        self._form = self._form_of(plan, model)

    def write(self, predicted: Predicted) -> list[bytes]:
        """One object for each request, in their order; that of a bad one means nothing."""
        columns = [column for name in self._fields if name in _COLUMNS for column in _COLUMNS[name](self, predicted)]
        return [self._form % fields for fields in zip(*columns, strict=True)]

    def _form_of(self, plan: ModelPlan, model: LoadedModel) -> bytes:
        """An object with holes, which ``write`` fills."""
        parts = {
            "model": fixed(str(plan.name)),
            "version": fixed(model.version),
            "runtime": fixed(model.runtime),
            "fingerprint": fixed(plan.fingerprint),
            "views": form({item.name: HOLE for item in self._inputs}),
            "vector": form({str(item.name): HOLE for item in plan.vector}),
        }
        return form({name: parts.get(name, HOLE) for name in self._fields})

    def _values(self, predicted: Predicted) -> list[list[bytes]]:
        return [self._answers(predicted.answers)]

    def _answers(self, answers: npt.NDArray[np.float64]) -> list[bytes]:
        """The JSON of each answer: a number, or an object with a number for each of the model's outputs."""
        numbers = written("float64", answers.ravel().tolist())
        if answers.ndim == 1:
            return numbers
        outputs = [numbers[place :: answers.shape[1]] for place in range(answers.shape[1])]
        return [self._outputs % row for row in zip(*outputs, strict=True)]

    def _ahead(self, predicted: Predicted) -> list[list[bytes]]:
        """How far the latest row of each is later than its request; 0 where none is."""
        latest = asked = [request.t for request in predicted.requests]
        for item, column in zip(self._inputs, predicted.rows, strict=True):
            if not item.view.static:
                times = [one.rows.t[one.place] for one in column]
                latest = [t if row is None or row < t else row for t, row in zip(latest, times, strict=True)]
        return [written("int64", [row - t for row, t in zip(latest, asked, strict=True)])]

    def _events(self, predicted: Predicted) -> list[list[bytes]]:
        assert self._event is not None
        return [written(self._types[self._event], [request.row[self._event] for request in predicted.requests])]

    def _ids(self, predicted: Predicted) -> list[list[bytes]]:
        return [written("string", [request.id for request in predicted.requests])]

    def _times(self, predicted: Predicted) -> list[list[bytes]]:
        return [written("timestamp", [request.t for request in predicted.requests])]

    def _requested(self, predicted: Predicted) -> list[list[bytes]]:
        return [written("timestamp", [request.record.timestamp for request in predicted.requests])]

    def _views(self, predicted: Predicted) -> list[list[bytes]]:
        return [[one.rows.read[one.place] for one in column] for column in predicted.rows]

    def _vector(self, predicted: Predicted) -> list[list[bytes]]:
        return [written(column.type, column.tolist()) for column in predicted.vector.values()]

    def _stale(self, predicted: Predicted) -> list[list[bytes]]:
        return [written("bool", [request.stale for request in predicted.requests])]


#: What differs from request to request: the columns that fill a field's holes.
_COLUMNS: dict[str, Callable[[PredictionJson, Predicted], list[list[bytes]]]] = {
    "id": PredictionJson._ids,
    "value": PredictionJson._values,
    "t": PredictionJson._times,
    "requested_at": PredictionJson._requested,
    "views": PredictionJson._views,
    "vector": PredictionJson._vector,
    "stale": PredictionJson._stale,
    "ahead_ms": PredictionJson._ahead,
    "event": PredictionJson._events,
}
