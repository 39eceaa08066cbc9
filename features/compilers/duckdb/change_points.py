"""From rows of a slice (``view.py``) to its change points: every feature over every window's range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from penstock.features.compilers.duckdb.chosen import CHOSEN, chosen
from penstock.features.compilers.duckdb.columns import column_of
from penstock.features.compilers.duckdb.compared import compared
from penstock.features.compilers.duckdb.decayed import DECAYED
from penstock.features.compilers.duckdb.extremes import COMPARED
from penstock.features.compilers.duckdb.frames import frames
from penstock.features.compilers.duckdb.group import Group, groups
from penstock.features.compilers.duckdb.keyed_events import keyed_events
from penstock.features.compilers.duckdb.listed import LISTED, Listed
from penstock.features.compilers.duckdb.ranked import RANKED, Ranked
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
    summed, ordered, ranked = Summed(group), compared(group), Ranked(group)
    listed = Listed(group, ranked)
    columns, lost = chosen(group), 0
    for feature in group.features:
        if feature.aggregate in CHOSEN:
            continue
        if feature.aggregate in COMPARED:
            columns[feature.name] = ordered[feature.aggregate, feature.window]
        elif feature.aggregate in RANKED:
            columns[feature.name] = getattr(ranked, feature.aggregate)(feature)
        elif feature.aggregate in LISTED:
            columns[feature.name] = getattr(listed, feature.aggregate)(feature)
        elif feature.aggregate == "sum" and feature.type == "int64":
            columns[feature.name], over = _int64_sum(summed.sums[feature.window])
            lost += over
        else:
            columns[feature.name] = _number(summed, feature)
    return columns, lost


def _number(summed: Summed, feature: FeaturePlan) -> pa.Array:
    if feature.aggregate == "count":
        return column_of(summed.counts[feature.window], None, pa.int64())
    if feature.aggregate in DECAYED:
        values = getattr(summed.decayed, feature.aggregate)(feature)
    else:
        values = getattr(summed, feature.aggregate)(feature.window)
    return column_of(values, ~np.isnan(values), pa.float64())


def _int64_sum(sums: Words) -> tuple[pa.Array, int]:
    fits = fits_int64(sums)
    return column_of(sums[0].view(np.int64), fits, pa.int64()), int(np.count_nonzero(~fits))
