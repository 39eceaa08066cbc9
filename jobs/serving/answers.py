"""What is sent: a prediction for each request, or a dead letter for one that cannot be answered."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import orjson

from features.errors import PenstockError
from features.ingest import BadEvent
from features.plan import ModelPlan
from features.row_size import ROW_BYTES
from features.vector import Values, leaf_names, vectors
from jobs.kafka.interface import Headers, Outgoing
from jobs.models.folder import LoadedModel
from jobs.project import DEAD_LETTERS_TOPIC
from jobs.serving.gather import gathered
from jobs.serving.inputs import Input
from jobs.serving.requests import Request

#: A record's greatest size is 1 MB unless the broker says otherwise, and a dead letter holds one in base64.
_RAW_LIMIT = 700_000


class Answers:
    """Makes the records of one model version."""

    def __init__(self, plan: ModelPlan, inputs: Sequence[Input], model: LoadedModel) -> None:
        self._plan, self._inputs, self._model = plan, inputs, model
        self._input_names = [item.name for item in inputs]
        self._model_words = {"model": str(plan.name), "version": model.version, "fingerprint": plan.fingerprint}
        self._output, self._event = plan.output, plan.on.id
        self._types = {column.name: column.type for column in plan.on.columns}
        self._columns = leaf_names(plan, "column")
        self._headers: Headers = [("fingerprint", plan.fingerprint.encode())]

    def make(self, requests: Sequence[Request]) -> list[Outgoing]:
        """A record for each request, in order: a prediction from the features found, or a dead letter for a bad one.

        A request whose vector overflows, or whose prediction no topic would take, becomes a bad one.
        """
        good = [request for request in requests if request.bad is None]
        predicted = iter(self._predict(good) if good else ())
        return [self._dead(request) if request.bad else next(predicted) for request in requests]

    def _predict(self, requests: Sequence[Request]) -> list[Outgoing]:
        """The predictions of those requests that stay good."""
        found = vectors(self._plan, self._leaves(requests), len(requests))
        for name, lost in found.overflow.items():
            for place in np.flatnonzero(lost):
                requests[place].bad = BadEvent("overflow", f"{name} of {self._plan.name} does not fit int64")
        numbers = self._numbers(self._model.predict(found.columns))
        named, read = list(found.columns), self._read(requests)
        rows = zip(*(column.tolist() for column in found.columns.values()), strict=True)
        made = [
            self._prediction(request, number, views, dict(zip(named, row, strict=True)))
            # what was read has no end where there are no inputs
            for request, number, views, row in zip(requests, numbers, read, rows, strict=False)
            if request.bad is None
        ]
        return [message for message in made if message is not None]

    def _read(self, requests: Sequence[Request]) -> Iterable[dict[str, Any]]:
        """For each request what is said of the rows that it found, by input."""
        if not self._inputs:
            return repeat({})
        found = ([request.found[number] for request in requests] for number in range(len(self._inputs)))
        said = ([one.rows.read[one.place] for one in column] for column in found)
        return (dict(zip(self._input_names, each, strict=True)) for each in zip(*said, strict=True))

    def _dead(self, request: Request) -> Outgoing:
        assert request.bad is not None
        return Outgoing(DEAD_LETTERS_TOPIC, None, *dead_letter(self._plan.on.name, request.record, request.bad))

    def _leaves(self, requests: Sequence[Request]) -> dict[str, Values]:
        leaves = {name: Values.of(self._types[name], [r.row[name] for r in requests]) for name in self._columns}
        for number in range(len(self._inputs)):
            leaves |= gathered([request.found[number] for request in requests])
        return leaves

    def _numbers(self, predicted: Any) -> list[float]:
        if not np.isfinite(predicted).all():
            raise PenstockError("the model predicts what is no number", where=self._model.version)
        numbers: list[float] = predicted.tolist()
        return numbers

    def _prediction(
        self, request: Request, number: float, views: dict[str, Any], vector: dict[str, Any]
    ) -> Outgoing | None:
        """None for a request that becomes bad, because its texts make the prediction larger than a record may be."""
        id = request.id
        value = {
            "id": id,
            "value": number,
            **self._model_words,
            "t": request.t,
            "requested_at": request.record.timestamp,
            "views": views,
            "vector": vector,
            "stale": request.stale,
        }
        if self._event is not None:
            value["event"] = request.row[self._event]
        message = Outgoing(self._output, id.encode(), orjson.dumps(value), self._headers)
        if len(message.value) <= ROW_BYTES:
            return message
        request.bad = BadEvent("too long", f"its prediction has {len(message.value)} bytes, {ROW_BYTES} have room")
        return None


def dead_letter(source: str, record: Any, bad: BadEvent) -> tuple[bytes, Headers]:
    """Value and headers: where the record lies, why it is bad, and its raw bytes in base64.

    Bytes that would make the letter larger than a record may be are left out, and the detail says so.
    """
    raw = record.value or b""
    large = len(raw) > _RAW_LIMIT
    value = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "source": source,
        "view": bad.view,
        "error": bad.code,
        "detail": f"{bad.detail} ({len(raw)} raw bytes are too many to repeat)" if large else bad.detail,
        "raw": None if large else base64.b64encode(raw).decode(),
    }
    return orjson.dumps(value), [("error", bad.code.encode())]
