"""From rows of a slice (``view.py``) to its change points: every feature over every window's range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import numpy as np
import pyarrow as pa

from penstock.features.aggregates import Chosen, Count, Decayed, Extreme, Histogram, Latest, Moment, Rank, Sum
from penstock.features.aggregates import Listed as ListedAggregate
from penstock.features.compilers.duckdb.chosen import chosen
from penstock.features.compilers.duckdb.columns import column_of
from penstock.features.compilers.duckdb.compared import compared
from penstock.features.compilers.duckdb.frames import frames
from penstock.features.compilers.duckdb.group import Group, groups
from penstock.features.compilers.duckdb.keyed_events import keyed_events
from penstock.features.compilers.duckdb.listed import Listed
from penstock.features.compilers.duckdb.numbers import Doubles
from penstock.features.compilers.duckdb.ranked import Ranked
from penstock.features.compilers.duckdb.summed import Summed
from penstock.features.compilers.duckdb.view import ViewQuery
from penstock.features.compilers.duckdb.words import Words, fits_int64
from penstock.features.plan import FeaturePlan, ViewPlan


@dataclass(frozen=True)
class ChangePoints:
    """Columns by key and time: the key's, ``t`` in milliseconds, and the features in the plan's order. ``lost``: how
    many int64 sums are null because they do not fit.
    """

    keys: list[pa.Array]
    t: pa.Array
    features: list[pa.Array]
    lost: int


def change_points(plan: ViewPlan, rows: pa.RecordBatch, start: int, end: int) -> ChangePoints:
    """The change points in ``[start, end)`` of rows of ``ViewQuery.rows``: for a view, all rows of whole keys."""
    if plan.kind == "table":
        return _as_they_are(plan, rows)
    events = keyed_events(plan, rows)
    points = frames(events.key, events.time, plan.windows, start, end, whole=ViewQuery(plan).whole)
    columns: dict[str, pa.Array] = {}
    lost = 0
    for group in groups(plan, events, points):
        made, over = _columns(group)
        columns |= made
        lost += over
    keys = [column.take(column_of(points.key, None, pa.int64())) for column in events.keys]
    t = column_of(points.t, None, pa.int64())
    return ChangePoints(keys, t, [columns[feature.name] for feature in plan.features], lost)


def _as_they_are(plan: ViewPlan, rows: pa.RecordBatch) -> ChangePoints:
    keys, features = ([rows.column(c.name) for c in listed] for listed in (plan.key, plan.features))
    return ChangePoints(keys, rows.column("t"), features, 0)


def _columns(group: Group) -> tuple[dict[str, pa.Array], int]:
    """The group's features by name, and how many int64 sums are lost."""
    summed, extremes, picked, ranked = Summed(group), compared(group), chosen(group), Ranked(group)
    listed = Listed(group, ranked)
    lost = 0

    def column(feature: FeaturePlan) -> pa.Array:
        nonlocal lost
        match feature.aggregate:
            case Count():
                return column_of(summed.counts[feature.window], None, pa.int64())
            case Sum() if feature.type == "int64":
                sums, over = _int64_sum(summed.sums[feature.window])
                lost += over
                return sums
            case Moment() as moment:
                return _doubles(summed.values(moment, feature.window))
            case Decayed() as decayed:
                return _doubles(summed.decayed.values(decayed, feature.ages))
            case Extreme() as extreme:
                return extremes[extreme, feature.window]
            case Chosen():
                return picked[feature.name]
            case Rank() as rank:
                return ranked.column(rank, feature.window)
            case ListedAggregate() | Histogram() as lists:
                return listed.column(lists, feature.window)
            case Latest():
                raise AssertionError("a table's rows are made in SQL")
            case _:
                assert_never(feature.aggregate)

    return {feature.name: column(feature) for feature in group.features}, lost


def _doubles(values: Doubles) -> pa.Array:
    return column_of(values, ~np.isnan(values), pa.float64())


def _int64_sum(sums: Words) -> tuple[pa.Array, int]:
    fits = fits_int64(sums)
    return column_of(sums[0].view(np.int64), fits, pa.int64()), int(np.count_nonzero(~fits))
