"""argmax and argmin, for one group of features: a value of the event that is the greatest or least by another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from penstock.features.aggregates import Chosen, Max, Min
from penstock.features.compilers.duckdb.codes import Codes, codes
from penstock.features.compilers.duckdb.columns import Bools, valid
from penstock.features.compilers.duckdb.extremes import extremes
from penstock.features.compilers.duckdb.group import Group
from penstock.features.compilers.duckdb.sums import range_counts
from penstock.features.compilers.duckdb.words import Int64s


@dataclass(frozen=True)
class _Order:
    """``places``: all events by (by, time, value); ``ranks``: each event's place among them; ``known``: which count."""

    places: Int64s
    ranks: Int64s
    known: Bools | None


def chosen(group: Group) -> dict[str, pa.Array]:
    """Columns by the feature's name, null over nothing."""
    features = [(f, f.aggregate, f.by) for f in group.features if isinstance(f.aggregate, Chosen) and f.by is not None]
    if not features:
        return {}
    coded = codes(group.events.value(group.arg))
    orders = {by: _order(group, coded, by) for by in dict.fromkeys(by for _, _, by in features)}
    return {f.name: _column(group, coded, orders[by], f.window, aggregate) for f, aggregate, by in features}


def _order(group: Group, coded: Codes, by: int) -> _Order:
    column = group.events.value(by)
    places = np.lexsort((coded.values, group.events.time, codes(column).values))
    ranks = np.empty_like(places)
    ranks[places] = np.arange(len(places))
    known, there = group.known, valid(column)
    both = known & there if known is not None and there is not None else there if known is None else known
    return _Order(places, ranks, both)


def _column(group: Group, coded: Codes, order: _Order, window: int, aggregate: Chosen) -> pa.Array:
    ranges = group.ranges([window])
    (best,) = extremes(Max() if aggregate.greatest else Min(), order.ranks, order.known, group.events.ties, ranges)
    (count,) = range_counts(order.known, ranges)
    # where nothing counts there is no rank
    places = order.places[np.clip(best.astype(np.int64), 0, len(order.places) - 1)]
    return coded.column(coded.values[places], count > 0)
