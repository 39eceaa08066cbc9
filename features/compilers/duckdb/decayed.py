"""Decayed sums and means (``features/decay.py``), for one group of features.

The sums over the windows of 1, 2, ... half-lives come one after another: only their total is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import numpy as np

from penstock.features.compilers.duckdb.group import Group
from penstock.features.compilers.duckdb.numbers import Doubles, quotients
from penstock.features.compilers.duckdb.sums import largest, range_counts, range_sums
from penstock.features.compilers.duckdb.words import Int64s, Words, add, extend, words_for
from penstock.features.plan import FeaturePlan

DECAYED = ("decayed_sum", "decayed_mean")


class Decayed:
    """One value per change point. ``numbers``: the scaled integers, 0 for events that take no part; ``power``: their
    decimal places.
    """

    def __init__(self, group: Group, numbers: Int64s, power: int) -> None:
        self._group, self._numbers, self._power = group, numbers, power

    def decayed_sum(self, feature: FeaturePlan) -> Doubles:
        """0.0 over nothing."""
        total = self._total(feature)
        return quotients(total, np.full(len(total[0]), _whole(feature)), self._power)

    def decayed_mean(self, feature: FeaturePlan) -> Doubles:
        """NaN over nothing."""
        return quotients(self._total(feature), self._weights(feature), self._power)

    def _total(self, feature: FeaturePlan) -> Words:
        """``2**(J-1)`` times the sum."""
        ranges = self._group.ranges(feature.ages)
        words = words_for(largest(self._numbers) * ranges[-1].longest * _whole(feature))
        return _decayed((extend(range_sums(self._numbers, [r])[0], words) for r in ranges), len(ranges))

    def _weights(self, feature: FeaturePlan) -> Int64s:
        """``2**(J-1)`` times the sum of the weights."""
        ranges = self._group.ranges(feature.ages)
        counts = ((range_counts(self._group.known, [r])[0].view(np.uint64),) for r in ranges)
        return _decayed(counts, len(ranges))[0].view(np.int64)


def _whole(feature: FeaturePlan) -> int:
    """What the youngest events weigh, the oldest weighing 1."""
    return 1 << (len(feature.ages) - 1)


def _decayed(parts: Iterable[Words], count: int) -> Words:
    """``P_J + 2**0 * P_(J-1) + 2**1 * P_(J-2) + ...``, of ``count`` parts P_1, P_2, ... P_J."""
    each = iter(parts)
    total: Words | None = None
    for part in islice(each, count - 1):
        total = part if total is None else add(add(total, total), part)
    last = next(each)
    return last if total is None else add(total, last)
