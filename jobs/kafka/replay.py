"""History sent to Kafka again, in event-time order, as if it happened now.

All streamed sources are merged by event time (then by the order of the definitions, by id, and by file), so that
what reaches the topics is what a perfect clock would have sent.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import duckdb

from penstock.features.compilers.duckdb.types import quote
from penstock.features.errors import PenstockError, UsageError
from penstock.features.ingest import decode
from penstock.features.plan import SourcePlan
from penstock.features.records.document import Record
from penstock.features.records.spelling import spell
from penstock.features.span import Span
from penstock.jobs.batch.database import explained, one_row, scratch_database
from penstock.jobs.batch.history import source_rows
from penstock.jobs.kafka.clients import answering
from penstock.jobs.kafka.interface import Consumer, Delivery, Producer
from penstock.jobs.project.project import Project

#: One event: source name, event time in milliseconds, JSON bytes.
Sent = tuple[str, int, bytes]

#: Rows taken from DuckDB at once.
ROWS_AT_ONCE = 20_000
#: Events on their way to Kafka at once: more would fill the memory when Kafka is slower than the reader.
UNDER_WAY = 20_000
#: Later than any event.
_ALL = 2**62
#: How long an event's acknowledgement may take, in seconds: longer than the producer itself tries.
DELIVERY_S = 120.0


def events(project: Project, start_ms: int, end_ms: int) -> Iterator[Sent]:
    """The events of all streamed sources with ``start <= time < end``, merged.

    Rows without a good time, or with an integer beyond int64, have no place in time or in JSON and are left out.
    Raises UsageError for a history that is missing or does not fit.
    """
    with _history(project) as (db, sources):
        selects = [_select(db, project, name, order, start_ms, end_ms) for order, name in enumerate(sources)]
        # an event's versions stay in the order of the files
        query = " UNION ALL ".join(selects) + " ORDER BY t, source, id, file, row"
        for batch in db.execute(query).to_arrow_reader(ROWS_AT_ONCE):
            columns = [batch.column(name).to_pylist() for name in ("source", "t", "raw")]
            for source, t, raw in zip(*columns, strict=True):
                yield sources[source], t, raw


def count_events(project: Project, start_ms: int, end_ms: int) -> dict[str, int]:
    """How many events ``events`` gives, by source."""
    with _history(project) as (db, sources):
        return {
            name: int(one_row(db, f"SELECT count(*) FROM ({_rows(db, project, name, start_ms, end_ms)})")[0])
            for name in sources
        }


def history_reach(project: Project) -> tuple[int, int] | None:
    """The times of the first and the last event of all streamed sources, in milliseconds; None without events."""
    with _history(project) as (db, sources):
        plans = [project.streams[name].source_plan for name in sources]
        times = (
            f"SELECT {quote(plan.time_column)} AS t FROM ({source_rows(db, project, plan)}) WHERE _lost IS NOT TRUE"
            for plan in plans
        )
        first, last = one_row(db, f"SELECT min(t), max(t) FROM ({' UNION ALL '.join(times)})")
    return None if first is None else (first, last)


@contextmanager
def _history(project: Project) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[str]]]:
    """A database, and the streamed sources that have a history, in the order of the definitions."""
    sources = [name for name in project.streamed if project.streams[name].history is not None]
    if not sources:
        raise UsageError(
            "no streamed source has a history", where=str(project.config.definitions), hint="give one history='…'"
        )
    project.config.state.mkdir(parents=True, exist_ok=True)
    with explained("the replay"), scratch_database(project.config.state, project.config.batch.memory) as db:
        yield db, sources


def _rows(db: duckdb.DuckDBPyConnection, project: Project, name: str, start_ms: int, end_ms: int) -> str:
    plan = project.streams[name].source_plan
    time = quote(plan.time_column)
    rows = source_rows(db, project, plan, Span(start_ms, end_ms))
    return f"SELECT * FROM ({rows}) WHERE NOT coalesce(_lost, FALSE) AND {time} >= {start_ms} AND {time} < {end_ms}"


def _select(db: duckdb.DuckDBPyConnection, project: Project, name: str, order: int, start_ms: int, end_ms: int) -> str:
    plan = project.streams[name].source_plan
    fields = ", ".join(f"'{column.name}': {quote(column.name)}" for column in plan.columns)
    id = f"CAST({quote(plan.id)} AS VARCHAR)" if plan.id else "NULL"
    return f"""SELECT {order} AS source, {quote(plan.time_column)} AS t, {id} AS id,
        encode(CAST(to_json({{{fields}}}) AS VARCHAR)) AS raw, _file AS file, _row AS row
        FROM ({_rows(db, project, name, start_ms, end_ms)})"""


class Pace(Protocol):
    """When may the next event be sent?"""

    def wait(self, t: int) -> None:
        """Returns when an event of time ``t`` may go."""

    def sent(self, source: str, t: int, receipt: Delivery) -> None:
        """An event has gone; ``receipt`` is the producer's."""


class FullSpeed:
    """No waiting at all."""

    def wait(self, t: int) -> None:
        """Never waits."""

    def sent(self, source: str, t: int, receipt: Delivery) -> None:
        """Keeps nothing."""


class RealTime:
    """``speed`` times as fast as it happened."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._first: tuple[int, float] | None = None

    def wait(self, t: int) -> None:
        """Sleeps until ``t`` is due."""
        if self._first is None:
            self._first = (t, time.monotonic())
        due = self._first[1] + (t - self._first[0]) / 1000 / self._speed
        time.sleep(max(0.0, due - time.monotonic()))

    def sent(self, source: str, t: int, receipt: Delivery) -> None:
        """Keeps nothing."""


class Lead:
    """Never further in event time than ``lead_ms`` ahead of the oldest request without a prediction; None: however far.

    A thread reads ``predictions`` (a consumer of the model's output) back all the while; ``rate`` bounds the
    requests per second. ``received`` holds, by prediction id, the wall-clock time in seconds at which it was
    read. Use as a context manager; PenstockError when none arrives for ``patience_s`` while some are open.
    """

    def __init__(
        self,
        predictions: Consumer,
        requests: str,
        lead_ms: int | None,
        *,
        rate: float | None = None,
        patience_s: float = 60.0,
    ) -> None:
        self.received: dict[str, float] = {}
        self.rate = rate
        self._predictions, self._requests, self._lead_ms, self._patience_s = predictions, requests, lead_ms, patience_s
        self._open: deque[tuple[int, Delivery]] = deque()
        self._news = threading.Condition()
        self._stop = threading.Event()
        self._reader = threading.Thread(target=self._read, name="predictions", daemon=True)
        self._failure: Exception | None = None
        self._next = 0.0

    def __enter__(self) -> Lead:
        self._reader.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._reader.join(10)

    def wait(self, t: int) -> None:
        """Returns when ``t`` is within the lead of every open request."""
        arrived, since = len(self.received), time.monotonic()
        with self._news:
            while self._behind(t):
                self._news.wait(0.5)
                if self._failure is not None:
                    raise PenstockError(f"predictions cannot be read back: {self._failure}") from self._failure
                if len(self.received) > arrived:
                    arrived, since = len(self.received), time.monotonic()
                elif time.monotonic() - since > self._patience_s:
                    raise PenstockError(
                        f"no prediction arrived for {self._patience_s:.0f} s",
                        where=f"{len(self._open)} requests are open",
                        hint="is 'penstock infer' running, and its topic the one that is read?",
                    )

    def drain(self) -> None:
        """Waits for the predictions of all that was sent."""
        self.wait(_ALL)

    def sent(self, source: str, t: int, receipt: Delivery) -> None:
        """Remembers a request until its prediction is read back."""
        if source != self._requests:
            return
        self._open.append((t, receipt))
        if self.rate is not None:
            now = time.monotonic()
            time.sleep(max(0.0, self._next - now))
            self._next = max(self._next, now) + 1 / self.rate

    def _behind(self, t: int) -> bool:
        while self._open and identity(self._open[0][1]) in self.received:
            self._open.popleft()
        if self._lead_ms is None:
            return bool(self._open) and t == _ALL
        return bool(self._open) and t > self._open[0][0] + self._lead_ms

    def _read(self) -> None:
        try:
            while not self._stop.is_set():
                polled = self._predictions.poll(100, 5_000)
                now = time.time()
                ids = [(record.key or b"").decode() for records in polled.values() for record in records]
                if ids:
                    with self._news:
                        self.received.update((name, now) for name in ids)
                        self._news.notify_all()
        except Exception as error:
            self._failure = error


def identity(receipt: Delivery) -> str:
    """The request id that a sent record gets: ``topic-partition-offset``."""
    place = receipt.get(DELIVERY_S)
    return f"{place.topic}-{place.partition}-{place.offset}"


class Deliveries:
    """Events that Kafka has not acknowledged yet: only so many at once, and no failure stays unseen."""

    def __init__(self, limit: int = UNDER_WAY) -> None:
        self._limit = limit
        self._open: deque[Delivery] = deque()

    def add(self, receipt: Delivery) -> None:
        """An event has gone; waits for earlier ones when too many are under way. Raises what made one fail."""
        self._open.append(receipt)
        if len(self._open) >= self._limit:
            self.settle(self._limit // 2)

    def settle(self, left: int = 0) -> None:
        """Waits until at most so many are open. Raises what made one fail."""
        while len(self._open) > left:
            self._open.popleft().get(DELIVERY_S)


def replay(
    project: Project,
    producer: Producer,
    start_ms: int,
    end_ms: int,
    pace: Pace,
    progress: Callable[[int, int], None] = lambda n, t: None,
) -> dict[str, int]:
    """Sends the events; returns how many by source, all of them acknowledged.

    ``progress`` is told (events sent, event time) now and then. Raises PenstockError when Kafka does not take one.
    """
    counts = dict.fromkeys(project.streamed, 0)
    topics = {name: project.topic(name) for name in project.streamed}
    deliveries = Deliveries()
    with answering(project.config):
        for total, (source, t, raw) in enumerate(events(project, start_ms, end_ms), 1):
            pace.wait(t)
            receipt = _send(producer, topics[source], project.streams[source].source_plan, raw)
            deliveries.add(receipt)
            pace.sent(source, t, receipt)
            counts[source] += 1
            if total % 1000 == 0:
                progress(total, t)
        deliveries.settle()
    return counts


def _send(producer: Producer, topic: str, source: SourcePlan, raw: bytes) -> Delivery:
    """Sends an event as the records of its source are written."""
    if source.plain:
        return producer.send(topic, raw)
    record = spell(source, decode(source.as_typed(), Record(raw))).record
    headers = [(name, value or b"") for name, value in record.headers]
    return producer.send(topic, record.value, record.key, headers or None, timestamp_ms=record.timestamp)
