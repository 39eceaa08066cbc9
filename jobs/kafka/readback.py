"""What lies in a topic, read to its end into a file: one record's value a line."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

from penstock.jobs.kafka.interface import Consumer
from penstock.jobs.kafka.reading import read_batches
from penstock.jobs.project.project import Project, load_project

#: Records taken at once.
AT_ONCE = 50_000


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
    count = 0
    with file.open("wb") as output, closing(read_batches(project, topic, None, start, AT_ONCE)) as batches:
        for records in batches:
            values = [record.value.replace(b"\n", b" ") + b"\n" for record in records if record.value]
            output.write(b"".join(values))
            count += len(values)
            progress(count)
    return count


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
