"""Dead letters by the job that wrote them, each refused record once."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass

import orjson

from penstock.jobs.kafka.interface import Record
from penstock.jobs.kafka.reading import bounds, read_records
from penstock.jobs.project.project import Project

#: Of each partition at most so many letters are read, the newest.
NEWEST = 10_000


@dataclass(frozen=True)
class Refused:
    """``records`` that a job refused for a reason; ``view`` is None where all views of the source are meant."""

    job: str
    source: str
    view: str | None
    reason: str
    records: int


@dataclass(frozen=True)
class Letters:
    """``letters`` in the topic, and the different ``records`` that those of them that were read are about:
    a record may have one of each job, and another one after a restart. ``whole``: were all of them read?
    """

    letters: int
    records: int
    refused: list[Refused]
    whole: bool


class LetterReader:
    """Reads a project's dead letters; each look reads what has come since the one before."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._next: dict[int, int] = {}
        self._whole = True
        self._letters: set[tuple[tuple[str, int, int], tuple[str, str, str | None, str]]] = set()

    def look(self) -> Letters:
        """All that is known by now. Raises PenstockError for a topic that does not exist or a broker that is away."""
        topic = self._project.names.dead_letters
        ends = bounds(self._project, topic)
        starts = {partition: self._start(partition, *span) for partition, span in ends.items()}
        if any(starts[partition] < end for partition, (_, end) in ends.items()):
            with closing(read_records(self._project, topic, None, starts)) as records:
                for record in records:
                    self._add(record)
        self._next = {partition: end for partition, (_, end) in ends.items()}
        return self._counted(sum(end - first for first, end in ends.values()))

    def _start(self, partition: int, first: int, end: int) -> int:
        start = max(first, self._next.get(partition, 0), end - NEWEST)
        self._whole = self._whole and start <= max(first, self._next.get(partition, 0))
        return start

    def _add(self, record: Record) -> None:
        """What is no letter of ours, from whoever else writes into the topic, is one of an unknown job."""
        try:
            letter = orjson.loads(record.value or b"")
            place = (str(letter["topic"]), int(letter["partition"]), int(letter["offset"]))
            view = None if letter["view"] is None else str(letter["view"])
            kind = (str(letter["job"]), str(letter["source"]), view, str(letter["error"]))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            place, kind = (record.topic, record.partition, record.offset), ("unknown", "unknown", None, "unknown")
        self._letters.add((place, kind))

    def _counted(self, letters: int) -> Letters:
        kinds = Counter(kind for _, kind in self._letters)
        refused = [Refused(*kind, number) for kind, number in sorted(kinds.items(), key=str)]
        return Letters(letters, len({place for place, _ in self._letters}), refused, self._whole)
