"""The rows that each key of one view has had, as far back as requests may still ask for them."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple


class Version(NamedTuple):
    """A row: ``since`` is the least request time that sees it, ``value`` its JSON."""

    since: int
    t: int
    seq: int
    value: bytes


class Versions:
    """By key, as canonical JSON. A key's rows ascend by ``since`` and by ``(t, seq)``: others would never be seen."""

    def __init__(self) -> None:
        self._rows: dict[bytes, list[Version]] = {}

    def __len__(self) -> int:
        """How many keys there are."""
        return len(self._rows)

    def put(self, key: bytes, row: Version, before: int) -> None:
        """Adds a row, and drops those of its key that only requests before ``before`` could see."""
        rows = self._rows.setdefault(key, [])
        place = bisect_right(rows, row.since, key=_since)
        if place and _clock(rows[place - 1]) >= _clock(row):
            return
        end = place
        while end < len(rows) and _clock(rows[end]) <= _clock(row):
            end += 1
        # an older row of the same time goes too
        start = place - 1 if place and rows[place - 1].since == row.since else place
        rows[start:end] = [row]
        del rows[: max(0, bisect_right(rows, before, key=_since) - 1)]

    def at(self, key: bytes, t: int) -> Version | None:
        """The row that a request at ``t`` sees; None where there is none."""
        rows = self._rows.get(key, ())
        place = bisect_right(rows, t, key=_since)
        return rows[place - 1] if place else None

    def erase(self, key: bytes) -> None:
        """Forgets all rows of a key."""
        self._rows.pop(key, None)


def _since(row: Version) -> int:
    return row.since


def _clock(row: Version) -> tuple[int, int]:
    return row.t, row.seq
