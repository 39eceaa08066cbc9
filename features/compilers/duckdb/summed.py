"""Counts, sums and what is made of them, for one group of features."""

from __future__ import annotations

from functools import cached_property
from typing import assert_never

import numpy as np

from penstock.features.aggregates import (
    AnyAggregate,
    AnyMoment,
    Count,
    Kurtosis,
    Mean,
    Moment,
    Skew,
    Std,
    Sum,
    Var,
)
from penstock.features.compilers.duckdb.columns import words_of
from penstock.features.compilers.duckdb.decayed import Decayed
from penstock.features.compilers.duckdb.group import Group
from penstock.features.compilers.duckdb.numbers import Doubles, quotients
from penstock.features.compilers.duckdb.shapes import Shapes, has_shape
from penstock.features.compilers.duckdb.sums import range_squares, range_sums
from penstock.features.compilers.duckdb.view import Part
from penstock.features.compilers.duckdb.words import (
    Int64s,
    Words,
    absolute,
    add,
    bound,
    extend,
    multiply,
    subtract,
    take,
    words_for,
)


class Summed:
    """One value per change point."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._power = group.plan.args[group.arg].places or 0 if group.plan.args else 0

    def values(self, moment: AnyMoment, window: int) -> Doubles:
        """Of a float64, or of what gives one; NaN where there are too few values, or all are equal."""
        match moment:
            case Sum():
                return quotients(self.sums[window], np.ones_like(self.counts[window]), self._power)
            case Mean():
                return quotients(self.sums[window], self.counts[window], self._power)
            case Var():
                return self._variances[window]
            case Std():
                deviations: Doubles = np.sqrt(self._variances[window])
                return deviations
            case Skew():
                return self._shapes.skew(window)
            case Kurtosis():
                return self._shapes.kurtosis(window)
            case _:
                assert_never(moment)

    @cached_property
    def counts(self) -> dict[int, Int64s]:
        """The events that take part."""
        counts = {window: self._group.alive[window] for window in self._group.windows(_is_counted)}
        for window in counts:
            if (held := self._held("c", window)) is not None:
                counts[window] = counts[window] + held[0].view(np.int64)
        return counts

    @cached_property
    def sums(self) -> dict[int, Words]:
        """The sums of the scaled integers."""
        windows = self._group.windows(_is_summed)
        sums = dict(zip(windows, range_sums(self._numbers, self._group.ranges(windows)), strict=True))
        for window in windows:
            if (held := self._held("n", window)) is not None:
                sums[window] = _total(sums[window], held)
        return sums

    @cached_property
    def decayed(self) -> Decayed:
        """What weighs less with age."""
        return Decayed(self._group, self._numbers, self._power)

    @cached_property
    def _squares(self) -> dict[int, Words]:
        windows = self._group.windows(_is_squared)
        squares = dict(zip(windows, range_squares(self._numbers, self._group.ranges(windows)), strict=True))
        for window in windows:
            high, low = self._held("q", window), self._held("r", window)
            if high is not None and low is not None:
                held = add(extend(low, 3), (np.zeros_like(high[0]), *high))
                squares[window] = _total(squares[window], held)
        return squares

    @cached_property
    def _numbers(self) -> Int64s:
        numbers, known = self._group.events.scaled(self._group.arg), self._group.known
        return numbers if known is None else np.where(known, numbers, 0)

    @cached_property
    def _shapes(self) -> Shapes:
        return Shapes(self._group, self._numbers)

    @cached_property
    def _variances(self) -> dict[int, Doubles]:
        return {window: self._variance(window) for window in self._group.windows(_is_squared)}

    def _variance(self, window: int) -> Doubles:
        """``(n * S2 - S1 * S1) / (n * (n - 1) * 10**(2 * places))``; no part of it is larger than ``n * S2``."""
        counts, squares = self.counts[window], self._squares[window]
        words = words_for(int(counts.max(initial=0)) * bound(squares))
        sums = absolute(self.sums[window])
        spread = subtract(multiply((counts.view(np.uint64),), squares, words), multiply(sums, sums, words))
        return quotients(spread, counts * (counts - 1), 2 * self._power)

    def _held(self, part: Part, window: int) -> Words | None:
        """At each point what its key held at the slice's start."""
        before = self._group.before(part) if self._group.lasting(window) else None
        return None if before is None else take(words_of(before), self._group.points.key)


def _is_counted(aggregate: AnyAggregate) -> bool:
    return isinstance(aggregate, Count) or _is_summed(aggregate)


def _is_summed(aggregate: AnyAggregate) -> bool:
    return isinstance(aggregate, Moment) and not has_shape(aggregate)


def _is_squared(aggregate: AnyAggregate) -> bool:
    return isinstance(aggregate, Moment) and aggregate.powers == 2


def _total(a: Words, b: Words) -> Words:
    words = max(len(a), len(b))
    return add(extend(a, words), extend(b, words))
