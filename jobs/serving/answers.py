"""What is sent: a prediction for each request, or a dead letter for one that cannot be answered."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from penstock.features.ingest import BadEvent
from penstock.features.plan import ModelPlan
from penstock.features.row_size import ROW_BYTES
from penstock.features.vector import Values, leaf_names, vectors
from penstock.jobs.kafka.interface import Headers, Outgoing
from penstock.jobs.kafka.owner import PROJECT
from penstock.jobs.models.folder import LoadedModel
from penstock.jobs.project.config import Config
from penstock.jobs.serving.gather import gathered
from penstock.jobs.serving.inputs import Input
from penstock.jobs.serving.json_columns import HOLE, fixed, form, written
from penstock.jobs.serving.requests import Found, Request
from penstock.jobs.serving.successor import Recent

#: A record's greatest size is 1 MB unless the broker says otherwise, and a dead letter holds one in base64.
_RAW_LIMIT = 700_000


class Answers:
    """Makes the records of one model version. Its vectors are added to ``recent``."""

    def __init__(
        self, config: Config, plan: ModelPlan, inputs: Sequence[Input], model: LoadedModel, recent: Recent
    ) -> None:
        self._plan, self._inputs, self._model = plan, inputs, model
        self._form = _form(plan, inputs, model)
        self._outputs = form(dict.fromkeys(model.metadata.outputs, HOLE))
        self._output, self._event = plan.output, plan.on.id
        self._types = {column.name: column.type for column in plan.on.columns}
        self._columns = leaf_names(plan, "column")
        self._headers: Headers = [("fingerprint", plan.fingerprint.encode()), (PROJECT, config.project.encode())]
        self._dead_letters = config.names.dead_letters
        self._recent = recent

    def make(self, requests: Sequence[Request]) -> list[Outgoing]:
        """A record for each request, in order: a prediction from the features found, or a dead letter for a bad one.

        A request becomes a bad one if its vector overflows, the model has no finite number for it, or no topic would
        take its prediction.
        """
        good = [request for request in requests if request.bad is None]
        predicted = iter(self._predict(good) if good else ())
        return [self._dead(request) if request.bad else next(predicted) for request in requests]

    def _predict(self, requests: Sequence[Request]) -> list[Outgoing]:
        """The predictions of those requests that stay good."""
        found = [[request.found[number] for request in requests] for number in range(len(self._inputs))]
        made = vectors(self._plan, self._leaves(requests, found), len(requests))
        for name, lost in made.overflow.items():
            for place in np.flatnonzero(lost):
                requests[place].bad = BadEvent("overflow", f"{name} of {self._plan.name} does not fit int64")
        predicted = self._model.predict(made.columns)
        self._recent.add(len(requests), made.columns)
        for place in np.flatnonzero(~np.isfinite(predicted.reshape(len(requests), -1)).all(axis=1)):
            requests[place].bad = BadEvent("no answer", f"{self._model.version} gives no finite number for its vector")
        answers = self._answered(predicted)
        ids = [request.id for request in requests]
        values = self._values(requests, found, ids, answers, made.columns)
        messages = [
            self._prediction(request, id, value)
            for request, id, value in zip(requests, ids, values, strict=True)
            if request.bad is None
        ]
        return [message for message in messages if message is not None]

    def _values(
        self,
        requests: Sequence[Request],
        found: Sequence[Sequence[Found]],
        ids: list[str],
        answers: list[bytes],
        vector: Mapping[str, Values],
    ) -> list[bytes]:
        """The predictions' JSON; that of a request which became bad means nothing. ``found``: by input."""
        columns = [
            written("string", ids),
            answers,
            written("timestamp", [request.t for request in requests]),
            written("timestamp", [request.record.timestamp for request in requests]),
            *([one.rows.read[one.place] for one in column] for column in found),
            *(written(column.type, column.tolist()) for column in vector.values()),
            written("bool", [request.stale for request in requests]),
            written("int64", self._ahead(requests, found)),
        ]
        if self._event is not None:
            columns.append(written(self._types[self._event], [request.row[self._event] for request in requests]))
        return [self._form % fields for fields in zip(*columns, strict=True)]

    def _ahead(self, requests: Sequence[Request], found: Sequence[Sequence[Found]]) -> list[int]:
        """How far the latest row of each is later than its request; 0 where none is. ``found``: by input."""
        latest = asked = [request.t for request in requests]
        for item, column in zip(self._inputs, found, strict=True):
            if not item.view.static:
                times = [one.rows.t[one.place] for one in column]
                latest = [t if row is None or row < t else row for t, row in zip(latest, times, strict=True)]
        return [row - t for row, t in zip(latest, asked, strict=True)]

    def _dead(self, request: Request) -> Outgoing:
        assert request.bad is not None
        letter = dead_letter(f"infer {self._plan.name}", self._plan.on.name, request.record, request.bad)
        return Outgoing(self._dead_letters, None, *letter)

    def _leaves(self, requests: Sequence[Request], found: Sequence[Sequence[Found]]) -> dict[str, Values]:
        leaves = {name: Values.of(self._types[name], [r.row[name] for r in requests]) for name in self._columns}
        for column in found:
            leaves |= gathered(column)
        return leaves

    def _answered(self, predicted: npt.NDArray[np.float64]) -> list[bytes]:
        """The JSON of each answer: a number, or an object with a number for each of the model's outputs."""
        numbers = written("float64", predicted.ravel().tolist())
        if predicted.ndim == 1:
            return numbers
        outputs = [numbers[place :: predicted.shape[1]] for place in range(predicted.shape[1])]
        return [self._outputs % row for row in zip(*outputs, strict=True)]

    def _prediction(self, request: Request, id: str, value: bytes) -> Outgoing | None:
        """None for a request that becomes bad, because its texts make the prediction larger than a record may be."""
        if len(value) <= ROW_BYTES:
            return Outgoing(self._output, id.encode(), value, self._headers)
        request.bad = BadEvent("too long", f"its prediction has {len(value)} bytes, {ROW_BYTES} have room")
        return None


def _form(plan: ModelPlan, inputs: Sequence[Input], model: LoadedModel) -> bytes:
    """A prediction's JSON with holes, in the order in which ``Answers`` fills them."""
    fields = {
        "id": HOLE,
        "value": HOLE,
        "model": fixed(str(plan.name)),
        "version": fixed(model.version),
        "runtime": fixed(model.runtime),
        "fingerprint": fixed(plan.fingerprint),
        "t": HOLE,
        "requested_at": HOLE,
        "views": form({item.name: HOLE for item in inputs}),
        "vector": form({str(item.name): HOLE for item in plan.vector}),
        "stale": HOLE,
        "ahead_ms": HOLE,
    }
    return form(fields if plan.on.id is None else {**fields, "event": HOLE})


def dead_letter(job: str, source: str, record: Any, bad: BadEvent) -> tuple[bytes, Headers]:
    """Value and headers: where the record lies, which job refused it and why, and its raw bytes in base64, null when
    unreadable.

    Bytes that would make the letter larger than a record may be are left out, and the detail says so.
    """
    raw = record.value or b""
    large = len(raw) > _RAW_LIMIT
    value = {
        "job": job,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "source": source,
        "view": bad.view,
        "error": bad.code,
        "detail": f"{bad.detail} ({len(raw)} raw bytes are too many to repeat)" if large else bad.detail,
        "raw": None if large or bad.code == "unreadable" else base64.b64encode(raw).decode(),
    }
    return orjson.dumps(value), [("error", bad.code.encode())]
