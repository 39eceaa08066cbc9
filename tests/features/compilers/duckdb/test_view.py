"""The SQL of the shipped views, kept readable beside this file. ``PENSTOCK_GOLDEN=write`` writes it anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from penstock import Stream, View, count, distinct, lifetime
from penstock.features.compilers.duckdb.events import Files, events_query
from penstock.features.compilers.duckdb.types import FileColumn
from penstock.features.compilers.duckdb.view import ViewQuery, held_of
from penstock.features.plan import ViewPlan
from penstock.features.span import Span
from penstock.jobs.project.project import read_definitions

GOLDEN = Path(__file__).parent / "golden"
DEFINITIONS = Path(__file__).parents[4] / "feature_repo" / "definitions.py"
FILE_TYPES = {
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "string": "VARCHAR",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
}
PLANS = {name: view.plan for name, view in read_definitions(DEFINITIONS)[1].items()}


def compiled(plan: ViewPlan) -> str:
    histories = [
        [
            Files(
                "read_parquet(['history.parquet'])",
                {c.name: FileColumn(c.name, FILE_TYPES[c.type]) for c in source.columns},
                "",
            )
        ]
        for source in plan.source.sources
    ]
    events = events_query(plan, histories, Span(0, 2_000))
    return f"-- events\n{events};\n\n-- rows of a slice from 1000 to 2000\n{ViewQuery(plan).rows(1_000, 2_000)};\n"


@pytest.mark.parametrize("name", PLANS)
def test_the_sql_is_the_golden_one(name: str) -> None:
    golden = GOLDEN / f"{name}.sql"
    if os.environ.get("PENSTOCK_GOLDEN") == "write":
        golden.write_text(compiled(PLANS[name]))
    assert compiled(PLANS[name]) == golden.read_text()


def test_there_is_no_golden_file_without_a_view() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(PLANS)


def test_features_of_one_argument_share_its_column() -> None:
    query = ViewQuery(PLANS["route_month"])
    assert list(query.columns) == ["_e", "_n0", "_n1"]
    assert not query.held


def test_what_a_lifetime_holds_does_not_collide_with_what_an_event_has() -> None:
    query = ViewQuery(PLANS["plane_flown"])
    assert {held for feature in query.plan.features for held in held_of(feature)} == set(query.held)
    assert not {held.name for held in query.held} & set(query.columns)


def test_a_slice_reads_all_events_where_a_lifetime_cannot_be_held() -> None:
    events = Stream("events", history="*.parquet", time="ts", columns=dict(k="string", x="float64"))
    features = dict(n=count().over(lifetime()), x=distinct(events.x).over("1h"))
    query = ViewQuery(View("v", events, key="k", features=features).plan)
    assert (query.whole, [held.part for held in query.held]) == (False, ["c"])
    query = ViewQuery(View("v", events, key="k", features={**features, "y": distinct(events.x).over(lifetime())}).plan)
    assert (query.whole, query.held) == (True, ())
    assert "WHERE _e < 2000\n" in query.rows(1_000, 2_000)


def test_how_far_back_a_slice_must_look() -> None:
    assert ViewQuery(PLANS["origin_traffic"]).lookback_ms == (30 * 24 + 1) * 3_600_000
    assert ViewQuery(PLANS["plane_day"]).lookback_ms == 24 * 3_600_000
    assert ViewQuery(PLANS["plane_flown"]).endless
