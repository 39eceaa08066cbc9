"""How far a partition of change points is complete: what its marks say."""

from __future__ import annotations

from bisect import bisect_left

import orjson

from penstock.jobs.kafka.interface import Record

#: Before any mark.
NEVER = -(1 << 63)


def is_mark(record: Record) -> bool:
    """Is this a mark of progress? The keys of rows are JSON objects, those of marks are JSON strings."""
    return (record.key or b"").startswith(b'"')


class Progress:
    """Of one partition, as far as it has been read.

    ``time``: behind this place there is no row whose time is not later, save late ones. A mark speaks for one of the
    stream's writers, so it is the least over the writers of one parallelism; each mark stays true for ever.
    """

    def __init__(self) -> None:
        self.time = NEVER
        #: Parallelism → writer → the greatest time of its marks.
        self._writers: dict[int, dict[int, int]] = {}
        #: When the progress has passed which time: event times, and the Kafka timestamps of the marks.
        self._times: list[int] = []
        self._written: list[int] = []

    def take(self, mark: Record) -> None:
        """Takes in the next mark of the partition."""
        said = orjson.loads(mark.value or b"")
        writers = self._writers.setdefault(said["of"], {})
        writers[said["writer"]] = max(said["progress"], writers.get(said["writer"], NEVER))
        if len(writers) == said["of"] and min(writers.values()) > self.time:
            self.time = min(writers.values())
            self._times.append(self.time)
            self._written.append(mark.timestamp)

    def written_at(self, t: int) -> int:
        """The Kafka timestamp of the mark with which the progress has passed ``t``, which it has."""
        return self._written[bisect_left(self._times, t)]

    def forget(self, before: int) -> None:
        """Drops what is needed for times before this one only."""
        gone = bisect_left(self._times, before)
        del self._times[:gone], self._written[:gone]
