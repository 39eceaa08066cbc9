"""What is sent: a prediction for each request, or a dead letter for one that cannot be answered."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import orjson

from penstock.features.ingest import BadEvent
from penstock.features.plan import ModelPlan
from penstock.features.row_size import ROW_BYTES
from penstock.jobs.kafka.interface import Headers, Outgoing
from penstock.jobs.kafka.owner import PROJECT
from penstock.jobs.project.config import Config
from penstock.jobs.serving.inputs import Input
from penstock.jobs.serving.lineup import Lineup
from penstock.jobs.serving.predicting import Predicting
from penstock.jobs.serving.prediction_json import PredictionJson
from penstock.jobs.serving.recent import Recent
from penstock.jobs.serving.requests import Request

#: A record's greatest size is 1 MB unless the broker says otherwise, and a dead letter holds one in base64.
_RAW_LIMIT = 700_000


class Answers:
    """Makes the records of a model's versions. Its vectors are added to ``recent``."""

    def __init__(
        self, config: Config, plan: ModelPlan, inputs: Sequence[Input], lineup: Lineup, recent: Recent
    ) -> None:
        self._plan, self._output, self._shadow = plan, plan.output, config.names.shadow(plan.output)
        self._predicting = Predicting(plan, inputs, lineup, recent)
        self._json = PredictionJson(plan, inputs)
        self._headers: Headers = [("fingerprint", plan.fingerprint.encode()), (PROJECT, config.project.encode())]
        self._dead_letters = config.names.dead_letters

    def succeed(self, lineup: Lineup) -> None:
        """From now on these versions answer."""
        self._predicting.lineup = lineup

    def make(self, requests: Sequence[Request]) -> list[Outgoing]:
        """A record for each request, in order: a prediction from the features found, or a dead letter for a bad one.
        Behind them the shadow's predictions for those that are no bad ones.

        A request becomes a bad one if its vector overflows, the model has no finite number for it, or no topic would
        take its prediction.
        """
        good = [request for request in requests if request.bad is None]
        answers, shadow = self._predict(good) if good else ([], [])
        predicted = iter(answers)
        return [*(self._dead(request) if request.bad else next(predicted) for request in requests), *shadow]

    def _predict(self, requests: Sequence[Request]) -> tuple[list[Outgoing], list[Outgoing]]:
        """The predictions of those requests that stay good, and the shadow's."""
        values, beside = self._json.write_both(self._predicting.predict(requests))
        messages = [
            self._prediction(request, value)
            for request, value in zip(requests, values, strict=True)
            if request.bad is None
        ]
        shadow = [
            Outgoing(self._shadow, requests[place].id.encode(), value, self._headers)
            for place, value in beside.items()
            if requests[place].bad is None and len(value) <= ROW_BYTES
        ]
        return [message for message in messages if message is not None], shadow

    def _dead(self, request: Request) -> Outgoing:
        assert request.bad is not None
        letter = dead_letter(f"infer {self._plan.name}", self._plan.on.name, request.record, request.bad)
        return Outgoing(self._dead_letters, None, *letter)

    def _prediction(self, request: Request, value: bytes) -> Outgoing | None:
        """None for a request that becomes bad, because its texts make the prediction larger than a record may be."""
        if len(value) <= ROW_BYTES:
            return Outgoing(self._output, request.id.encode(), value, self._headers)
        request.bad = BadEvent("too long", f"its prediction has {len(value)} bytes, {ROW_BYTES} have room")
        return None


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
