"""Committed records of a topic, from a time or an offset on to the end that it has now."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing

from penstock.features.errors import PenstockError
from penstock.jobs.kafka.clients import answering, consumer
from penstock.jobs.kafka.interface import Consumer, Place, Record
from penstock.jobs.project.config import Config
from penstock.jobs.project.project import Project

#: Records taken at once, and how long none may come before the end is reached, in seconds.
AT_ONCE, PATIENCE_S = 20_000, 30.0

#: How long records may be counted, in seconds.
COUNT_S = 5.0

#: How far clocks of different machines may be apart, in milliseconds.
CLOCKS_MS = 60_000
#: How far a record's Kafka timestamp may be ahead of the broker's clock: more is refused unless the broker says
#: otherwise (message.timestamp.after.max.ms). In milliseconds.
AHEAD_MS = 60 * 60 * 1000

#: Partition → offset; a partition that is not named is read from ``since_ms``.
Offsets = Mapping[int, int]


def read_records(
    project: Project, topic: str, since_ms: int | None, offsets: Offsets | None = None
) -> Generator[Record, None, None]:
    """The records, each partition's in order. As ``read_batches``."""
    with closing(read_batches(project, topic, since_ms, offsets)) as batches:
        for batch in batches:
            yield from batch


def newest_records(project: Project, topic: str, most: int) -> Generator[Record, None, None]:
    """About the ``most`` newest records, as many of each partition. Raises as ``read_batches``."""
    spans = bounds(project, topic)
    starts = {partition: max(first, end - most // len(spans) - 1) for partition, (first, end) in spans.items()}
    with closing(read_records(project, topic, None, starts)) as records:
        yield from records


def read_from(project: Project, topic: str, since_ms: int | None) -> Generator[Record, None, None]:
    """All records: first those from this Kafka timestamp on, then those before. Closed early, it has read little.

    Raises as ``read_batches``.
    """
    starts = {} if since_ms is None else offsets_since(project, topic, since_ms)
    with closing(read_records(project, topic, None, starts)) as records:
        yield from records
    if any(starts[partition] > first for partition, first in first_offsets(project, topic).items() if starts):
        with closing(read_records(project, topic, None)) as records:
            yield from (record for record in records if record.offset < starts.get(record.partition, 0))


def read_batches(
    project: Project, topic: str, since_ms: int | None, offsets: Offsets | None = None, at_once: int = AT_ONCE
) -> Generator[Sequence[Record], None, None]:
    """The records, as many together as came together; the end is where the topic ends when this begins.

    ``since_ms``: the first Kafka timestamp that matters, in milliseconds; None: the topic's beginning. Close the
    iterator when it is left early. Raises PenstockError for a topic that does not exist or does not come to its end.
    """
    with answering(project.config), consumer(project.config, None) as reader:
        ends = _seek(reader, topic, since_ms, offsets or {})
        last = time.monotonic()
        while any(reader.position(place) < end for place, end in ends.items()):
            for place, records in reader.poll(timeout_ms=500, max_records=at_once).items():
                last = time.monotonic()
                yield [record for record in records if record.offset < ends[place]]
            if time.monotonic() - last > PATIENCE_S:
                raise PenstockError(f"nothing more came for {PATIENCE_S:.0f} s before the end", where=topic)


def count_records(config: Config, spans: Mapping[Place, tuple[int, int]]) -> int:
    """How many committed records there are from the first offset of each span to before its last.

    What lies behind an open transaction, or cannot be read in time, counts as if every offset had a record. Raises
    PenstockError.
    """
    with answering(config), consumer(config, None) as reader:
        reader.assign(spans)
        for place, (start, _) in spans.items():
            reader.seek(place, start)
        ends = {place: min(spans[place][1], end) for place, end in reader.end_offsets(spans).items()}
        count = sum(end - max(start, ends[place]) for place, (start, end) in spans.items())
        deadline = time.monotonic() + COUNT_S
        while any(reader.position(place) < end for place, end in ends.items()) and time.monotonic() < deadline:
            for place, records in reader.poll(timeout_ms=500, max_records=AT_ONCE).items():
                count += sum(record.offset < ends[place] for record in records)
        return count + sum(max(0, end - reader.position(place)) for place, end in ends.items())


def offsets_since(project: Project, topic: str, since_ms: int) -> dict[int, int]:
    """Partition → the offset of its first record with this Kafka timestamp or a later one."""
    with answering(project.config), consumer(project.config, None) as reader:
        found = _places(reader, topic)
        since = _since(reader, found, reader.end_offsets(found), since_ms)
        return {place.partition: offset for place, offset in since.items()}


def first_offsets(project: Project, topic: str) -> dict[int, int]:
    """Partition → the offset of the first record that it still has."""
    with answering(project.config), consumer(project.config, None) as reader:
        return {place.partition: n for place, n in reader.beginning_offsets(_places(reader, topic)).items()}


def bounds(project: Project, topic: str) -> dict[int, tuple[int, int]]:
    """Partition → its first offset and the one that comes next."""
    with answering(project.config), consumer(project.config, None) as reader:
        found = _places(reader, topic)
        first, end = reader.beginning_offsets(found), reader.end_offsets(found)
        return {place.partition: (first[place], end[place]) for place in found}


def _seek(reader: Consumer, topic: str, since_ms: int | None, offsets: Offsets) -> dict[Place, int]:
    """Puts the reader at the start of each partition; where each ends now."""
    found = _places(reader, topic)
    reader.assign(found)
    first, ends = reader.beginning_offsets(found), reader.end_offsets(found)
    since = first if since_ms is None else _since(reader, found, ends, since_ms)
    for place in found:
        reader.seek(place, max(first[place], offsets.get(place.partition, since[place])))
    return ends


def _since(reader: Consumer, found: list[Place], ends: Mapping[Place, int], since_ms: int) -> dict[Place, int]:
    """Where no record is so young, the partition's end."""
    asked = reader.offsets_for_times(dict.fromkeys(found, max(0, since_ms)))
    return {place: ends[place] if offset is None else offset for place, offset in asked.items()}


def _places(reader: Consumer, topic: str) -> list[Place]:
    found = reader.places(topic)
    if not found:
        raise PenstockError(f"the topic {topic!r} does not exist", where=topic)
    return found
