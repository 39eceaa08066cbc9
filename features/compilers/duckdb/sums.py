"""Exact sums over ranges of events: differences of running sums, in as many words as the greatest of them needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.features.compilers.duckdb.columns import Bools
from penstock.features.compilers.duckdb.frames import Range
from penstock.features.compilers.duckdb.words import (
    Int64s,
    UInt64s,
    Words,
    multiply,
    running,
    subtract,
    take,
    unsigned,
    widen,
    words_for,
)


def largest(values: Int64s) -> int:
    """The greatest size of all values."""
    return max(abs(int(values.min(initial=0))), int(values.max(initial=0)))


def range_counts(flags: Bools | None, ranges: Sequence[Range]) -> list[Int64s]:
    """How many of each range's events are flagged; None: all."""
    if flags is None:
        return [r.lengths for r in ranges]
    sums = np.concatenate((np.zeros(1, np.int64), np.cumsum(flags, dtype=np.int64)))
    return [sums[r.high] - sums[r.low] for r in ranges]


def range_sums(values: Int64s, ranges: Sequence[Range]) -> list[Words]:
    """The sum over each point's range, for each of the ranges."""
    words = words_for(largest(values) * _longest(ranges))
    return _differences(running(widen(values, words)), ranges)


def range_squares(values: Int64s, ranges: Sequence[Range]) -> list[Words]:
    """The sum of the squares over each point's range, for each of the ranges."""
    words = words_for(largest(values) ** 2 * _longest(ranges))
    # the size of the least int64 is right without its sign
    sizes: UInt64s = np.abs(values).view(np.uint64)
    return _differences(running(multiply((sizes,), (sizes,), words)), ranges)


def range_powers(sizes: UInt64s, power: int, ranges: Sequence[Range]) -> list[Words]:
    """The sum of a power of what is not negative over each point's range, for each of the ranges."""
    words = words_for(int(sizes.max(initial=0)) ** power * _longest(ranges))
    raised: Words = (sizes,)
    for _ in range(power - 1):
        raised = multiply(raised, (sizes,), words)
    return _differences(running(unsigned(raised, words)), ranges)


def _longest(ranges: Sequence[Range]) -> int:
    return max((r.longest for r in ranges), default=0)


def _differences(sums: Words, ranges: Sequence[Range]) -> list[Words]:
    return [subtract(take(sums, r.high), take(sums, r.low)) for r in ranges]
