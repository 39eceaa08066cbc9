"""Decayed sums and means (``features/decay.py``), for one group of features.

The sums over the windows of 1, 2, ... half-lives come one after another: only their total is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import assert_never

import numpy as np

from penstock.features.aggregates import AnyDecayed, DecayedMean, DecayedSum
from penstock.features.compilers.duckdb.group import Group
from penstock.features.compilers.duckdb.numbers import Doubles, quotients
from penstock.features.compilers.duckdb.sums import largest, range_counts, range_sums
from penstock.features.compilers.duckdb.words import Int64s, Words, add, extend, words_for


class Decayed:
    """One value per change point, over windows of 1, 2, ... half-lives.

    ``numbers``: the scaled integers, 0 for events that take no part; ``power``: their decimal places.
    """

    def __init__(self, group: Group, numbers: Int64s, power: int) -> None:
        self._group, self._numbers, self._power = group, numbers, power

    def values(self, aggregate: AnyDecayed, ages: Sequence[int]) -> Doubles:
        """NaN for the mean of nothing."""
        total = self._total(ages)
        match aggregate:
            case DecayedSum():
                return quotients(total, np.full(len(total[0]), _whole(ages)), self._power)
            case DecayedMean():
                return quotients(total, self._weights(ages), self._power)
            case _:
                assert_never(aggregate)

    def _total(self, ages: Sequence[int]) -> Words:
        """``2**(J-1)`` times the sum."""
        ranges = self._group.ranges(ages)
        words = words_for(largest(self._numbers) * ranges[-1].longest * _whole(ages))
        return _decayed((extend(range_sums(self._numbers, [r])[0], words) for r in ranges), len(ranges))

    def _weights(self, ages: Sequence[int]) -> Int64s:
        """``2**(J-1)`` times the sum of the weights."""
        ranges = self._group.ranges(ages)
        counts = ((range_counts(self._group.known, [r])[0].view(np.uint64),) for r in ranges)
        return _decayed(counts, len(ranges))[0].view(np.int64)


def _whole(ages: Sequence[int]) -> int:
    """What the youngest events weigh, the oldest weighing 1."""
    return 1 << (len(ages) - 1)


def _decayed(parts: Iterable[Words], count: int) -> Words:
    """``P_J + 2**0 * P_(J-1) + 2**1 * P_(J-2) + ...``, of ``count`` parts P_1, P_2, ... P_J."""
    each = iter(parts)
    total: Words | None = None
    for part in islice(each, count - 1):
        total = part if total is None else add(add(total, total), part)
    last = next(each)
    return last if total is None else add(total, last)
