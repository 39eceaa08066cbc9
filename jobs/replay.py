"""History sent to Kafka again, in event-time order, as if it happened now.

All streamed sources are merged by event time (then by the order of the definitions, then by id), so that
what reaches the topics is what a perfect clock would have sent.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import duckdb

from features.errors import PenstockError
from jobs.project import Project

#: One event: source name, event time in milliseconds, JSON bytes.
Sent = tuple[str, int, bytes]

_SOURCE = """
SELECT {order} AS source, epoch_ms(time) AS t, {id} AS id, CAST(to_json({{{fields}}}) AS VARCHAR) AS raw
FROM (SELECT *, CAST({time} AS TIMESTAMP) AS time FROM read_parquet('{glob}'))
WHERE time >= make_timestamp({start} * 1000) AND time < make_timestamp({end} * 1000)
"""


def events(project: Project, start_ms: int, end_ms: int) -> Iterator[Sent]:
    """The events of all streamed sources with ``start <= time < end``, merged."""
    sources = [name for name in project.streamed if project.streams[name].history is not None]
    selects = [_select(project, name, order, start_ms, end_ms) for order, name in enumerate(sources)]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        reader = connection.execute(" UNION ALL ".join(selects) + " ORDER BY t, source, id").to_arrow_reader(20_000)
        for batch in reader:
            columns = (batch.column(name).to_pylist() for name in ("source", "t", "raw"))
            for source, t, raw in zip(*columns, strict=True):
                yield sources[source], t, raw.encode()


def count_events(project: Project, start_ms: int, end_ms: int) -> dict[str, int]:
    """How many events ``events`` gives, by source."""
    sources = [name for name in project.streamed if project.streams[name].history is not None]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        counts = {}
        for name in sources:
            row = connection.execute(f"SELECT count(*) FROM ({_select(project, name, 0, start_ms, end_ms)})").fetchone()
            counts[name] = int(row[0]) if row else 0
    return counts


def _select(project: Project, name: str, order: int, start_ms: int, end_ms: int) -> str:
    plan = project.streams[name].source_plan
    fields = ", ".join(f"'{c.name}': {_json_value(c.name, c.type)}" for c in plan.columns)
    return _SOURCE.format(
        order=order,
        id=f'CAST("{plan.id}" AS VARCHAR)' if plan.id else "NULL",
        fields=fields,
        time=f'"{plan.time}"',
        glob=project.history(name),
        start=start_ms,
        end=end_ms,
    )


def _json_value(name: str, type: str) -> str:
    return f'epoch_ms(CAST("{name}" AS TIMESTAMP))' if type == "timestamp" else f'"{name}"'


class Pace(Protocol):
    """When may the next event be sent?"""

    def wait(self, t: int) -> None:
        """Returns when an event of time ``t`` may go."""

    def sent(self, source: str, t: int, receipt: Any) -> None:
        """An event has gone; ``receipt`` is the producer's future."""


class FullSpeed:
    """No waiting at all."""

    def wait(self, t: int) -> None:
        """Never waits."""

    def sent(self, source: str, t: int, receipt: Any) -> None:
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

    def sent(self, source: str, t: int, receipt: Any) -> None:
        """Keeps nothing."""


class Lead:
    """Never further in event time than ``lead_ms`` ahead of the oldest request without a prediction.

    A thread reads ``predictions`` (a consumer of the model's output) back all the while; ``rate`` bounds the
    requests per second. ``received`` holds, by prediction id, the wall-clock time in seconds at which it was
    read. Use as a context manager; PenstockError when none arrives for ``patience_s`` while some are open.
    """

    def __init__(
        self, predictions: Any, requests: str, lead_ms: int, *, rate: float | None = None, patience_s: float = 60.0
    ) -> None:
        self.received: dict[str, float] = {}
        self.rate = rate
        self._predictions, self._requests, self._lead_ms, self._patience_s = predictions, requests, lead_ms, patience_s
        self._open: deque[tuple[int, Any]] = deque()
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
                    raise self._failure
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
        self.wait(2**62)

    def sent(self, source: str, t: int, receipt: Any) -> None:
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
        return bool(self._open) and t > self._open[0][0] + self._lead_ms

    def _read(self) -> None:
        try:
            while not self._stop.is_set():
                polled = self._predictions.poll(timeout_ms=100, max_records=5000)
                now = time.time()
                ids = [record.key.decode() for records in polled.values() for record in records]
                if ids:
                    with self._news:
                        self.received.update((name, now) for name in ids)
                        self._news.notify_all()
        except Exception as error:
            self._failure = error


def identity(receipt: Any) -> str:
    """The request id that a sent record gets: ``topic-partition-offset``."""
    place = receipt.get(timeout=30)
    return f"{place.topic}-{place.partition}-{place.offset}"


def replay(
    project: Project,
    producer: Any,
    start_ms: int,
    end_ms: int,
    pace: Pace,
    progress: Callable[[int, int], None] = lambda n, t: None,
) -> dict[str, int]:
    """Sends the events; returns how many by source. ``progress`` is told (events sent, event time) now and then."""
    counts = dict.fromkeys(project.streamed, 0)
    topics = {name: project.topic(name) for name in project.streamed}
    total = 0
    for source, t, raw in events(project, start_ms, end_ms):
        pace.wait(t)
        pace.sent(source, t, producer.send(topics[source], raw))
        counts[source] += 1
        total += 1
        if total % 1000 == 0:
            progress(total, t)
    producer.flush()
    return counts
