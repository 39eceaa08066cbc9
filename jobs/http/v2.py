"""The Open Inference Protocol, version 2, over REST: stock clients ask the same models and get the same bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from penstock.features.errors import PenstockError
from penstock.jobs.http.answering import Answering
from penstock.jobs.http.body import BodyRecord
from penstock.jobs.http.refusal import JSON, Refusal, log_refusal
from penstock.jobs.http.v2_tensors import DATATYPES, outputs_of, records_of
from penstock.jobs.http.version import Answers

#: Says how long the JSON is where binary tensors follow it.
LENGTH = "Inference-Header-Content-Length"
EXTENSIONS = ("binary_tensor_data",)
#: What the one number of a model is called.
VALUE = "value"


class V2Question:
    """One body of the protocol: ``records`` of the model, and how the answer is spelled. Raises Refusal."""

    def __init__(self, model: Answering, body: bytes, length: str | None) -> None:
        asked, binary = _split(body, length)
        self._id = asked.get("id")
        self.records: list[BodyRecord] = records_of(model.source, asked.get("inputs"), binary)
        self._names = output_names(model)
        self._wanted = _wanted(asked, self._names)
        #: Of the answer, once it is spelled.
        self.headers: dict[str, str] = {}

    def __call__(self, batch: Answers, start: int, stop: int) -> bytes:
        """The answer to the requests from ``start`` to ``stop``."""
        tensors, binary = outputs_of(batch.numbers[start:stop], self._names, self._wanted)
        model = batch.model
        answer: dict[str, Any] = {"model_name": model.name, "model_version": model.version, "outputs": tensors}
        answer["parameters"] = {"runtime": model.runtime, "fingerprint": model.fingerprint}
        text = orjson.dumps(answer if self._id is None else {"id": self._id, **answer})
        if binary:
            self.headers[LENGTH] = str(len(text))
        return text + binary


def output_names(model: Answering) -> tuple[str, ...]:
    """One tensor for each number of an answer."""
    return model.version.model.metadata.outputs or (VALUE,)


def metadata(model: Answering) -> dict[str, Any]:
    """What the protocol tells of a model."""
    inputs = [
        {"name": str(column.name), "datatype": DATATYPES[column.type][0], "shape": [-1]}
        for column in model.source.columns
    ]
    outputs = [{"name": name, "datatype": "FP64", "shape": [-1]} for name in output_names(model)]
    loaded = model.version.model
    return {
        "name": loaded.name,
        "versions": [loaded.version],
        "platform": "penstock",
        "inputs": inputs,
        "outputs": outputs,
    }


def of_version(models: Mapping[str, Answering], name: str, version: str | None) -> Answering:
    """The model, which answers with this version if one is named. Raises Refusal."""
    model = models.get(name)
    if model is None:
        raise Refusal(404, PenstockError(f"there is no model {name[:100]!r} here", allowed=", ".join(models)))
    current = model.version.model.version
    if version not in (None, current):
        raise Refusal(404, PenstockError(f"version {version} of {name} does not answer here", allowed=current))
    return model


def refused_v2(refusal: Refusal, request: Request) -> Response:
    """``{"error": …}`` with all that is to be said as one text."""
    headers = log_refusal(refusal, request)
    return Response(orjson.dumps({"error": refusal.text}), refusal.status, headers, JSON)


def _split(body: bytes, length: str | None) -> tuple[dict[str, Any], bytes]:
    """The JSON, and the bytes behind it."""
    if length is not None and not (length.isdecimal() and int(length) <= len(body)):
        raise _bad(f"the header {LENGTH} is {length[:50]!r}", "the length of the JSON in bytes")
    size = len(body) if length is None else int(length)
    try:
        asked = orjson.loads(body[:size])
    except orjson.JSONDecodeError as error:
        raise _bad(f"the body is not JSON: {error.msg}", "an inference request") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("id", ""), str):
        raise _bad("the body is no inference request", "an object with inputs; id is a text")
    return asked, body[size:]


def _wanted(asked: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, bool]:
    """The outputs to give, and whether in binary."""
    every = _parameter(asked, "binary_data_output")
    outputs = asked.get("outputs") or [{"name": name} for name in names]
    if not isinstance(outputs, list) or not all(
        isinstance(each, dict) and each.get("name") in names for each in outputs
    ):
        raise _bad("an output is asked for that the model has not", f"outputs named {', '.join(names)}")
    return {each["name"]: _parameter(each, "binary_data") or every for each in outputs}


def _parameter(of: Mapping[str, Any], name: str) -> bool:
    parameters = of.get("parameters")
    return isinstance(parameters, dict) and parameters.get(name) is True


def _bad(what: str, allowed: str) -> Refusal:
    return Refusal(400, PenstockError(what, allowed=allowed))
