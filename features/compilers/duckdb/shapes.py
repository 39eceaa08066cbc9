"""Skewness and kurtosis for one group of features, from exact integer moments.

They do not change when all values move by the same amount, so the least value of the chunk is taken off first: what is
left is not negative and no wider than it must be.
"""

from __future__ import annotations

import numpy as np

from penstock.features.aggregates import AnyAggregate, Moment
from penstock.features.compilers.duckdb.group import Group
from penstock.features.compilers.duckdb.numbers import Doubles, ratios
from penstock.features.compilers.duckdb.sums import range_powers
from penstock.features.compilers.duckdb.words import (
    Int64s,
    UInt64s,
    Words,
    absolute,
    add,
    bound,
    multiply,
    negative,
    subtract,
    unsigned,
    words_for,
)


def has_shape(aggregate: AnyAggregate) -> bool:
    """Is it made of third or fourth powers?"""
    return isinstance(aggregate, Moment) and aggregate.powers > 2


class Shapes:
    """By window, one value per change point. ``numbers``: the scaled integers, of the events that take part."""

    def __init__(self, group: Group, numbers: Int64s) -> None:
        self._group = group
        windows = group.windows(has_shape)
        ranges = group.ranges(windows)
        sizes = _moved(numbers, group)
        powers = [range_powers(sizes, power, ranges) for power in (1, 2, 3, 4)]
        self._moments = {window: [sums[i] for sums in powers] for i, window in enumerate(windows)}

    def skew(self, window: int) -> Doubles:
        """The root of ``B**2 * n*(n-1) / (A**3 * (n-2)**2)`` with B's sign; NaN below three values, or where A is 0."""
        s1, s2, s3, _ = self._moments[window]
        n, count = self._counts(window)
        a, b = self._spread(window), _third(n, s1, s2, s3)
        size = _trimmed(absolute(b))
        below = _product(a, a, a, _less(count, 2), _less(count, 2))
        above = _product(size, size, n, _less(count, 1))
        with np.errstate(invalid="ignore"):
            roots = np.sqrt(ratios(above, below))
        return np.where(negative(b), -roots, roots)

    def kurtosis(self, window: int) -> Doubles:
        """``(n-1)*((n+1)*C - 3*(n-1)*A**2) / ((n-2)*(n-3)*A**2)``; NaN below four values, or where A is 0."""
        n, count = self._counts(window)
        a, c = self._spread(window), _trimmed(_fourth(n, *self._moments[window]))
        below = _product(a, a, _less(count, 2), _less(count, 3))
        more = (np.where(count > 0, count + 1, 0).view(np.uint64),)
        above = _difference([_product(_less(count, 1), more, c)], [_product(_THREE, *2 * [_less(count, 1)], a, a)])
        return ratios(above, below)

    def _counts(self, window: int) -> tuple[Words, Int64s]:
        counts = self._group.alive[window]
        return (counts.view(np.uint64),), counts

    def _spread(self, window: int) -> Words:
        """``A = n*S2 - S1**2``."""
        s1, s2, *_ = self._moments[window]
        return _trimmed(_difference([_product(self._counts(window)[0], s2)], [_product(s1, s1)]))


_TWO, _THREE, _FOUR, _SIX = (tuple(np.array([[n]], dtype=np.uint64)) for n in (2, 3, 4, 6))


def _moved(numbers: Int64s, group: Group) -> UInt64s:
    """What the values are above the least of them; 0 for events that take no part."""
    known = group.known
    least = (numbers if known is None else numbers[known]).min(initial=2**63 - 1)
    moved = numbers.view(np.uint64) - least.view(np.uint64)
    return moved if known is None else np.where(known, moved, np.uint64(0))


def _third(n: Words, s1: Words, s2: Words, s3: Words) -> Words:
    """``n**2*S3 - 3*n*S1*S2 + 2*S1**3``."""
    return _difference([_product(n, n, s3), _product(_TWO, s1, s1, s1)], [_product(_THREE, n, s1, s2)])


def _fourth(n: Words, s1: Words, s2: Words, s3: Words, s4: Words) -> Words:
    """``n**3*S4 - 4*n**2*S1*S3 + 6*n*S1**2*S2 - 3*S1**4``."""
    positive = [_product(n, n, n, s4), _product(_SIX, n, s1, s1, s2)]
    return _difference(positive, [_product(_FOUR, n, n, s1, s3), _product(_THREE, *4 * [s1])])


def _product(*factors: Words) -> Words:
    """Of what is not negative, in the words that it needs."""
    made = factors[0]
    for factor in factors[1:]:
        made = multiply(made, factor, words_for(bound(made) * bound(factor)))
    return made


def _difference(added: list[Words], taken: list[Words]) -> Words:
    """The sum of some products without the sum of others."""
    words = words_for(sum(bound(values) for values in (*added, *taken)))
    total, *rest = [unsigned(values, words) for values in added]
    for values in rest:
        total = add(total, values)
    for values in taken:
        total = subtract(total, unsigned(values, words))
    return total


def _trimmed(values: Words) -> Words:
    """What is not negative, without the upper words in which there is nothing."""
    words = len(values)
    while words > 1 and not values[words - 1].any():
        words -= 1
    return values[:words]


def _less(counts: Int64s, by: int) -> Words:
    """So much less, and not less than nothing."""
    return (np.maximum(counts - by, 0).view(np.uint64),)
