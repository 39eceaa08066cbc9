"""What lies in a topic, read to its end into a file: one record's value a line."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from kafka import TopicPartition

from jobs.kafka.clients import consumer
from jobs.project import Project, load_project


def read_values(
    project: Project,
    topic: str,
    file: Path,
    *,
    start: dict[int, int] | None = None,
    progress: Callable[[int], None] = lambda n: None,
) -> int:
    """Writes the values of all committed records from ``start`` (partition → offset; else the first) to the end.

    Returns how many there are.
    """
    count = 0
    reader = consumer(project.config, None, isolation_level="read_committed")
    try:
        places = [TopicPartition(topic, number) for number in sorted(reader.partitions_for_topic(topic) or ())]
        reader.assign(places)
        for place in places:
            reader.seek(place, (start or {}).get(place.partition, reader.beginning_offsets([place])[place]))
        ends = reader.end_offsets(places)
        with file.open("wb") as output:
            while any(reader.position(place) < ends[place] for place in places):
                for place, records in reader.poll(timeout_ms=500, max_records=50_000).items():
                    wanted = [record.value for record in records if record.offset < ends[place]]
                    output.write(b"".join(value + b"\n" for value in wanted))
                    count += len(wanted)
                progress(count)
    finally:
        reader.close()
    return count


def read_many(
    project: Project, topics: dict[str, Path], progress: Callable[[int], None] = lambda n: None
) -> dict[str, int]:
    """Several topics at once, in two processes (a consumer's work is Python's). Returns records by topic."""
    counts: dict[str, int] = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        waiting = {topic: pool.submit(_read, project.folder, topic, file) for topic, file in topics.items()}
        for topic, result in waiting.items():
            counts[topic] = result.result()
            progress(sum(counts.values()))
    return counts


def _read(folder: Path, topic: str, file: Path) -> int:
    return read_values(load_project(folder), topic, file)


def end_offsets(reader: Any, topic: str) -> dict[int, int]:
    """The next offset of each partition."""
    places = [TopicPartition(topic, number) for number in sorted(reader.partitions_for_topic(topic) or ())]
    return {place.partition: offset for place, offset in reader.end_offsets(places).items()}
