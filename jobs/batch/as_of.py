"""The as-of join in DuckDB: of each asker's key the change point with the greatest ``t`` up to the asker's time."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.features.compilers.duckdb.types import in_milliseconds, literal, quote
from penstock.features.plan import FeaturePlan, ViewPlan


def as_of(view: ViewPlan, features: Sequence[str], points: str, asked: str, keys: Sequence[str], kept: str) -> str:
    """The query for ``kept``, ``point`` (the change point's time, null without one) and the features as f_<name>: the
    values over nothing where there is no point.

    ``asked``: a query for the askers, who ask at ``_at``; ``keys``: their columns, quoted, in the order of the view's
    key; ``kept``: that one of their columns which says who they are; ``points``: the view's change points in SQL.
    """
    wanted = [feature for name in features for feature in view.features if feature.name == name]
    stored = [f"{in_milliseconds(f.type, quote(f.name))} AS {f_column(f.name)}" for f in wanted]
    columns = ", ".join([*(quote(key.name) for key in view.key), "t", *stored])
    found = ", ".join([f"a.{kept}", "c.t AS point", *map(_or_default, wanted)])
    same = " AND ".join(f"a.{asking} = c.{quote(key.name)}" for asking, key in zip(keys, view.key, strict=True))
    return f"""SELECT {found} FROM ({asked}) AS a
        ASOF LEFT JOIN (SELECT {columns} FROM {points}) AS c ON {same} AND a._at >= c.t"""


def f_column(name: str) -> str:
    """A feature in what is found, quoted."""
    return quote(f"f_{name}")


def _or_default(feature: FeaturePlan) -> str:
    value = f_column(feature.name)
    if feature.default is None:
        return f"c.{value}"
    return f"CASE WHEN c.t IS NULL THEN {literal(feature.default, feature.type)} ELSE c.{value} END AS {value}"
