"""Which days a demo covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@dataclass(frozen=True)
class Timeline:
    """Times in milliseconds: history ``[start, live)``, trained ``[start, evaluated)``, evaluated
    ``[evaluated, live)``, replayed with predictions ``[live, end)``. ``months`` of data, ``YYYY-MM``.
    """

    start: int
    evaluated: int
    live: int
    end: int
    months: tuple[str, ...]


FULL = Timeline(
    _ms("2013-01-01"),
    _ms("2013-10-01"),
    _ms("2013-11-01"),
    _ms("2014-01-01"),
    tuple(f"2013-{m:02}" for m in range(1, 13)),
)
QUICK = Timeline(
    _ms("2013-09-01"), _ms("2013-10-16"), _ms("2013-11-01"), _ms("2013-11-04"), ("2013-09", "2013-10", "2013-11")
)
