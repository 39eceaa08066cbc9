"""Different values and percentiles, for one group of features."""

from __future__ import annotations

from functools import cached_property
from typing import assert_never

import numpy as np
import pyarrow as pa

from penstock.features.aggregates import AnyRank, Distinct, Percentile
from penstock.features.compilers.duckdb.codes import Codes, codes
from penstock.features.compilers.duckdb.columns import column_of
from penstock.features.compilers.duckdb.extremes import Values
from penstock.features.compilers.duckdb.frames import Range
from penstock.features.compilers.duckdb.group import Group
from penstock.features.compilers.duckdb.ranks import count_below, kth
from penstock.features.compilers.duckdb.words import Int64s


class Ranked:
    """Columns. The values that take part, as numbers in their own order."""

    def __init__(self, group: Group) -> None:
        self._group = group

    def column(self, aggregate: AnyRank, window: int) -> pa.Array:
        """One value per change point."""
        r = self._group.taking_part[window]
        match aggregate:
            case Distinct():
                return self._distinct(r)
            case Percentile():
                return self._percentile(r, *aggregate.share)
            case _:
                assert_never(aggregate)

    def _distinct(self, r: Range) -> pa.Array:
        """A value counts where it stands for the first time in the range: its last place before is not in it."""
        return column_of(count_below(self._before, r.low, r.high, r.low + 1), None, pa.int64())

    def _percentile(self, r: Range, above: int, below: int) -> pa.Array:
        """The share is ``above / below``; null over nothing."""
        rank = np.maximum(-(-above * r.lengths // below), 1)
        found = kth(self.ranks, r.low, r.high, rank - 1)
        if not len(self.different):
            return pa.nulls(len(found), self.codes.type)
        # of an empty range anything is found
        values = self.different[np.minimum(found, len(self.different) - 1)]
        return self.codes.column(values, r.lengths > 0)

    @cached_property
    def codes(self) -> Codes:
        """The argument of all events."""
        return codes(self._group.events.value(self._group.arg))

    @cached_property
    def _unique(self) -> tuple[Values, Int64s]:
        distinct, ranks = np.unique(self.codes.values[self._group.places], return_inverse=True)
        return distinct, ranks

    @property
    def different(self) -> Values:
        """The codes that take part, each once, in order."""
        return self._unique[0]

    @property
    def ranks(self) -> Int64s:
        """Of each event that takes part, the place of its value in ``different``."""
        return self._unique[1]

    @cached_property
    def _before(self) -> Int64s:
        """One more than the last place before at which each value stood; 0: nowhere. Another key's place is before
        every range of this one's.
        """
        order = np.argsort(self.ranks, kind="stable")
        same = self.ranks[order][1:] == self.ranks[order][:-1]
        before = np.zeros(len(order), dtype=np.int64)
        before[order[1:][same]] = order[:-1][same] + 1
        return before
