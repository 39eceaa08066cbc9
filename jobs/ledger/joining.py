"""How predictions and labels are read from their topics: which of them belong together, and what each one says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from penstock.features.errors import UsageError
from penstock.features.ingest import BadEvent, Row
from penstock.features.objectives import SCORE
from penstock.features.plan import LabelPlan, ModelPlan
from penstock.features.vector import Values, evaluate
from penstock.jobs.kafka.interface import Record
from penstock.jobs.project.project import Project
from penstock.jobs.serving.parse import Parser


@dataclass(frozen=True)
class Answer:
    """A prediction. ``event``: the JSON of the id by which its label comes; ``t``: its request's time, milliseconds;
    ``value`` and ``vector``: JSON.
    """

    id: str
    version: str
    event: str
    t: int
    value: bytes
    vector: bytes


@dataclass(frozen=True)
class Outcome:
    """An event that has a label. ``t``: its time, milliseconds; ``label``: null is None."""

    event: str
    t: int
    partition: int
    offset: int
    label: float | int | str | None


class Joining:
    """Reads the records of a model's predictions and of its labels.

    Raises UsageError for a model whose errors cannot be told row by row as the labels come.
    """

    def __init__(self, project: Project, plan: ModelPlan) -> None:
        self.plan, self.label = plan, _label_of(plan)
        _check(project, plan, self.label)
        self.source = project.streams[self.label.source].source_plan
        #: Is the label a column of the request itself?
        self.own = self.label.source == plan.on.name
        #: A shadow answers beside the others.
        self.answer_topics = (str(plan.output), project.names.shadow(str(plan.output)))
        self.label_topic = project.topic(self.label.source)
        self._parser = Parser(self.source)
        #: Records that are no predictions of this definition, and those of the label's topic that are bad events.
        self.foreign, self.refused = 0, 0

    def answers(self, records: Iterable[Record]) -> list[Answer]:
        """The predictions of this model and definition. Others may be in the same topic; those of another definition
        are counted.
        """
        answers = []
        for record in records:
            value = _document(record)
            if value is None or value.get("model") != self.plan.name:
                continue
            if value.get("fingerprint") != self.plan.fingerprint:
                self.foreign += 1
                continue
            event = value["id"] if self.own else value.get("event")
            answers.append(
                Answer(
                    value["id"],
                    value["version"],
                    orjson.dumps(event).decode(),
                    value["t"],
                    orjson.dumps(value["value"]),
                    orjson.dumps(value["vector"]),
                )
            )
        return answers

    def outcomes(self, records: Sequence[Record]) -> list[Outcome]:
        """The events of the label's topic that have an id; a bad event is counted."""
        read = list(zip(records, self._parser.rows(records), strict=True))
        good = [(record, row) for record, row in read if not isinstance(row, BadEvent)]
        self.refused += len(read) - len(good)
        if not good:
            return []
        labels = self._labels([row for _, row in good])
        named = zip(good, labels, strict=True)
        return [
            Outcome(event, row[self.source.time_column], record.partition, record.offset, label)
            for (record, row), label in named
            if (event := self._event(record, row)) is not None
        ]

    def _event(self, record: Record, row: Row) -> str | None:
        id = f"{record.topic}-{record.partition}-{record.offset}" if self.own else row[self.source.id_column]
        return None if id is None else orjson.dumps(id).decode()

    def _labels(self, rows: Sequence[Row]) -> list[Any]:
        leaves = {
            str(leaf.name): Values.of(leaf.type, [row[str(leaf.name)] for row in rows]) for leaf in self.label.leaves
        }
        label, overflow = evaluate(self.label.expr, leaves, len(rows))
        return Values(label.type, label.values, label.null | overflow).tolist()


def _document(record: Record) -> dict[str, Any] | None:
    """A prediction's fields; None for a record that is none."""
    try:
        value = orjson.loads(record.value or b"null")
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _label_of(plan: ModelPlan) -> LabelPlan:
    if plan.label is None:
        raise UsageError(f"{plan.name} has no label", where=plan.name, allowed="label=, a column of a stream")
    return plan.label


def _check(project: Project, plan: ModelPlan, label: LabelPlan) -> None:
    if label.future is not None:
        raise UsageError(
            f"the label of {plan.name} is of a Future, which no stream computes",
            where=plan.name,
            allowed="a label that is a column of a stream, or an expression over columns of one",
            hint="'penstock train' evaluates such a model on its training set",
        )
    if plan.objective.answer == SCORE:
        raise UsageError(
            f"{plan.name} ranks: a score has an error only within its group",
            where=plan.name,
            allowed="any other objective",
            hint="'penstock train' evaluates a ranking on its training set",
        )
    source = project.streams[label.source]
    if source.topic is None:
        raise UsageError(
            f"the labels of {plan.name} come on no topic: {label.source} is history only",
            where=str(project.config.definitions),
            hint=f"give {label.source} a topic=",
        )
    if source.source_plan.changes:
        raise UsageError(
            f"the events of {label.source}, which has the label of {plan.name}, change",
            where=str(project.config.definitions),
            allowed="a label of a stream without op=",
        )
