"""The store writer: feature topics → the newest row of each key in a batch → the online store → commit.

Offsets are committed after the write, and the store compares ``(t, seq)`` itself: a redelivered row, or one
that another writer has overtaken, changes nothing.

A record without a value is a tombstone: the store forgets the key, and takes whatever row comes for it later. What is
redelivered goes by in the topic's order, the tombstone after the rows that it erases.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from penstock.features.errors import PenstockError, RefusedError
from penstock.features.plan import ViewPlan
from penstock.jobs.console.logs import about, logger
from penstock.jobs.kafka.clients import answering, consumer
from penstock.jobs.kafka.errors import OffsetGone, Unanswered, Unreadable
from penstock.jobs.kafka.interface import Consumer, Place, Record
from penstock.jobs.kafka.loss import OPTION, loss_of, refused
from penstock.jobs.kafka.whole import WholeTopics
from penstock.jobs.process.collection import no_collection
from penstock.jobs.project.project import Project
from penstock.jobs.store.bulk import BulkStore
from penstock.jobs.store.key_json import parse_key
from penstock.jobs.store.rows import FeatureRow, ViewSchema
from penstock.jobs.store.schema import schema_of

_LOG = logger("stream")

#: Rows in one batch at most: the more, the more of them are overtaken within it and need not be written.
BATCH = 50_000
#: So many rows at once mean that there is a backlog: then it pays to gather more of it, for so many seconds.
BUSY, GATHER_S = 1_000, 0.5
#: Else so many seconds: the views' rows of one event come one after the other, and each write waits for the disk.
LINGER_S = 0.004

#: Seconds between two commits: one costs about as much as a small batch, and what is done twice does no harm.
COMMIT_S = 0.2

#: How long one commit may take, in milliseconds, and how long Kafka may be away before the writer gives up, in seconds.
COMMIT_MS, PATIENCE_S = 5_000, 60.0

Clock = tuple[int, int]


@dataclass
class WriterCounts:
    """``read``: records read; ``kept``: newest rows after each batch; ``applied``: rows that the store took;
    ``erased``: keys that tombstones have erased.

    ``by_view``: records read, ``newest``: the greatest ``t`` written; ``store_seconds``: spent in writes. ``lost``:
    offsets of feature topics that no longer existed before they were read.
    """

    read: int = 0
    kept: int = 0
    applied: int = 0
    erased: int = 0
    batches: int = 0
    by_view: dict[str, int] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    store_seconds: float = 0.0
    lost: int = 0


@contextmanager
def reader(project: Project) -> Iterator[Consumer]:
    """A consumer for the writer, which has it read every feature topic from where the writer's group has come to.

    The writer takes its partitions itself: a group would wait for the session of a killed writer to run out, and two
    writers at once only do the same work twice.
    """
    with answering(project.config), consumer(project.config, None, group_id=project.names.writer_group) as found:
        yield found


def _topics(project: Project) -> dict[str, ViewPlan]:
    return {project.names.features(plan.name): plan for plan in project.streamed_views}


class Changes(NamedTuple):
    """What records of a view's topic change: first the rows of the keys ``erased`` go, then ``rows`` come."""

    rows: list[FeatureRow]
    erased: list[tuple[Any, ...]]


def newest(plan: ViewPlan, records: Iterable[Record]) -> Changes:
    """The row with the greatest ``(t, seq)`` of each key since its last tombstone, and the keys with a tombstone.

    Each key's records are in the topic's order. Raises RefusedError for rows of another plan and PenstockError for
    records that are no rows. A tombstone that erases nothing is told in the log.
    """
    held: dict[bytes | None, tuple[Clock, Record]] = {}
    tombstones: dict[bytes | None, Record] = {}
    for record in records:
        if not record.value:
            held.pop(record.key, None)
            tombstones[record.key] = record
            continue
        check_made_by(plan, record)
        clock, known = clock_of(record), held.get(record.key)
        if known is None or clock > known[0]:
            held[record.key] = clock, record
    return Changes([_row(plan, record) for _, record in held.values()], list(_erased(plan, tombstones.values())))


def _erased(plan: ViewPlan, tombstones: Iterable[Record]) -> Iterator[tuple[Any, ...]]:
    """Their keys. One that is no key of the view erases nothing, which the log tells."""
    for record in tombstones:
        key = parse_key(schema_of(plan), record.key)
        if key is not None:
            yield key
        else:
            columns = ", ".join(sorted(f"{column.name}: {column.type}" for column in plan.key))
            place = about(topic=record.topic, partition=record.partition, offset=record.offset)
            line = "a tombstone erases nothing: %r is not the canonical JSON of a key of %s (%s)"
            _LOG.warning(line, record.key, plan.name, columns, extra=place)


def check_made_by(plan: ViewPlan, record: Record) -> None:
    """Raises RefusedError for a record of a feature topic that was made by another definition of the view."""
    if not record.carries("fingerprint", plan.fingerprint.encode()):
        raise _foreign(plan, record)


def clock_of(record: Record) -> Clock:
    """``(t, seq)`` without reading the rest, when the row is written as the job writes it.

    Names are quoted and quotes within JSON strings are not bare, so nothing else can look like this.
    """
    value = record.value or b""
    try:
        t = value.index(b',"t":')
        seq = value.index(b',"seq":', t)
        return int(value[t + 5 : seq]), int(value[seq + 7 : value.index(b',"values":', seq)])
    except ValueError:
        row = _read(record)
        return row["t"], row["seq"]


def _row(plan: ViewPlan, record: Record) -> FeatureRow:
    row = _read(record)
    try:
        key = tuple([row["key"][column.name] for column in plan.key])
        values = tuple([row["values"][feature.name] for feature in plan.features])
        return FeatureRow(key, row["t"], row["seq"], values)
    except (KeyError, TypeError) as error:
        raise PenstockError(f"a row of {plan.name} lacks a part: {error}", where=_place(record)) from None


def _read(record: Record) -> dict[str, Any]:
    try:
        row: dict[str, Any] = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError as error:
        raise PenstockError(f"a feature row is not JSON: {error}", where=_place(record)) from None
    if not isinstance(row, dict) or not isinstance(row.get("t"), int) or not isinstance(row.get("seq"), int):
        raise PenstockError("a feature row lacks its t or seq", where=_place(record))
    return row


def _foreign(plan: ViewPlan, record: Record) -> RefusedError:
    found = dict(record.headers).get("fingerprint") or b""
    return RefusedError(
        f"a row of {plan.name} was made by another definition: {found.decode(errors='replace') or 'no fingerprint'}",
        where=_place(record),
        allowed=plan.fingerprint,
        hint="give a changed view a new name, or delete the topic with its old rows",
    )


def _place(record: Record) -> str:
    return f"{record.topic}-{record.partition} offset {record.offset}"


class Writer:
    """Reads ``consumer`` (what ``reader`` gives) and writes ``store``. ``counts``: goes on from these.

    ``accept_loss``: rows that no longer exist before they were read are counted, and ``say`` is told of them; otherwise
    they raise RefusedError.
    """

    def __init__(
        self,
        project: Project,
        consumer: Consumer,
        store: BulkStore,
        *,
        batch: int = BATCH,
        counts: WriterCounts | None = None,
        accept_loss: bool = False,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._views: dict[str, tuple[ViewPlan, ViewSchema]] = {
            topic: (plan, schema_of(plan)) for topic, plan in _topics(project).items()
        }
        self._config = project.config
        self._consumer, self._store, self._batch = consumer, store, batch
        self._committed: dict[Place, int] = {}
        self._answered, self._due = time.monotonic(), 0.0
        self.counts = counts or WriterCounts()
        self._accept_loss, self._say = accept_loss, say
        with answering(self._config):
            self._whole = WholeTopics(consumer, list(self._views))
            self._check_beginnings(self._whole.places)

    def _check_beginnings(self, places: Sequence[Place]) -> None:
        """Where nothing was committed, every row was to be read from the first one that there ever was."""
        for place, first in self._consumer.beginning_offsets(places).items():
            if first and self._consumer.committed(place) is None:
                self._lose(OffsetGone(*place, 0))

    def _lose(self, gone: OffsetGone) -> None:
        """Counts what is missing and goes on with the first rows that there are, or raises RefusedError."""
        loss = loss_of(self._consumer, gone)
        if not self._accept_loss:
            raise refused([loss], f"group {self._consumer.group_id}")
        self._say(f"accepted: {loss}")
        self.counts.lost += loss.missing
        self._consumer.seek(loss.place, loss.first)

    def run(self, stop: threading.Event, progress: Callable[[WriterCounts], None] = lambda counts: None) -> None:
        """Works until ``stop`` is set; the batch in hand is finished and committed. Raises PenstockError."""
        while not stop.is_set():
            if self.step():
                progress(self.counts)
        with answering(self._config):
            self._commit()

    def step(self, timeout_ms: int = 50) -> int:
        """One batch: read, write, commit when that is due. Returns how many records it read."""
        # a batch makes many objects, for which cycles would be looked for again and again, and no cycles
        with no_collection():
            with answering(self._config):
                self._look_for_partitions()
                by_topic = self._gather(timeout_ms)
            if by_topic:
                self._write(by_topic)
        if time.monotonic() >= self._due:
            with answering(self._config):
                self._commit()
            self._due = time.monotonic() + COMMIT_S
        return sum(map(len, by_topic.values()))

    def _look_for_partitions(self) -> None:
        with suppress(Unanswered):  # as long as Kafka is away, there is nothing to look at
            for place in self._whole.look():
                self._say(f"{place.topic}-{place.partition} was added")

    def _gather(self, timeout_ms: int) -> dict[str, list[Record]]:
        """What is there; of a backlog as much as a batch may have."""
        by_topic: dict[str, list[Record]] = {}
        count, wait_s, began = 0, timeout_ms / 1000, time.monotonic()
        while count < self._batch and wait_s >= 0:
            polled = self._poll(wait_s * 1000, self._batch - count)
            if not polled:
                break
            if not count:
                began = time.monotonic()
            for place, records in polled.items():
                by_topic.setdefault(place.topic, []).extend(records)
                count += len(records)
            wait_s = min(timeout_ms / 1000, began + (GATHER_S if count >= BUSY else LINGER_S) - time.monotonic())
        return by_topic

    def _poll(self, timeout_ms: float, most: int) -> Mapping[Place, Sequence[Record]]:
        try:
            return self._consumer.poll(timeout_ms, most)
        except OffsetGone as gone:
            self._lose(gone)
            return {}
        except Unreadable as damaged:
            self._go_past(damaged)
            return {}

    def _go_past(self, damaged: Unreadable) -> None:
        """Counts rows that cannot be read as lost, or raises RefusedError."""
        if not self._accept_loss:
            raise RefusedError(
                str(damaged),
                where=f"group {self._consumer.group_id}",
                hint=f"{OPTION} goes on after them and counts them; their keys keep older rows until their next change",
            )
        self._say(f"accepted: {damaged}")
        self.counts.lost += damaged.last + 1 - damaged.offset
        self._consumer.seek(Place(damaged.topic, damaged.partition), damaged.last + 1)

    def _write(self, by_topic: dict[str, list[Record]]) -> None:
        views = [(*self._views[topic], records) for topic, records in by_topic.items()]
        changes = [(schema, newest(plan, records)) for plan, schema, records in views]
        batch = [(schema, rows) for schema, (rows, _) in changes if rows]
        began = time.monotonic()
        self._store.erase_rows([(schema, erased) for schema, (_, erased) in changes])
        self.counts.applied += self._store.write_views(batch)
        self.counts.store_seconds += time.monotonic() - began
        self.counts.erased += sum(len(erased) for _, (_, erased) in changes)
        self.counts.kept += sum(len(rows) for _, rows in batch)
        self.counts.batches += 1
        for plan, _, records in views:
            self.counts.read += len(records)
            self.counts.by_view[plan.name] = self.counts.by_view.get(plan.name, 0) + len(records)
        for schema, rows in batch:
            self.counts.newest[schema.name] = max(
                self.counts.newest.get(schema.name, rows[0].t), *(row.t for row in rows)
            )

    def _commit(self) -> None:
        """Commits when a position has moved, be it over records that were compacted away.

        A commit that fails while Kafka is away for a moment is made up for by the next one.
        """
        try:
            reached = {place: self._consumer.position(place) for place in self._consumer.assignment()}
            if reached != self._committed:
                self._consumer.commit(reached, COMMIT_MS)
        except Unanswered:
            if time.monotonic() - self._answered > PATIENCE_S:
                raise
        else:
            self._committed, self._answered = reached, time.monotonic()
