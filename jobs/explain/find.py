"""The records that an id leads to: the request, and its prediction or the dead letter that answered it.

A prediction is written after its request. So the model's output is read from the Kafka timestamp of the request on
(less what clocks may differ by) until the record with that key is found. The clock of whoever sent the request may be
far ahead: where there is no such record, what lies before is read too.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any, NamedTuple

import orjson

from penstock.features.errors import PenstockError, UsageError, did_you_mean
from penstock.features.model import Model
from penstock.jobs.audit.requests import place_of
from penstock.jobs.console.visible import one_line
from penstock.jobs.kafka.interface import Record
from penstock.jobs.kafka.reading import CLOCKS_MS, bounds, read_from, read_records
from penstock.jobs.project.project import Project


class RequestPlace(NamedTuple):
    """A request's place."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}-{self.offset}"


def find_place(project: Project, id: str) -> RequestPlace:
    """The place that an id names. Raises UsageError for what is no id, or of no model's requests."""
    topics = sorted({str(model.on.topic) for model in project.models.values() if model.on.topic is not None})
    found = place_of(id)
    example = f"such as {topics[0]}-0-1742" if topics else None
    if found is None:
        raise UsageError(
            f"{id!r} is not the id of a prediction", where="ID", allowed="TOPIC-PARTITION-OFFSET", hint=example
        )
    if found[0] not in topics:
        raise UsageError(
            f"no model answers requests of the topic {found[0]!r}",
            where="ID",
            allowed=", ".join(topics) or "no model has a request topic",
            hint=did_you_mean(found[0], topics),
        )
    return RequestPlace(*found)


def find_model(project: Project, place: RequestPlace, named: str | None) -> Model:
    """The model that answers those requests. Raises UsageError where there are several and none is named."""
    models = [model for model in project.models.values() if model.on.topic == place.topic]
    if named is not None:
        model = project.model(named)
        if model not in models:
            raise UsageError(
                f"{named} does not answer requests of {place.topic}",
                where="--model",
                allowed=", ".join(str(model.name) for model in models),
            )
        return model
    if len(models) > 1:
        names = ", ".join(str(model.name) for model in models)
        raise UsageError(f"several models answer {place.topic}", where="--model", allowed=names)
    return models[0]


def find_request(project: Project, place: RequestPlace) -> Record | None:
    """The record of a request; None where its topic has it no longer. Raises UsageError where there never was one."""
    found = bounds(project, place.topic)
    if place.partition not in found:
        partitions = ", ".join(map(str, sorted(found)))
        raise UsageError(
            f"{place.topic} has no partition {place.partition}", where="ID", allowed=f"partitions {partitions}"
        )
    first, end = found[place.partition]
    if place.offset >= end:
        raise UsageError(
            f"{place.topic}-{place.partition} has no offset {place.offset} yet",
            where="ID",
            allowed=f"{first} to {end - 1}",
        )
    starts = {partition: end for partition, (_, end) in found.items()} | {place.partition: place.offset}
    with closing(read_records(project, place.topic, None, starts)) as records:
        record = next(records, None)
    return record if record is not None and record.offset == place.offset else None


def find_prediction(
    project: Project, model: Model, place: RequestPlace, request: Record | None, shadow: bool = False
) -> dict[str, Any]:
    """The prediction's record; with ``shadow`` that of the shadow.

    Raises PenstockError: the request was refused (with the reason), or has no answer.
    """
    since = None if request is None or request.timestamp < 0 else request.timestamp - CLOCKS_MS
    key = str(place).encode()
    output = project.names.shadow(model.output) if shadow else model.output
    with closing(read_from(project, output, since)) as records:
        for record in records:
            if record.key == key and record.value is not None:
                prediction = dict(orjson.loads(record.value))
                if prediction["model"] == model.name:  # others may answer into the same topic
                    return prediction
    raise _unanswered(project, model, place, since, output)


def _unanswered(project: Project, model: Model, place: RequestPlace, since: int | None, output: str) -> PenstockError:
    with closing(read_from(project, project.names.dead_letters, since)) as records:
        for record in records:
            if record.value is None:
                continue
            letter = orjson.loads(record.value)
            if (letter["topic"], letter["partition"], letter["offset"]) == place and letter[
                "job"
            ] == f"infer {model.name}":
                return PenstockError(
                    f"{place} was refused: {letter['error']}: {one_line(str(letter['detail']))}",
                    where=f"{record.topic}-{record.partition}-{record.offset}",
                    hint="a request that is refused is answered by a dead letter, not by a prediction",
                )
    return PenstockError(
        f"{place} has no prediction of {model.name}",
        where=output,
        hint=f"is 'penstock infer {model.name}' running, and did it begin at this request or before?",
    )
