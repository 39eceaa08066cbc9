"""Going on from a state: are the positions that it has still there, and the topics the ones that it has read?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.features.compilers.flink.config import Start
from penstock.features.errors import RefusedError
from penstock.jobs.kafka.clients import topic_ids
from penstock.jobs.kafka.damage import find_unreadable
from penstock.jobs.kafka.errors import OffsetGone, Unreadable
from penstock.jobs.kafka.interface import Place
from penstock.jobs.kafka.lag import Reached, reached_by
from penstock.jobs.kafka.loss import Anew, Loss, losses_of, made_anew, refused
from penstock.jobs.project.config import Config
from penstock.jobs.streaming.starts import Seen, Starts, write_starts


@dataclass(frozen=True)
class SourceTopic:
    """A source, its topic, and the id that the topic has now."""

    source: str
    topic: str
    id: str


class Onward:
    """``state``: the job's folder; ``sources``: its own; ``group``: where it commits how far its checkpoints are."""

    def __init__(self, config: Config, state: Path, starts: Starts, sources: Sequence[SourceTopic], group: str) -> None:
        self._config, self._state, self._group = config, state, group
        self._sources = sources
        self.starts = starts
        self._writing = threading.Lock()
        self._unwritten = False

    def start(self, source: str) -> Start:
        """Where a source goes on."""
        (id,) = (each.id for each in self._sources if each.source == source)
        return self.starts.of(source, id)

    def check(self, accept: bool, say: Callable[[str], None]) -> None:
        """Has sources whose positions are gone begin anew, where that is accepted. Else raises RefusedError."""
        reached = self._reached()
        for source in self._sources:
            positions = self._positions(source, reached)
            losses = losses_of(
                positions, {place: at.first for place, at in reached.items()}, {p: at.end for p, at in reached.items()}
            )
            # without a partition's end nobody knows which of the records there are have been counted
            if losses and not (accept and all(loss.missing for loss in losses)):
                raise refused(losses, f"group {self._group}")
            if losses:
                self.starts.go_on(source.source, source.id, losses, positions)
            for loss in losses:
                say(f"accepted: {loss}")
        self._write()

    def check_topics(self, changed: list[str], accept: bool, say: Callable[[str], None]) -> None:
        """The same for topics (by name) that were made anew, or are no more."""
        changes = [Anew(topic, self._unread(topic)) for topic in changed]
        if changes and not accept:
            raise made_anew(changes, str(self._state))
        for change in changes:
            say(f"accepted: {change}")
            for source in self._sources:
                if source.topic == change.topic:
                    self.starts.go_on_anew(source.source, source.id, change.missing)
        self._forget(changed)

    def lost(self, gone: OffsetGone) -> RefusedError:
        """The error for a position that the running job has not found; a restart goes back to its last checkpoint."""
        if topic_ids(self._config, [gone.topic]).get(gone.topic) != self._source(gone.topic).id:
            return made_anew([Anew(gone.topic, self._unread(gone.topic))], str(self._state))
        place = Place(gone.topic, gone.partition)
        at = self._reached()[place]
        position = gone.offset if at.committed is None else min(at.committed, gone.offset)
        return refused([Loss(place, position, at.first, at.end)], f"group {self._group}")

    def stop_before(self, damaged: Unreadable) -> None:
        """Has a source stop before records that it cannot read, so that its state has all those before them."""
        source = self._source(damaged.topic)
        place, positions = Place(damaged.topic, damaged.partition), self._positions(source, self._reached())
        self.starts.stop_before(source.source, source.id, place, damaged.offset, positions)
        self._write()

    def pending(self) -> Unreadable | None:
        """The records before which a source stops since an earlier run; one that can read them now goes on."""
        for source in self._sources:
            for partition, stop in self.starts.of(source.source, source.id).stops.items():
                damaged = find_unreadable(self._config, Place(source.topic, partition), stop)
                if damaged is not None and damaged.offset == stop:
                    return damaged
                self.starts.go_on(source.source, source.id, [], self._positions(source, self._reached()))
                self._write()
        return None

    def stopped(self, damaged: Unreadable) -> bool:
        """Has the job's last checkpoint all records before those?"""
        place = Place(damaged.topic, damaged.partition)
        return self._positions(self._source(damaged.topic), self._reached()).get(place, -1) >= damaged.offset

    def go_past(self, damaged: Unreadable) -> None:
        """Has a source go on behind records that it cannot read. The job's state has those before them."""
        source = self._source(damaged.topic)
        place, positions = Place(damaged.topic, damaged.partition), self._positions(source, self._reached())
        self.starts.go_past(source.source, source.id, place, damaged.last + 1, positions)
        self._write()

    def unreadable(self, place: Place) -> Unreadable | None:
        """The records of a partition that the job cannot read next; None where there are none after all."""
        position = self._positions(self._source(place.topic), self._reached()).get(place)
        first = self._reached()[place].first
        return find_unreadable(self._config, place, first if position is None else max(first, position))

    def _source(self, topic: str) -> SourceTopic:
        return next(source for source in self._sources if source.topic == topic)

    def look(self) -> None:
        """Notes down how far the job is, so that it is known what is missing should the topic be gone.

        Raises OSError when the disk is full; the next look notes it down.
        """
        ids = {source.topic: source.id for source in self._sources}
        seen = {
            place: Seen(ids[place.topic], at.committed, at.end)
            for place, at in self._reached().items()
            if at.committed is not None
        }
        if self._unwritten or not seen.items() <= self.starts.seen.items():
            self.starts.seen |= seen
            self._unwritten = True
            self._write()
            self._unwritten = False

    def _write(self) -> None:
        with self._writing:  # another thread looks
            write_starts(self._state, self.starts)

    def _reached(self) -> Mapping[Place, Reached]:
        return reached_by(self._config, self._group, [source.topic for source in self._sources])

    def _positions(self, source: SourceTopic, reached: Mapping[Place, Reached]) -> dict[Place, int]:
        """Where the job's state goes on, as far as it is known: never beyond that."""
        found = {}
        for place, at in reached.items():
            if place.topic != source.topic:
                continue
            seen, start = self.starts.seen.get(place), self.starts.of(source.source, source.id)
            position = at.committed
            if position is None and seen is not None and seen.topic_id == source.id:
                position = seen.position
            if position is not None:
                found[place] = max(position, start.gone.get(place.partition, 0))
        return found

    def _unread(self, topic: str) -> int:
        return sum(seen.end - seen.position for place, seen in self.starts.seen.items() if place.topic == topic)

    def _forget(self, topics: list[str]) -> None:
        for place in [place for place in self.starts.seen if place.topic in topics]:
            del self.starts.seen[place]
