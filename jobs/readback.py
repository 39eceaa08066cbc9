"""What lies in a topic, read to its end into a file: one record's value a line."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from features.errors import PenstockError
from jobs.kafka.clients import answering, consumer
from jobs.kafka.interface import Consumer, Place
from jobs.project import Project, load_project

#: Records taken at once, and how long none may come before the end is reached, in seconds.
AT_ONCE, PATIENCE_S = 50_000, 30.0


def read_values(
    project: Project,
    topic: str,
    file: Path,
    *,
    start: dict[int, int] | None = None,
    progress: Callable[[int], None] = lambda n: None,
) -> int:
    """Writes the values of all committed records from ``start`` (partition → offset; else the first) to the end.

    Returns how many there are; records without a value are left out. Raises PenstockError for a topic that does not
    exist or does not come to its end.
    """
    with (
        answering(project.config),
        consumer(project.config, None, isolation_level="read_committed") as reader,
        file.open("wb") as output,
    ):
        ends = _seek(reader, topic, start or {})
        count, last = 0, time.monotonic()
        while any(reader.position(place) < end for place, end in ends.items()):
            for place, records in reader.poll(500, AT_ONCE).items():
                values = [r.value.replace(b"\n", b" ") + b"\n" for r in records if r.value and r.offset < ends[place]]
                output.write(b"".join(values))
                count, last = count + len(values), time.monotonic()
            if time.monotonic() - last > PATIENCE_S:
                raise PenstockError(f"nothing more came for {PATIENCE_S:.0f} s before the end", where=topic)
            progress(count)
    return count


def _seek(reader: Consumer, topic: str, start: dict[int, int]) -> dict[Place, int]:
    """Puts the reader at the start of each partition; where each ends now."""
    found = reader.places(topic)
    if not found:
        raise PenstockError(f"the topic {topic!r} does not exist", where=topic)
    reader.assign(found)
    first = reader.beginning_offsets(found)
    for place in found:
        reader.seek(place, max(first[place], start.get(place.partition, 0)))
    return reader.end_offsets(found)


def read_many(
    project: Project, topics: dict[str, Path], progress: Callable[[int], None] = lambda n: None
) -> dict[str, int]:
    """Several topics at once, in two processes (a consumer's work is Python's). Returns records by topic."""
    counts: dict[str, int] = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=_ignore_interrupts) as pool:
        try:
            waiting = {topic: pool.submit(_read, project.folder, topic, file) for topic, file in topics.items()}
            for topic, result in waiting.items():
                counts[topic] = result.result()
                progress(sum(counts.values()))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return counts


def _ignore_interrupts() -> None:
    # Ctrl-C reaches the whole group: what it means is decided by the process that waits for this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _read(folder: Path, topic: str, file: Path) -> int:
    return read_values(load_project(folder), topic, file)


def end_offsets(reader: Consumer, topic: str) -> dict[int, int]:
    """The next offset of each partition."""
    return {place.partition: offset for place, offset in reader.end_offsets(reader.places(topic)).items()}
