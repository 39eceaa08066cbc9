"""The causes why a served value is not batch's, and what was seen of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

#: Cause → what it means. Of several that a value could have, the one that stands first is told.
MEANING = {
    "redefined": "the row, or the prediction, was made by another definition",
    "late": "events of the row's time or an earlier one came after it; without them batch says what was served",
    "other history": "history has events that the topic never had, or the reverse; the topic's say what was served",
    "missing history": "the events at hand do not reach over all that the value rests on",
    "stale": "the row that was read is older than the one that holds at the request's time, or was not there yet",
    "ahead": "the row that was read is later than the request: the stream had gone on",
    "unexplained": "none of these: a bug, until it is understood",
}

CAUSES = tuple(MEANING)


@dataclass(frozen=True)
class Finding:
    """A cause, and what was seen, in words."""

    cause: str
    words: str


def first(findings: Iterable[Finding]) -> Finding:
    """Of the causes of what a value rests on the one that stands first in ``CAUSES``."""
    nothing = Finding("unexplained", "nothing that it rests on is different")
    return min(findings, key=lambda finding: CAUSES.index(finding.cause), default=nothing)
