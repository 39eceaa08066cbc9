"""Is there a time of which neither a source's history nor its topic has the events?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from itertools import islice

from penstock.features.ingest import BadEvent, Tombstone, parse
from penstock.jobs.console.times import time_words
from penstock.jobs.handover.record import Handover, SourceHistory
from penstock.jobs.kafka.reading import bounds, read_records
from penstock.jobs.project.project import Project

#: How many of a partition's oldest records are read.
OLDEST = 100


def gaps(project: Project, handover: Handover) -> list[str]:
    """A sentence for each source whose history and topic seem not to meet."""
    return [words for name, history in handover.sources.items() for words in _gaps(project, handover, name, history)]


def _gaps(project: Project, handover: Handover, name: str, history: SourceHistory) -> Iterator[str]:
    topic, cut = project.topic(name), handover.cut_over_ms
    times: list[int] = []
    ends = bounds(project, topic)
    for partition, (first, _) in ends.items():
        # of the others nothing is read
        offsets = {other: first if other == partition else end for other, (_, end) in ends.items()}
        oldest = list(_oldest(project, name, offsets))
        if first > 0 and oldest and min(oldest) > cut:
            yield (
                f"{name}: partition {partition} of {topic} begins at {time_words(min(oldest))}; history ends at the "
                f"cut-over, {time_words(cut)}: the records between are gone from the topic"
            )
        times += oldest
    if history.last is None or not times:
        return
    begins = min(times)
    if begins - history.last > history.silence:
        yield (
            f"{name}: its history ends at {time_words(history.last)} and {topic} begins at {time_words(begins)}, a "
            "silence longer than any in its history: events between may be in neither"
        )
    elif begins < cut and cut - history.last > history.silence:
        rest = "only those that are new by their ids count" if project.streams[name].id else "none of them counts"
        yield (
            f"{name}: its history ends at {time_words(history.last)}, before the cut-over at {time_words(cut)}; of the "
            f"topic's events between, {rest}"
        )


def _oldest(project: Project, name: str, offsets: Mapping[int, int]) -> Iterator[int]:
    """The event times of the first records from these offsets on, by partition."""
    source = project.streams[name].source_plan
    with closing(read_records(project, project.topic(name), None, offsets)) as records:
        for record in islice(records, OLDEST):
            with suppress(BadEvent, Tombstone):
                row = parse(source, record.value, record.timestamp, key=record.key, headers=record.headers)
                yield int(row[source.time_column])
