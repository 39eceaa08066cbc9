"""Lists of values, for one group of features: the newest, the oldest, the most frequent, and counts by bins."""

from __future__ import annotations

from bisect import bisect_left, insort
from functools import cached_property
from itertools import pairwise
from typing import assert_never

import numpy as np
import pyarrow as pa

from penstock.features.aggregates import AnyList, FirstK, Histogram, LastK, TopK
from penstock.features.compilers.duckdb.columns import column_of
from penstock.features.compilers.duckdb.extremes import Values
from penstock.features.compilers.duckdb.frames import Range
from penstock.features.compilers.duckdb.group import Group
from penstock.features.compilers.duckdb.ranked import Ranked
from penstock.features.compilers.duckdb.sums import range_counts
from penstock.features.compilers.duckdb.words import Int64s


class Listed:
    """Columns of lists. ``ranked`` has the group's values in their own order."""

    def __init__(self, group: Group, ranked: Ranked) -> None:
        self._group, self._ranked = group, ranked

    def column(self, aggregate: AnyList | Histogram, window: int) -> pa.Array:
        """One list per change point."""
        r = self._group.taking_part[window]
        match aggregate:
            case LastK():
                return self._last(r, aggregate.k)
            case FirstK():
                return self._first(r, aggregate.k)
            case TopK():
                return self._top(r, aggregate.k)
            case Histogram():
                return self._histogram(aggregate.edges, window)
            case _:
                assert_never(aggregate)

    def _last(self, r: Range, k: int) -> pa.Array:
        """From each range's end backwards."""
        lengths = np.minimum(r.lengths, k)
        places = np.repeat(r.high - 1, lengths) - _within(lengths)
        return self._values(self._in_time[places], lengths)

    def _first(self, r: Range, k: int) -> pa.Array:
        """From each range's start onwards."""
        lengths = np.minimum(r.lengths, k)
        places = np.repeat(r.low, lengths) + _within(lengths)
        return self._values(self._in_time[places], lengths)

    def _top(self, r: Range, k: int) -> pa.Array:
        """One pass over the points: a range differs from the one before by what enters and leaves."""
        found, lengths = _most_frequent(self._ranked.ranks, r, k)
        return self._values(self._ranked.different[found], lengths)

    def _histogram(self, edges: tuple[int | float, ...], window: int) -> pa.Array:
        """Bin by bin, the events of the range that lie in it."""
        values, known = self._ranked.codes.values, self._group.known
        ranges = self._group.ranges([window])
        bins = []
        for low, high in pairwise(edges):
            inside = (values >= low) & (values < high)
            bins += range_counts(inside if known is None else inside & known, ranges)
        counts = np.ascontiguousarray(np.stack(bins, axis=1)).reshape(-1)
        return _lists(column_of(counts, None, pa.int64()), np.full(len(bins[0]), len(bins), dtype=np.int64))

    @cached_property
    def _in_time(self) -> Values:
        """The values that take part by key, time and value; a range has all of a time or nothing."""
        ties, places = self._group.events.ties, self._group.places
        number = np.repeat(np.arange(len(ties) - 1), np.diff(ties))[places]
        values = self._ranked.codes.values[places]
        in_time: Values = values[np.lexsort((values, number))]
        return in_time

    def _values(self, codes: Values, lengths: Int64s) -> pa.Array:
        return _lists(self._ranked.codes.column(codes, None), lengths)


def _within(lengths: Int64s) -> Int64s:
    """0, 1, … for each list, one after the other."""
    starts = np.cumsum(lengths) - lengths
    return np.arange(int(lengths.sum())) - np.repeat(starts, lengths)


def _lists(values: pa.Array, lengths: Int64s) -> pa.Array:
    """A column of lists of these lengths, one after the other."""
    ends = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths))).astype(np.int32)
    offsets = pa.Array.from_buffers(pa.int32(), len(ends), [None, pa.py_buffer(ends)])
    return pa.ListArray.from_arrays(offsets, values)


class _Counts:
    """How often each number stands in a range that moves, and the numbers by count and size."""

    def __init__(self, numbers: list[int]) -> None:
        self._numbers = numbers
        self._counts = [0] * (max(numbers, default=-1) + 1)
        #: (-count, number) of all that are there.
        self._order: list[tuple[int, int]] = []
        self._low = self._high = 0

    def move(self, low: int, high: int) -> None:
        """Turns to the range ``[low, high)``."""
        if low >= self._high or high <= self._low:
            self._clear(low)
        for place in (*range(low, self._low), *range(self._high, high)):
            self._change(self._numbers[place], 1)
        for place in (*range(self._low, low), *range(high, self._high)):
            self._change(self._numbers[place], -1)
        self._low, self._high = low, high

    def first(self, k: int) -> list[int]:
        """The most frequent, of equals the least."""
        return [number for _, number in self._order[:k]]

    def _clear(self, place: int) -> None:
        for number in self._numbers[self._low : self._high]:
            self._counts[number] = 0
        self._order.clear()
        self._low = self._high = place

    def _change(self, number: int, by: int) -> None:
        count = self._counts[number]
        if count:
            del self._order[bisect_left(self._order, (-count, number))]
        self._counts[number] = count + by
        if count + by:
            insort(self._order, (-count - by, number))


def _most_frequent(numbers: Int64s, r: Range, k: int) -> tuple[Int64s, Int64s]:
    """For each range its ``k`` most frequent numbers, all in one; and how many they are."""
    counts = _Counts(numbers.tolist())
    found: list[int] = []
    lengths = []
    for low, high in zip(r.low.tolist(), r.high.tolist(), strict=True):
        counts.move(low, high)
        first = counts.first(k)
        found += first
        lengths.append(len(first))
    return np.array(found, dtype=np.int64), np.array(lengths, dtype=np.int64)
