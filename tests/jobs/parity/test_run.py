"""Engines side by side: what is compared, on which events, and that a wrong engine is found out."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.features.plan import ViewPlan
from penstock.jobs.parity import share
from penstock.jobs.parity.compare import Comparison
from penstock.jobs.parity.engines import ENGINES, Engine, running
from penstock.jobs.parity.events import Arrival
from penstock.jobs.parity.run import Compared, Run
from tests.jobs.parity.shop import BROKEN, PLAN, came, many, oracle
from tests.parity.strategies import World, worlds


@pytest.fixture(scope="module")
def engines() -> object:
    with running(ENGINES) as started:
        yield started


def compared(run: Run, given: list[Arrival], plan: ViewPlan = PLAN) -> list[Compared]:
    return run.compared([plan], {plan.source.name: given})


def different(found: list[Compared]) -> list[str]:
    return [words for one in found for words in one.result.samples]


def test_all_engines_agree_in_the_order_of_arrival_and_in_others(engines: dict[str, Engine]) -> None:
    found = compared(Run(engines, shuffles=2), many(60))
    assert different(found) == []
    assert {(one.pair, one.what, one.order) for one in found} == {
        (("oracle", "duckdb"), "all change points", "as they came"),
        (("oracle", "flink"), "the last row of every (key, t)", "as they came"),
        (("duckdb", "flink"), "the last row of every (key, t)", "as they came"),
        (("oracle", "flink"), "every row emitted, in order", "as they came"),
        *(
            pair
            for order in ("shuffle 1", "shuffle 2")
            for pair in (
                (("oracle", "duckdb"), "all change points", order),
                (("oracle", "flink"), "the last row of every key", order),
                (("duckdb", "flink"), "the last row of every key", order),
                (("oracle", "flink"), "every row emitted, in order", order),
            )
        ),
    }
    assert all(one.result.values > 0 and one.given == len(one.events) == 60 for one in found)


def test_where_the_oracle_has_a_share_the_others_have_all(
    engines: dict[str, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share, "MOST_ASKED", 5_000)
    found = compared(Run(engines), many(400, keys=40))
    assert different(found) == []
    seen = {one.pair: len(one.events) for one in found}
    assert seen[("duckdb", "flink")] == 400
    assert 0 < seen[("oracle", "duckdb")] == seen[("oracle", "flink")] < 400
    assert {one.given for one in found} == {400}


def test_rows_are_written_whole(engines: dict[str, Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "MOST_ASKED", 1)
    found = compared(Run(engines, shuffles=1, out=tmp_path), many(30))
    assert different(found) == []
    assert {len(one.events) for one in found if one.order == "as they came"} == {30}
    tables = {engine: pq.read_table(tmp_path / engine / "customer.parquet") for engine in ENGINES}
    assert tables["oracle"] == tables["duckdb"]
    assert "seq" in tables["flink"].schema.names


def test_a_change_point_that_an_event_overtakes_needs_no_row(engines: dict[str, Engine]) -> None:
    # nothing moves the watermark past 10 s before the event at 20 s comes
    found = compared(Run(engines), came((0, "a", 1.0), (20_000, "a", 2.0)))
    assert different(found) == []
    assert [one.result.rows for one in found if one.pair == ("duckdb", "flink")] == [5]
    assert [one.result.rows for one in found if one.pair == ("oracle", "duckdb")] == [6]


def test_one_engine_alone_is_compared_with_none(tmp_path: Path) -> None:
    assert compared(Run({"oracle": oracle}, out=tmp_path), many(10)) == []
    assert pq.read_table(tmp_path / "oracle" / "customer.parquet").num_rows > 0


def test_a_wrong_engine_is_found_out() -> None:
    (one,) = compared(Run(BROKEN), came((0, "a", 1.0), (5, "b", 2.0), (5, "b", 3.0)))
    assert one.result.differences == 1
    unlike = one.result.unlike
    assert unlike is not None
    assert (unlike.feature, unlike.place, unlike.values) == (
        "spent_1m",
        {"customer": "b", "t": 5},
        (2.5, 2.5000000000000004),
    )


def test_a_right_engine_is_not(engines: dict[str, Engine]) -> None:
    (one,) = compared(Run({"oracle": oracle, "duckdb": engines["duckdb"]}), came((0, "a", 1.0), (0, "a", 2.0)))
    assert one.result == Comparison(rows=3, values=9)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(worlds(), st.integers(0, 9))
def test_right_engines_agree_on_anything_in_any_order(engines: dict[str, Engine], world: World, seed: int) -> None:
    arrivals = {
        source.name: [arrival for arrival in world.arrivals if arrival.source == source]
        for source in world.plans[0].source.sources
    }
    found = Run(engines, shuffles=1, seed=seed).compared(world.plans, arrivals)
    assert different(found) == []
