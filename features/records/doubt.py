"""Times that are hardly in the unit in which they are read."""

from __future__ import annotations

from collections.abc import Iterable

#: Seconds that are read as milliseconds lie in the first days of 1970, finer units beyond 2200. In milliseconds.
FEBRUARY_1970, YEAR_2200 = 31 * 86_400_000, 7_258_118_400_000


def doubt(source: str, count: int, early: int, late: int) -> str | None:
    """A sentence where most of a source's times are unlikely, and what to write; None for any other source.

    ``early``: how many of ``count`` times lie in January 1970; ``late``: how many lie beyond the year 2200.
    """
    if 2 * early > count:
        where, units = f"{early:,} of {count:,} times of {source} lie in January 1970", 'seconds: write unit="s"'
    elif 2 * late > count:
        units = 'a finer unit: write unit="us" or unit="ns"'
        where = f"{late:,} of {count:,} times of {source} lie beyond the year 2200"
    else:
        return None
    return f"{where}. A time is whole milliseconds since 1970, unless its column has a unit. These may be {units}"


def doubt_of(source: str, times: Iterable[float]) -> str | None:
    """As ``doubt``, of times in milliseconds."""
    known = list(times)
    early = sum(0 <= time < FEBRUARY_1970 for time in known)
    return doubt(source, len(known), early, sum(time >= YEAR_2200 for time in known))
