"""The store writer: feature topics → the newest row of each key in a batch → the online store → commit.

Offsets are committed after the write, and the store compares ``(t, seq)`` itself: a redelivered row, or one
that another writer has overtaken, changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from features.errors import PenstockError, RefusedError
from features.plan import ViewPlan
from jobs.project import FEATURES_TOPIC, Project
from jobs.store.rows import FeatureRow, ViewSchema
from jobs.store.schema import schema_of

GROUP = "penstock.writer"


@dataclass
class WriterCounts:
    """``read``: records read; ``kept``: newest rows after each batch; ``applied``: rows that the store took."""

    read: int = 0
    kept: int = 0
    applied: int = 0
    batches: int = 0
    by_view: dict[str, int] = field(default_factory=dict)


def newest(plan: ViewPlan, records: Iterable[Any]) -> list[FeatureRow]:
    """The row with the greatest ``(t, seq)`` of each key. Raises RefusedError for rows of another plan."""
    rows: dict[bytes, dict[str, Any]] = {}
    for record in records:
        _check_fingerprint(plan, record)
        row = _read(record)
        held = rows.get(record.key)
        if held is None or (row["t"], row["seq"]) > (held["t"], held["seq"]):
            rows[record.key] = row
    return [_row(plan, row) for row in rows.values()]


def _row(plan: ViewPlan, row: dict[str, Any]) -> FeatureRow:
    key = tuple(row["key"][column.name] for column in plan.key)
    return FeatureRow(key, row["t"], row["seq"], tuple(row["values"][feature.name] for feature in plan.features))


def _read(record: Any) -> dict[str, Any]:
    try:
        row: dict[str, Any] = orjson.loads(record.value)
    except orjson.JSONDecodeError as error:
        raise PenstockError(f"a feature row is not JSON: {error}", where=_place(record)) from None
    return row


def _check_fingerprint(plan: ViewPlan, record: Any) -> None:
    found = next((value for name, value in record.headers if name == "fingerprint"), b"")
    if found != plan.fingerprint.encode():
        raise RefusedError(
            f"a row of {plan.name} was made by another definition: {found.decode(errors='replace') or 'no fingerprint'}",
            where=_place(record),
            allowed=plan.fingerprint,
            hint="a changed view needs a new topic, or its old rows deleted",
        )


def _place(record: Any) -> str:
    return f"{record.topic}-{record.partition} offset {record.offset}"


class Writer:
    """Reads ``consumer`` (subscribed to the feature topics, no auto-commit) and writes ``store``."""

    def __init__(self, project: Project, consumer: Any, store: Any, *, batch: int = 20_000) -> None:
        plans = [plan for plans in project.streamed.values() for plan in plans]
        self._views: dict[str, tuple[ViewPlan, ViewSchema]] = {
            FEATURES_TOPIC.format(view=plan.name): (plan, schema_of(plan)) for plan in plans
        }
        self._consumer, self._store, self._batch = consumer, store, batch
        self.counts = WriterCounts()

    def run(self, stop: threading.Event, progress: Callable[[WriterCounts], None] = lambda counts: None) -> None:
        """Works until ``stop`` is set; the batch in hand is finished and committed."""
        while not stop.is_set():
            if self.step():
                progress(self.counts)

    def step(self, timeout_ms: int = 50) -> int:
        """One batch: read, write, commit. Returns how many records it read."""
        polled = self._consumer.poll(timeout_ms=timeout_ms, max_records=self._batch)
        by_topic: dict[str, list[Any]] = {}
        for place, records in polled.items():
            by_topic.setdefault(place.topic, []).extend(records)
        for topic, records in by_topic.items():
            self._write(topic, records)
        if by_topic:
            self._consumer.commit()
            self.counts.batches += 1
        return sum(len(records) for records in by_topic.values())

    def _write(self, topic: str, records: list[Any]) -> None:
        plan, schema = self._views[topic]
        rows = newest(plan, records)
        self.counts.applied += self._store.write_rows(schema, rows)
        self.counts.read += len(records)
        self.counts.kept += len(rows)
        self.counts.by_view[plan.name] = self.counts.by_view.get(plan.name, 0) + len(records)
