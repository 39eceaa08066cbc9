"""Where the sources of a job go on, as its folder has it: positions seen last, sources that were started anew."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from penstock.features.compilers.flink.config import Start
from penstock.jobs.kafka.interface import Place
from penstock.jobs.kafka.loss import Loss
from penstock.jobs.process.whole_file import write_whole

_FILE = "starts.json"


@dataclass(frozen=True)
class Seen:
    """A partition when it was last looked at: the next offset that the job's state is past, and the topic's end."""

    topic_id: str
    position: int
    end: int


@dataclass
class Starts:
    """By source its ``Start``, and in ``lost`` the offsets whose loss was accepted; the last look at partitions."""

    starts: dict[str, Start] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    seen: dict[Place, Seen] = field(default_factory=dict)

    def of(self, source: str, topic_id: str) -> Start:
        """Where the source goes on in a topic of this id."""
        return self.starts.get(source, Start(topic_id))

    def from_nothing(self) -> Starts:
        """The same for a job without any state: it reads from the first records on, and stops where it is to stop."""
        starts = self.starts.items()
        return Starts({name: Start(at.topic_id, at.generation, stops=at.stops) for name, at in starts if at.stops})

    def go_on(self, source: str, topic_id: str, losses: Sequence[Loss], positions: Mapping[Place, int]) -> None:
        """Has the source begin anew: in lost partitions at their first records, in others at ``positions``."""
        gone = {loss.place.partition: loss.first for loss in losses}
        self._go_on(source, topic_id, gone, positions, sum(loss.missing for loss in losses))

    def go_on_anew(self, source: str, topic_id: str, missing: int) -> None:
        """Has the source read a topic that was made anew from its beginning."""
        self._begin(source, Start(topic_id, self._next(source)), missing)

    def stop_before(self, source: str, topic_id: str, stop: Place, before: int, positions: Mapping[Place, int]) -> None:
        """Has the source begin anew at ``positions``, and stop in one partition before an offset."""
        starts, known = _by_partition(positions), self.of(source, topic_id)
        stops = {stop.partition: before}
        self._begin(source, Start(topic_id, self._next(source), starts, known.gone, stops), 0)

    def go_past(self, source: str, topic_id: str, place: Place, next: int, positions: Mapping[Place, int]) -> None:
        """Has the source begin anew at ``positions``, in one partition behind records that cannot be read."""
        self._go_on(source, topic_id, {place.partition: next}, positions, 0)

    def _go_on(
        self, source: str, topic_id: str, gone: Mapping[int, int], positions: Mapping[Place, int], missing: int
    ) -> None:
        # a checkpoint may not be past what was gone before
        all_gone = {**self.of(source, topic_id).gone, **gone}
        starts = {**_by_partition(positions), **gone}
        self._begin(source, Start(topic_id, self._next(source), starts, all_gone), missing)

    def _next(self, source: str) -> int:
        return self.starts[source].generation + 1 if source in self.starts else 1

    def _begin(self, source: str, start: Start, missing: int) -> None:
        self.starts[source] = start
        if missing:
            self.lost[source] = self.lost.get(source, 0) + missing


def read_starts(state: Path) -> Starts:
    """What a job's folder has; nothing for a job that is new."""
    file = state / _FILE
    if not file.is_file():
        return Starts()
    found = json.loads(file.read_text())
    return Starts(
        {
            source: Start(
                start["topic_id"],
                start["generation"],
                *(_offsets(start.get(name, {})) for name in ("starts", "gone", "stops")),
            )
            for source, start in found["starts"].items()
        },
        found["lost"],
        {Place(*place): Seen(*seen) for place, seen in found["seen"]},
    )


def write_starts(state: Path, starts: Starts) -> None:
    """Notes them down."""
    text = json.dumps(
        {
            "starts": {source: asdict(start) for source, start in starts.starts.items()},
            "lost": starts.lost,
            "seen": [[list(place), list(asdict(seen).values())] for place, seen in sorted(starts.seen.items())],
        },
        indent=1,
    )
    write_whole(state / _FILE, text)


def _by_partition(positions: Mapping[Place, int]) -> dict[int, int]:
    return {place.partition: position for place, position in positions.items()}


def _offsets(offsets: Mapping[str, int]) -> dict[int, int]:
    return {int(partition): offset for partition, offset in offsets.items()}
