"""The topics of change points, read just as far as requests need them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from penstock.features.errors import PenstockError
from penstock.features.plan import ViewPlan
from penstock.jobs.aligned.progress import NEVER, Progress, is_mark
from penstock.jobs.aligned.versions import Version, Versions
from penstock.jobs.aligned.views import kept_ms
from penstock.jobs.kafka.clients import consumer
from penstock.jobs.kafka.errors import OffsetGone, Unanswered
from penstock.jobs.kafka.interface import Consumer, Place, Record
from penstock.jobs.kafka.loss import loss_of
from penstock.jobs.kafka.whole import WholeTopics
from penstock.jobs.project.project import Project
from penstock.jobs.streaming.writer import check_made_by, clock_of

#: Records taken at once, and how long one wait for them lasts, in milliseconds.
BATCH, POLL_MS = 5_000, 20.0
#: How long one call reads on in a backlog, in seconds: meanwhile no request is read.
SPELL_S = 0.5
#: Records of a partition that wait for later requests: with more of them the partition is read no further.
AHEAD = 100_000
#: Rows lie before the mark that passes their time, and are written just before it, in milliseconds.
BURST_MS = 60_000


class ChangeLog:
    """Reads the topics of ``plans`` (topic → view) with ``reader``, from their beginning.

    ``kept_ms``: for so long every record stays; older ones may have been compacted away.
    """

    def __init__(self, reader: Consumer, plans: Mapping[str, ViewPlan], kept_ms: int) -> None:
        self._reader, self._plans, self.kept_ms = reader, plans, kept_ms
        self._whole = WholeTopics(reader, list(plans))
        self._read: set[Place] = set(self._whole.places)
        self.rewind()

    def rewind(self) -> None:
        """Forgets everything, and begins anew: for requests of times that are forgotten."""
        #: Requests before this time can no longer be answered.
        self.base = NEVER
        self._versions = {str(plan.name): Versions() for plan in self._plans.values()}
        self._progress = {place: Progress() for place in self._whole.places}
        self._ahead: dict[Place, deque[Record]] = {}
        self._next: dict[Place, int] = {}
        #: Partitions of which records were compacted away before the place where they are read.
        self._thinned: set[Place] = set()
        self._reader.assign(self._whole.places)
        self._read = set(self._whole.places)
        for place in self._whole.places:
            self._begin(place)

    def _begin(self, place: Place) -> None:
        self._progress[place], self._ahead[place], self._next[place] = Progress(), deque(), 0
        self._reader.seek(place, 0)

    def read_to(self, target: int) -> None:
        """Reads until all partitions have passed ``target``, nothing more comes, or some time is over.

        Raises RefusedError for rows of another definition, PenstockError and KafkaFailure.
        """
        self._look_for_partitions()
        until = time.monotonic() + SPELL_S
        while self._apply(target) and time.monotonic() < until:
            self._hold(target)
            try:
                polled = self._reader.poll(POLL_MS, BATCH)
            except OffsetGone as gone:
                raise self._gone(gone) from None
            except Unanswered:
                return
            if not polled:
                return
            for place, records in polled.items():
                self._ahead[place].extend(records)

    def progress(self, view: str) -> int:
        """Requests up to this time can be answered, as far as the view matters."""
        return min(self._progress[place].time for place in self._places(view))

    def figures(self) -> dict[str, int]:
        """By view: its progress."""
        return {view: self.progress(view) for view in self._versions}

    def at(self, view: str, key: bytes, t: int) -> Version | None:
        """The key's row for a request at ``t``, which the progress has passed."""
        return self._versions[view].at(key, t)

    def is_whole(self, view: str, t: int) -> bool:
        """Has no record been compacted away that a request at ``t`` may need?"""
        if not self._thinned:
            return True
        kept = time.time() * 1000 - self.kept_ms + min(BURST_MS, self.kept_ms // 2)
        thinned = (place for place in self._places(view) if place in self._thinned)
        return all(self._progress[place].written_at(t) > kept for place in thinned)

    def forget(self, before: int) -> None:
        """No request before this time is to come. Rows that only such a request could see go with their key's next."""
        if before > self.base:
            self.base = before
            for progress in self._progress.values():
                progress.forget(before)

    def _places(self, view: str) -> list[Place]:
        # another thread may ask, for the metrics
        return [place for place in list(self._progress) if self._plans[place.topic].name == view]

    def _apply(self, target: int) -> bool:
        """Takes in what was read up to the marks that pass ``target``. Is some partition not as far?"""
        behind = False
        for place, records in self._ahead.items():
            progress = self._progress[place]
            while records and progress.time < target:
                self._take(place, progress, records.popleft())
            behind |= progress.time < target
        return behind

    def _take(self, place: Place, progress: Progress, record: Record) -> None:
        if record.offset > self._next[place]:
            self._thinned.add(place)
        self._next[place] = record.offset + 1
        plan = self._plans[place.topic]
        versions = self._versions[plan.name]
        if not record.value:
            versions.erase(record.key or b"")
            return
        check_made_by(plan, record)
        if is_mark(record):
            progress.take(record)
            return
        t, seq = clock_of(record)
        # a row that comes after its time has been passed is late: only requests of later times see it
        row = Version(max(t, progress.time + 1), t, seq, record.value)
        versions.put(record.key or b"", row, self.base)

    def _hold(self, target: int) -> None:
        """Reads no partition further that is far ahead, as long as others are behind."""
        full = {place for place, records in self._ahead.items() if len(records) > AHEAD}
        wanted = {place for place in self._whole.places if place not in full or self._progress[place].time < target}
        if wanted == self._read:
            return
        again = wanted - self._read
        self._reader.assign(sorted(wanted))
        for place in again:
            records = self._ahead[place]
            self._reader.seek(place, records[-1].offset + 1 if records else self._next[place])
        self._read = wanted

    def _look_for_partitions(self) -> None:
        try:
            new = self._whole.look()
        except Unanswered:
            return
        if new:
            self._read = set(self._whole.places)
            for place in new:
                self._begin(place)
            for place, records in self._ahead.items():
                self._reader.seek(place, records[-1].offset + 1 if records else self._next[place])

    def _gone(self, gone: OffsetGone) -> PenstockError:
        return PenstockError(
            f"change points cannot be read on: {loss_of(self._reader, gone)}",
            where=f"{gone.topic}-{gone.partition}",
            hint="it was made anew, or its records were deleted: start the stream and infer anew",
        )


@contextmanager
def change_log(project: Project, plans: Mapping[str, ViewPlan]) -> Iterator[ChangeLog]:
    """The change points of these views, by topic. Raises KafkaFailure, and as ``kept_ms``."""
    kept = kept_ms(project.config, list(plans))
    with consumer(project.config, None) as reader:
        yield ChangeLog(reader, plans, kept)
