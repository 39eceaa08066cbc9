"""Following feature topics: a thread that keeps tables as new as the topics, and knows how far behind them it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from penstock.features.errors import PenstockError
from penstock.features.plan import ViewPlan
from penstock.jobs.kafka.clients import consumer, ensure_topics
from penstock.jobs.kafka.errors import OffsetGone, Unanswered
from penstock.jobs.kafka.interface import Consumer, Place, Record
from penstock.jobs.kafka.loss import loss_of
from penstock.jobs.kafka.whole import WholeTopics
from penstock.jobs.project.project import Project
from penstock.jobs.store.columns import Columns
from penstock.jobs.store.schema import schema_of
from penstock.jobs.store.table import Keys, Table, as_stored
from penstock.jobs.streaming.writer import newest

#: How long Kafka may take to say where the topics end, in milliseconds; it is asked again.
ENDS_MS = 1_000
#: The pause before it is asked again, and the longest wait for records, in seconds: a stop waits for it.
PAUSE_S = 0.1
#: Records taken at once: more of them would keep the rows waiting.
BATCH = 5_000
#: Seconds between two lines about the first reading.
TELL_S = 5.0


class Following:
    """Has ``reader`` read the views' topics into ``tables``, from the beginning on; a context manager.

    ``plans``: by the topic of their rows.
    ``every_s``: seconds between two questions where the topics end.
    """

    def __init__(self, reader: Consumer, plans: Mapping[str, ViewPlan], every_s: float) -> None:
        self._reader, self._every_s = reader, every_s
        self._plans = plans
        self._tables = {str(plan.name): Table(schema_of(plan)) for plan in plans.values()}
        self._lock = threading.Lock()
        self._stop, self._whole = threading.Event(), threading.Event()
        self._error: BaseException | None = None
        self._whole_topics = WholeTopics(reader, list(self._plans))
        self._ends: dict[Place, int] | None = None
        self._asked = self._seen = time.monotonic()
        self._left = 0
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)

    def __enter__(self) -> Following:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def age_s(self) -> float:
        """Seconds since the moment whose rows the tables certainly have: all that the topics had by then."""
        return time.monotonic() - self._seen

    def rows(self) -> dict[str, int]:
        """By view: the keys that have a row."""
        return {view: len(table) for view, table in self._tables.items()}

    def check(self) -> None:
        """Raises what has ended the thread: RefusedError, PenstockError, KafkaFailure."""
        if self._error is not None:
            raise self._error

    def wait(self, stop: threading.Event, told: Callable[[str], None]) -> None:
        """Returns when the tables have all that the topics had, or ``stop`` is set. Raises as ``check`` does."""
        tell = time.monotonic() + TELL_S
        while not self._whole.wait(PAUSE_S) and not stop.is_set():
            self.check()
            if time.monotonic() >= tell:
                told(f"the mirror has {sum(self.rows().values()):,} rows; {self._left:,} records are left to read")
                tell = time.monotonic() + TELL_S
        self.check()

    def keys(self, view: str) -> list[tuple[Any, ...]]:
        """The keys of a view that have a row."""
        with self._lock:
            return self._tables[view].keys()

    def put(self, view: str, keys: Keys, rows: Columns) -> None:
        """As ``Table.put``."""
        with self._lock:
            self._tables[view].put(keys, rows)

    def _leave_out(self, view: str, keys: Keys) -> None:
        with self._lock:
            self._tables[view].leave_out(keys)

    def take(self, view: str, keys: Keys) -> Columns | None:
        """As ``Table.take``; None for a view that is not followed."""
        table = self._tables.get(view)
        if table is None:
            return None
        with self._lock:
            return table.take(keys)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._step()
        except BaseException as error:
            self._error = error

    def _step(self) -> None:
        try:
            if self._whole_topics.look():
                self._ends = None
            self._take_in(self._reader.poll(min(self._every_s, PAUSE_S) * 1000, BATCH))
            self._look_for_the_end()
        except OffsetGone as gone:
            raise self._stale(gone) from None
        except Unanswered:
            # nothing is lost, and the age says it
            self._stop.wait(PAUSE_S)

    def _stale(self, gone: OffsetGone) -> PenstockError:
        return PenstockError(
            f"the mirror cannot read on: {loss_of(self._reader, gone)}",
            where=f"{gone.topic}-{gone.partition}",
            hint="start it again: it takes the topic's rows and the store's anew, and nothing is lost",
        )

    def _take_in(self, polled: Mapping[Place, Sequence[Record]]) -> None:
        for topic, places in groupby(sorted(polled), key=lambda place: place.topic):
            plan = self._plans[topic]
            rows, erased = newest(plan, [record for place in places for record in polled[place]])
            if erased:
                self._leave_out(str(plan.name), erased)
            if rows:
                columns = as_stored(schema_of(plan), rows)
                self.put(str(plan.name), [row.key for row in rows], columns)

    def _look_for_the_end(self) -> None:
        """What was the end when it was asked for is reached later, so the age counts from the question."""
        if self._ends is None:
            if self._whole.is_set() and time.monotonic() < self._asked + self._every_s:
                return
            self._asked = time.monotonic()
            self._ends = self._reader.end_offsets(self._whole_topics.places, ENDS_MS)
        self._left = sum(max(0, end - self._reader.position(place)) for place, end in self._ends.items())
        if not self._left:
            self._seen, self._ends = self._asked, None
            self._whole.set()


@contextmanager
def following(project: Project, plans: Sequence[ViewPlan], every_s: float) -> Iterator[Following]:
    """The tables of these views, which all have a topic, followed for as long as the block lasts.

    Topics that are missing are made. Raises PenstockError for a broker that does not answer.
    """
    topics = {project.names.features(plan.name): plan for plan in plans}
    ensure_topics(project.config, list(topics))
    with (
        consumer(project.config, None) as reader,
        Following(reader, topics, every_s) as tables,
    ):
        yield tables
