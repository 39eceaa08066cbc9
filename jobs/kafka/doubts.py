"""Sources whose newest records have times that are hardly in their unit."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing, suppress

from penstock.features.errors import PenstockError
from penstock.features.plan import SourcePlan
from penstock.features.records.casts import Unfit
from penstock.features.records.document import Record, read_object, read_value
from penstock.features.records.doubt import doubt_of
from penstock.features.records.numerals import is_numeral
from penstock.features.records.times import UNITS
from penstock.jobs.kafka.reading import newest_records
from penstock.jobs.project.project import Project

#: How many of a topic's newest records are read.
NEWEST = 200


class Doubts:
    """Reads the newest records of each source once, when it has some."""

    def __init__(self, project: Project, sources: Collection[str]) -> None:
        self._project, self._open = project, set(sources)
        #: A sentence for each source whose times are unlikely.
        self.known: list[str] = []

    def look(self) -> list[str]:
        """What is new since the last look. A source whose topic cannot be read is read by a later look."""
        new = []
        for name in sorted(self._open):
            with suppress(PenstockError):
                new += self._look_at(self._project.streams[name].source_plan)
        self.known += new
        return new

    def _look_at(self, source: SourcePlan) -> list[str]:
        times = list(self._times(source))
        if times:
            self._open.discard(source.name)
        sentence = doubt_of(source.name, times)
        return [] if sentence is None else [sentence]

    def _times(self, source: SourcePlan) -> Iterator[float]:
        """In milliseconds as they are read, those of no year that there is too."""
        column = source.column(source.time_column)
        if column.cast.unit not in UNITS:
            return
        with closing(newest_records(self._project, self._project.topic(source.name), NEWEST)) as records:
            for each in records:
                # a record that cannot be read is a dead letter, which says more
                with suppress(Unfit):
                    record = Record(each.value, each.timestamp, each.key, each.headers)
                    value = str(read_value(column.stands, read_object(each.value), record)[0])
                    if is_numeral(value):
                        yield float(value) * 10.0 ** UNITS[column.cast.unit]
