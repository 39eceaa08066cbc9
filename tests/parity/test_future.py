"""Labels of the time after a request: random views and events, and the values of the oracle, to the bit."""

from __future__ import annotations

import dataclasses
import functools
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import penstock as f
from penstock.features import oracle
from penstock.features.aggregates import Decayed
from penstock.features.canonical import canonical_json
from penstock.features.compilers.duckdb.types import SQL_TYPES, quote
from penstock.features.expressions import Expr
from penstock.features.plan import SOURCE, LabelPlan, ViewPlan
from penstock.features.span import Span
from penstock.features.types import TYPES
from penstock.jobs.batch.database import prepare
from penstock.jobs.models.arrays import array_of, values_of
from penstock.jobs.parity.bits import differing
from penstock.jobs.parity.engines import history
from penstock.jobs.parity.events import arrival
from penstock.jobs.training.future import future_points, load_future
from tests.parity.strategies import World, worlds
from tests.parity.test_random import CHOSEN, explored, random_worlds

Request = tuple[tuple[Any, ...], int]


def as_future(plan: ViewPlan) -> ViewPlan:
    """The view with windows that say something of the time after a request."""
    windows = tuple(f.sliding(f"{window.size_ms or 40}ms") for window in plan.windows)
    kept = [e for e in plan.features if e.type in TYPES and not isinstance(e.aggregate, Decayed)]
    return dataclasses.replace(plan, windows=windows, features=tuple(kept))


def label_of(plan: ViewPlan) -> LabelPlan:
    """A label that is made of all features."""
    leaves = [Expr("feature", e.type, name=f"{plan.name}.{e.name}") for e in plan.features]
    expr = functools.reduce(lambda a, b: a & b, [leaf.is_null() for leaf in leaves])
    key = tuple((key.name, key.name) for key in plan.key)
    return LabelPlan(plan.name, "", "bool", canonical_json(expr.to_json()), future=plan.json, key=key)


def by_duckdb(world: World, plan: ViewPlan, asked: list[Request]) -> list[pa.Array]:
    """The features of each request, column by column."""
    span = Span(min(t for _, t in asked), max(t for _, t in asked) + 1)
    with tempfile.TemporaryDirectory() as name, duckdb.connect() as db:
        files = {source.name: str(Path(name) / f"{source.name}.parquet") for source in plan.source.sources}
        for source in plan.source.sources:
            rows = history(source, [a for a in world.arrivals if a.row is not None and a.source == source])
            pq.write_table(rows, files[source.name])
        prepare(db)
        keys = ", ".join(f"{quote(f'c_{key.name}')} {SQL_TYPES[key.type]}" for key in plan.key)
        db.execute(f"CREATE TABLE requests (n BIGINT, t BIGINT, {keys})")
        holes = ", ".join("?" * (2 + len(plan.key)))
        db.executemany(f"INSERT INTO requests VALUES ({holes})", [[n, t, *key] for n, (key, t) in enumerate(asked)])
        with future_points(plan.as_typed(), files, span, Path(name), "1GB") as points:
            load_future(db, label_of(plan), plan, points, None)
        table = db.execute("SELECT * FROM labels ORDER BY n").to_arrow_table()
    return [array_of(values_of(e.type, table[f"l_{plan.name}.{e.name}"])) for e in plan.features]


@random_worlds if CHOSEN else settings(explored, max_examples=12)
@given(worlds(views=1), st.data())
def test_a_label_of_the_time_after_a_request_equals_the_oracle(world: World, data: st.DataObject) -> None:
    plan = as_future(world.plans[0])
    rows = [{**came.row, SOURCE: came.source.name} for came in world.arrivals if came.row is not None]
    keys = sorted({row[0] for row in oracle.batch(plan, rows).rows})
    assume(keys and plan.features)
    asked = data.draw(st.lists(st.tuples(st.sampled_from(keys), st.integers(-90, 1300)), min_size=1, max_size=8))
    # the times of events are where ends are open or closed
    times = [arrival.time for arrival in world.arrivals[:5] if arrival.time is not None]
    asked += [(keys[0], t - size) for t in times for size in {0, *(window.size_ms for window in plan.windows)}]
    wanted = [oracle.future(plan, rows, key, t) for key, t in asked]
    for place, (feature, column) in enumerate(zip(plan.features, by_duckdb(world, plan, asked), strict=True)):
        meant = [values[place] for values in wanted]
        plain = pa.array(meant, pa.int64() if feature.type == "timestamp" else None, from_pandas=False)
        here = array_of(values_of(feature.type, plain.cast(column.type) if plain.type == pa.null() else plain))
        assert not differing(pa.chunked_array([column]), pa.chunked_array([here])).any(), feature.name


def test_the_start_is_open_and_the_end_is_closed() -> None:
    events = f.Stream("events", topic="events", time="ts", columns=dict(ts="timestamp", k="string"))
    plan = f.Future("v", events, key="k", features=dict(n=f.count().over("10ms", "15ms"))).plan
    came = [arrival(events.source_plan, i, b'{"ts": %d, "k": "a"}' % ts) for i, ts in enumerate([10, 20, 21, 25, 26])]
    rows = [each.row for each in came if each.row is not None]
    asked: list[Request] = [(("a",), 10), (("a",), 9), (("b",), 10), (("a",), 26), (("a",), -100)]
    assert [oracle.future(plan, rows, key, t) for key, t in asked] == [(1, 3), (1, 3), (0, 0), (0, 0), (0, 0)]
    columns = [column.to_pylist() for column in by_duckdb(World([plan], came), plan, asked)]
    assert columns == [[1, 1, 0, 0, 0], [3, 3, 0, 0, 0]]
    assert [oracle.matured(plan, rows, t, 10) for t in (15, 16)] == [True, False]
