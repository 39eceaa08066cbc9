"""What a Java failure is about, out of pages of stack trace."""

from __future__ import annotations

import re

from penstock.jobs.kafka.errors import OffsetGone
from penstock.jobs.kafka.interface import Place

#: How Kafka's client says that a position is not there.
_GONE = re.compile(r"OffsetOutOfRangeException: Fetch position .*?\boffset=(\d+).* for partition (\S+)-(\d+)")

#: How it says that a batch is damaged, or cannot be decompressed.
_DAMAGED = (
    re.compile(r"exception when fetching the next record from (\S+)-(\d+)\."),
    re.compile(r"Record batch for partition (\S+)-(\d+) at offset \d+ is invalid"),
)

_CAUSED_BY, _PY4J = "Caused by: ", "An error occurred while calling"


def root_cause(trace: str) -> str:
    """The innermost cause of a Java stack trace, as ``class: message``; of other text the first line."""
    lines = [line for line in trace.splitlines() if line.strip()]
    causes = [line.removeprefix(_CAUSED_BY) for line in lines if line.startswith(_CAUSED_BY)]
    if causes:
        return causes[-1]
    # py4j says first that a call failed, and on the next line why
    reasons = lines[1:] if lines and lines[0].startswith(_PY4J) else lines
    return (reasons or lines or ["no reason given"])[0].removeprefix(": ")


def gone_position(cause: str) -> OffsetGone | None:
    """The position that no longer exists, where that is what a root cause is about."""
    found = _GONE.search(cause)
    return None if found is None else OffsetGone(found[2], int(found[3]), int(found[1]))


def damaged_partition(trace: str) -> Place | None:
    """The partition whose next records cannot be read, where that is what a stack trace is about."""
    found = next((match for pattern in _DAMAGED if (match := pattern.search(trace))), None)
    return None if found is None else Place(found[1], int(found[2]))
