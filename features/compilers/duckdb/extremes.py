"""What is compared over ranges of events: the least, the greatest, the first and the last value that takes part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from penstock.features.aggregates import Extreme
from penstock.features.compilers.duckdb.columns import Bools
from penstock.features.compilers.duckdb.frames import Range
from penstock.features.compilers.duckdb.words import Int64s

#: float64 or int64: values, or numbers in the order of what they stand for.
Values = npt.NDArray[np.float64 | np.int64]


def extremes(
    extreme: Extreme, values: Values, known: Bools | None, ties: Int64s, ranges: Sequence[Range]
) -> list[Values]:
    """The extreme of the known values over each point's range, for each of the ranges; anything where there is none.

    ``known`` None: all. ``ties``: where each time of each key begins, and the number of events. At one time the least
    is the first and the greatest the last.
    """
    better = np.maximum if extreme.greatest else np.minimum
    values = values if known is None else np.where(known, values, _loser(values, greatest=extreme.greatest))
    if not extreme.by_time:
        return _over_ranges(values, ranges, better)
    return (_last if extreme.greatest else _first)(_of_ties(values, ties, better), known, ranges)


def better_of(extreme: Extreme, earlier: Values, later: Values) -> Values:
    """Which of two values counts, when all of one come before all of the other."""
    if extreme.by_time:
        return later if extreme.greatest else earlier
    better: Values = (np.maximum if extreme.greatest else np.minimum)(earlier, later)
    return better


def _loser(values: Values, *, greatest: bool) -> float | int:
    """What loses against every value, or is equal to it."""
    if values.dtype == np.float64:
        return -np.inf if greatest else np.inf
    return int(np.iinfo(np.int64).min if greatest else np.iinfo(np.int64).max)


def _over_ranges(values: Values, ranges: Sequence[Range], better: np.ufunc) -> list[Values]:
    """By doubling: after ``k`` steps ``best[i]`` is over the ``2**k`` events from ``i`` on, and two of these, from the
    range's start and up to its end, cover every range of ``2**k`` to ``2**(k+1) - 1`` events.
    """
    found = [np.zeros(len(r.low), dtype=values.dtype) for r in ranges]
    best = values
    for level in range(max((len(r.levels) for r in ranges), default=0)):
        if level:
            step = 2 ** (level - 1)
            best = better(best[:-step], best[step:])
        for result, r in zip(found, ranges, strict=True):
            if level < len(r.levels) and len(at := r.levels[level]):
                result[at] = better(best[r.low[at]], best[r.high[at] - 2**level])
    return found


def _last(values: Values, known: Bools | None, ranges: Sequence[Range]) -> list[Values]:
    places = np.arange(len(values))
    newest = places if known is None else np.maximum.accumulate(np.where(known, places, 0))
    return [values[newest[r.high - 1]] for r in ranges]


def _first(values: Values, known: Bools | None, ranges: Sequence[Range]) -> list[Values]:
    end = len(values) - 1
    places = np.arange(len(values))
    earliest = places if known is None else np.minimum.accumulate(np.where(known, places, end)[::-1])[::-1]
    return [values[earliest[np.minimum(r.low, end)]] for r in ranges]


def _of_ties(values: Values, ties: Int64s, better: np.ufunc) -> Values:
    """To every event what is best at its time."""
    if len(ties) > len(values):
        return values
    best: Values = np.repeat(better.reduceat(values, ties[:-1]), np.diff(ties))
    return best
