"""Training sets from small histories, against the oracle."""

from __future__ import annotations

import dataclasses
import math
import random
import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.features.errors import PenstockError, RefusedError, UsageError
from penstock.features.expressions import Expr
from penstock.features.ingest import BadEvent, Row
from penstock.features.oracle import evaluate, matured, value, view_event
from penstock.features.oracle import future as future_values
from penstock.features.plan import SOURCE, InputPlan, ModelPlan, ViewPlan
from penstock.jobs.batch.parts import BEFORE, FINGERPRINT
from penstock.jobs.project.project import Project
from penstock.jobs.training.training_set import training_set
from tests.jobs.shop import DEFINITIONS, full_row, make_project, write_change_points, write_history

START, END = 100_000, 200_000
Rows = dict[str, list[Row]]


def history(seed: int, requests: int = 120) -> Rows:
    """Random rows with ties, nulls and keys without any row; sources by name."""
    numbers = random.Random(seed)
    pick = numbers.choice
    orders = [
        {
            "ts": START + numbers.randrange(0, 60) * 1000,
            "order": f"o{i}",
            "customer": pick(["ann", "bob", "cy", None]),
            "shop": pick(["s1", "s2", "s3"]),
            "city": pick(["x", "y", None]),
            "amount": pick([None, 0.5, 12.25, 99.0, -3.0]),
            "items": pick([None, 1, 2, 7]),
            "gift": pick([None, True, False]),
            "placed": pick([None, START - 5, 0, -1]),
        }
        for i in range(requests)
    ]
    deliveries = [
        {
            "ts": order["ts"] + numbers.randrange(0, 9) * 1000,
            "order": order["order"],
            "shop": order["shop"],
            "city": order["city"],
            "cost": pick([None, 1.5, 2.0, 7.75]),
            "first": pick([None, True, False]),
        }
        for order in orders
        if numbers.random() < 0.7 and order["city"]
    ]
    weather = [{"ts": START + i * 7000, "city": pick(["x", "y"]), "rain": pick([None, 0.0, 2.5])} for i in range(10)]
    shops = [{"shop": "s1", "kind": "kiosk", "opened": 123_456}, {"shop": "s2", "kind": None, "opened": None}]
    return {"orders": orders, "deliveries": deliveries, "weather": weather, "shops": shops}


def prepare(project: Project, rows: Rows, *, skip: str = "", to_ms: int = END) -> None:
    """Writes history and every view's change points."""
    for source, events in rows.items():
        write_history(project, source, events, parts=1 if source == "shops" else 2)
    for name, view in project.views.items():
        if name != skip:
            write_change_points(project.change_points(name), view.plan, rows[view.source.name], START, to_ms)


def expected(project: Project, rows: Rows, *, before: bool = False) -> list[dict[str, Any]]:
    """What the definition means, request by request, straight from the oracle's ``value``."""
    plan = project.model("cost").model_plan
    events = {name: events_of(view.plan, rows[view.source.name]) for name, view in project.views.items()}
    labels = {row["order"]: row.get("cost") for row in sorted(rows["deliveries"], key=lambda row: row["ts"])}
    return [
        {
            "id": row["order"],
            "t": row["ts"],
            **vector(plan, project, events, full_row(plan.on, **row), row["ts"] - before),
            "label": labels.get(row["order"]),
        }
        for row in sorted(rows["orders"], key=lambda row: (row["ts"], row["order"]))
    ]


def events_of(plan: ViewPlan, rows: list[Row]) -> list[Any]:
    made = (applied(plan, row) for row in rows)
    return [event for event in made if event is not None]


def applied(plan: ViewPlan, row: Row) -> Any:
    try:
        return view_event(plan, full_row(plan.source, **row))
    except BadEvent:
        return None


def vector(plan: ModelPlan, project: Project, events: dict[str, list[Any]], row: Row, t: int) -> dict[str, Any]:
    leaves = dict(row)
    for item in plan.inputs:
        view = project.plans[item.view]
        found = at(view, events[item.view], key_of(item, view, row), t)
        leaves |= {f"{item.name}.{f.name}": v for f, v in zip(view.features, found, strict=True)}
    return {item.name: evaluate(as_columns(item.expr), leaves) for item in plan.vector}


def key_of(item: InputPlan, view: ViewPlan, row: Row) -> tuple[Any, ...]:
    return tuple(row[dict(item.key)[key.name]] for key in view.key)


def at(view: ViewPlan, events: list[Any], key: tuple[Any, ...], t: int) -> tuple[Any, ...]:
    everywhere = frozenset(range(len(view.windows)))
    return value(view, [(e, everywhere) for e in events if e.key == key], t if not view.static else END)


def as_columns(expr: Expr) -> Expr:
    if expr.op == "feature":
        return Expr("column", expr.type, name=expr.name)
    return dataclasses.replace(expr, args=tuple(map(as_columns, expr.args)))


def read(file: Path) -> list[dict[str, Any]]:
    """Rows with timestamps in milliseconds."""
    table = pq.read_table(file)
    columns = {
        f.name: table[f.name].cast(pa.int64()) if pa.types.is_timestamp(f.type) else table[f.name] for f in table.schema
    }
    return pa.table(columns).to_pylist()


def bits(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{n: struct.pack("<d", v) if isinstance(v, float) else v for n, v in row.items()} for row in rows]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


@pytest.mark.parametrize("before", [False, True], ids=["at", "before"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_request_has_the_oracles_values_at_its_time(
    project: Project, tmp_path: Path, seed: int, before: bool
) -> None:
    rows = history(seed)
    prepare(project, rows)
    first = min(row["ts"] for row in rows["orders"])
    report = training_set(project, "cost", first + before, END, tmp_path / "set.parquet", before=before)
    wanted = [row for row in expected(project, rows, before=before) if row["t"] >= first + before]
    assert bits(read(tmp_path / "set.parquet")) == bits(wanted)
    assert pq.read_schema(tmp_path / "set.parquet").metadata[BEFORE] == (b"true" if before else b"false")
    assert report.rows == len(wanted) and report.duplicate == report.dead == 0
    assert report.labelled == sum(row["label"] is not None for row in wanted)
    third = {row["order"] for row in rows["orders"] if row["shop"] == "s3"}
    assert report.unseen["shops"] == sum(row["id"] in third for row in wanted)


def test_weights_are_written_and_filtered_requests_are_not(tmp_path: Path) -> None:
    more = 'cost = Model("cost", weight=coalesce(customer.amount_10s, 1.0), filter=orders.amount > 0,'
    definitions = DEFINITIONS.replace('cost = Model("cost",', more)
    project = make_project(tmp_path / "project", definitions)
    rows = history(4)
    prepare(project, rows)
    report = training_set(project, "cost", START, END, tmp_path / "set.parquet")
    found = read(tmp_path / "set.parquet")
    amounts = {row["order"]: row["amount"] for row in rows["orders"]}
    wanted = [row["id"] for row in expected(project, rows) if (amounts[row["id"]] or 0.0) > 0]
    assert [row["id"] for row in found] == wanted
    assert report.filtered == len(rows["orders"]) - len(wanted) and report.dead == 0
    assert [row["weight"] for row in found] == [
        1.0 if row["customer.amount_10s"] is None else row["customer.amount_10s"] for row in found
    ]


def test_a_label_is_an_expression_over_an_event_within_its_maturity(tmp_path: Path) -> None:
    label = "label=(deliveries.cost * 2 > 3) & ~deliveries.first.is_null(), maturity='4s',"
    definitions = DEFINITIONS.replace("label=deliveries.cost,", label)
    project = make_project(tmp_path / "project", definitions)
    rows = history(6)
    prepare(project, rows)
    report = training_set(project, "cost", START, END, tmp_path / "set.parquet")
    end = max(row["ts"] for row in rows["deliveries"])
    came = {row["order"]: row for row in rows["deliveries"]}
    wanted = []
    for row in sorted(rows["orders"], key=lambda row: (row["ts"], row["order"])):
        event = came.get(row["order"])
        matured = row["ts"] + 4_000 <= end
        within = matured and event is not None and row["ts"] <= event["ts"] <= row["ts"] + 4_000
        wanted.append((row["order"], matured, truth(event) if within else None))
    found = read(tmp_path / "set.parquet")
    assert [(row["id"], row["matured"], row["label"]) for row in found] == wanted
    assert report.immature == sum(not matured for _, matured, _ in wanted) > 0
    assert report.labelled == sum(label is not None for _, _, label in wanted) > 0


@pytest.mark.parametrize("before", [False, True])
def test_a_label_is_an_aggregate_over_the_time_after_a_request(tmp_path: Path, before: bool) -> None:
    future = """
later = Future("later", union(deliveries, orders), key="shop", features=dict(n=count().over("3s", "20s")))
cost = Model("cost","""
    definitions = DEFINITIONS.replace("import Model", "import Future, union, Model").replace(
        '\ncost = Model("cost",', future
    )
    definitions = definitions.replace("label=deliveries.cost,", "label=later.n_20s - later.n_3s,")
    project = make_project(tmp_path / "project", definitions)
    rows = history(7)
    for row in rows["orders"][::9]:
        row["shop"] = None
    prepare(project, rows)
    report = training_set(project, "cost", START + before, END, tmp_path / "set.parquet", before=before)
    found, label = read(tmp_path / "set.parquet"), project.model("cost").model_plan.label
    assert label is not None and label.view is not None
    events = [{**row, SOURCE: name} for name in ("deliveries", "orders") for row in rows[name]]
    full = [full_row(label.view.source.of(row), **row) | {SOURCE: row[SOURCE]} for row in events]
    wanted: list[Any] = []
    for row in sorted(rows["orders"], key=lambda row: (row["ts"], row["order"])):
        if row["ts"] < START + before:
            continue
        over = matured(label.view, full, row["ts"], 20_000)
        three, twenty = future_values(label.view, full, (row["shop"],), row["ts"])
        wanted.append((row["order"], over, twenty - three if over and row["shop"] else None))
    assert [(row["id"], row["matured"], row["label"]) for row in found] == wanted
    assert report.immature == sum(not over for _, over, _ in wanted) > 0
    assert report.labelled == sum(label is not None for *_, label in wanted) > 0
    assert not list(tmp_path.glob(".future-*"))


def truth(event: Any) -> bool | None:
    """``(cost * 2 > 3) & ~first.is_null()``: an unknown cost beside an unknown first is false."""
    if event["first"] is None:
        return False
    return None if event["cost"] is None else event["cost"] * 2 > 3


def test_a_model_reads_what_is_one_value_of_a_view_that_has_lists_too(tmp_path: Path) -> None:
    view = """
from penstock import argmax, distinct, last_k, percentile, skew

lately = View("lately", orders, key="customer", features=dict(
    items=last_k(orders.items, 3).over("10s"), half=percentile(orders.amount, 50).over("10s", lifetime()),
    where=argmax(orders.city, by=orders.amount).over("20s"), shops=distinct(orders.shop).over("20s"),
    skew=skew(orders.amount).over("30s")))

cost = Model("""
    inputs = "inputs=[lately.half_10s, lately.half_lifetime, lately.where_20s, lately.shops_20s, lately.skew_30s, "
    definitions = DEFINITIONS.replace("\ncost = Model(", view).replace("inputs=[", inputs)
    project = make_project(tmp_path / "project", definitions)
    rows = history(5)
    prepare(project, rows)
    training_set(project, "cost", START, END, tmp_path / "set.parquet")
    found = read(tmp_path / "set.parquet")
    assert bits(found) == bits(expected(project, rows))
    assert any(row["lately.skew_30s"] is not None for row in found)


def test_the_range_is_half_open_and_progress_counts_rows(project: Project, tmp_path: Path) -> None:
    rows = history(4)
    prepare(project, rows)
    seen: list[int] = []
    cut = (START + 10_000, START + 30_000)
    report = training_set(project, "cost", *cut, tmp_path / "set.parquet", progress=seen.append)
    wanted = [row for row in expected(project, rows) if cut[0] <= row["t"] < cut[1]]
    assert bits(read(tmp_path / "set.parquet")) == bits(wanted)
    assert seen == [report.rows]


def test_a_key_that_was_never_seen_and_a_null_key_have_the_values_over_nothing(
    project: Project, tmp_path: Path
) -> None:
    rows: Rows = {"orders": [{"ts": START, "order": "o", "shop": "s9"}], "deliveries": [], "weather": [], "shops": []}
    prepare(project, rows)
    report = training_set(project, "cost", START, END, tmp_path / "set.parquet")
    (row,) = read(tmp_path / "set.parquet")
    assert {n: v for n, v in row.items() if v is not None} == {
        "id": "o",
        "t": START,
        "customer.orders_10s": 0,
        "customer.orders_lifetime": 0,
        "customer.amount_10s": 0.0,
        "big.orders_20s": 0,
        "big.items_20s": 0,
        "wet": False,
    }
    assert report.unseen == {"customer": 1, "big": 1, "routes": 1, "shops": 1, "weather": 1, "hub": 1}


def test_repeats_count_once_and_bad_rows_are_counted_and_left_out(project: Project, tmp_path: Path) -> None:
    good = {"ts": START + 1, "order": "o1", "customer": "ann", "shop": "s1", "amount": 1.0}
    rows = history(5, requests=0)
    rows["orders"] = [
        good,
        {**good, "amount": 2.0},
        {**good, "ts": START + 2},
        {**good, "order": None},
        {**good, "order": None},
        {"order": "o2"},
        {**good, "order": "o3", "items": 2**62},
    ]
    prepare(project, rows)
    report = training_set(project, "cost", START, END, tmp_path / "set.parquet")
    found = read(tmp_path / "set.parquet")
    assert [(row["id"], row["t"] - START, row["amount"]) for row in found] == [
        ("o1", 1, 1.0),
        (None, 1, 1.0),
        (None, 1, 1.0),
        ("o1", 2, 1.0),
    ]
    # o2 has no time, and twice the items of o3 do not fit int64
    assert (report.rows, report.duplicate, report.dead) == (4, 1, 2)


def test_what_is_no_number_is_null_and_zero_has_no_sign(project: Project, tmp_path: Path) -> None:
    rows = history(6, requests=0)
    rows["orders"] = [
        {"ts": START + i, "order": f"o{i}", "shop": "s1", "amount": x} for i, x in enumerate([math.nan, math.inf, -0.0])
    ]
    for source, events in rows.items():
        write_history(project, source, events)
    for name, view in project.views.items():
        write_change_points(project.change_points(name), view.plan, [], START, END)
    training_set(project, "cost", START, END, tmp_path / "set.parquet")
    amounts = [row["amount"] for row in read(tmp_path / "set.parquet")]
    assert amounts[:2] == [None, None]
    assert struct.pack("<d", amounts[2]) == struct.pack("<d", 0.0)


def test_the_label_is_that_of_the_newest_event_with_the_id(project: Project, tmp_path: Path) -> None:
    rows = history(7, requests=0)
    rows["orders"] = [{"ts": START + 1, "order": "o1", "shop": "s1"}, {"ts": START + 2, "order": "o2", "shop": "s1"}]
    rows["deliveries"] = [
        {"ts": START + 9, "order": "o1", "cost": 9.0},
        {"ts": START + 5, "order": "o1", "cost": 5.0},
        {"ts": START + 3, "order": None, "cost": 1.0},
    ]
    prepare(project, rows)
    assert training_set(project, "cost", START, END, tmp_path / "set.parquet").labelled == 1
    assert [row["label"] for row in read(tmp_path / "set.parquet")] == [9.0, None]


def test_a_label_of_the_request_itself_needs_no_id(tmp_path: Path) -> None:
    definitions = DEFINITIONS.replace("label=deliveries.cost", "label=orders.items").replace(
        'history="orders/*.parquet", time="ts", id="order"', 'history="orders/*.parquet", time="ts"'
    )
    project = make_project(tmp_path, definitions)
    rows = history(8, requests=10)
    prepare(project, rows)
    training_set(project, "cost", START, END, tmp_path / "set.parquet")
    found = read(tmp_path / "set.parquet")
    assert sorted((row["label"] or 0) for row in found) == sorted((row["items"] or 0) for row in rows["orders"])
    assert {row["id"] for row in found} == {None}


def test_no_request_in_the_range_gives_an_empty_file(project: Project, tmp_path: Path) -> None:
    prepare(project, history(9))
    report = training_set(project, "cost", END - 10, END, tmp_path / "set.parquet")
    assert report.rows == 0
    assert pq.read_table(tmp_path / "set.parquet").num_rows == 0


def test_the_file_names_the_definition_and_the_range(project: Project, tmp_path: Path) -> None:
    prepare(project, history(10))
    training_set(project, "cost", START, END, tmp_path / "set.parquet")
    metadata = pq.read_schema(tmp_path / "set.parquet").metadata
    assert metadata[FINGERPRINT].decode() == project.model("cost").model_plan.fingerprint
    assert (metadata[b"penstock.from"], metadata[b"penstock.to"]) == (b"100000", b"200000")


def test_change_points_can_lie_in_another_folder(project: Project, tmp_path: Path) -> None:
    rows = history(11)
    prepare(project, rows)
    training_set(project, "cost", START, END, tmp_path / "set.parquet")
    project.change_points("big").parent.rename(tmp_path / "moved")
    training_set(project, "cost", START, END, tmp_path / "again.parquet", change_points=tmp_path / "moved")
    assert read(tmp_path / "again.parquet") == read(tmp_path / "set.parquet")


def test_change_points_in_several_parts_are_read_together(project: Project, tmp_path: Path) -> None:
    rows = history(12)
    prepare(project, rows)
    training_set(project, "cost", START, END, tmp_path / "set.parquet")
    plan, folder = project.plans["customer"], project.change_points("customer")
    next(folder.glob("part-*")).unlink()
    for a, b in ((START, START + 20_000), (START + 20_000, START + 31_000), (START + 31_000, END)):
        write_change_points(folder, plan, rows["orders"], a, b)
    training_set(project, "cost", START, END, tmp_path / "again.parquet")
    assert read(tmp_path / "again.parquet") == read(tmp_path / "set.parquet")


def test_an_empty_range_is_refused(project: Project, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is empty"):
        training_set(project, "cost", END, START, tmp_path / "set.parquet")


def test_missing_history_is_refused_by_name(project: Project, tmp_path: Path) -> None:
    prepare(project, history(13))
    for file in (project.config.data / "deliveries").iterdir():
        file.unlink()
    with pytest.raises(UsageError, match="deliveries has no history files"):
        training_set(project, "cost", START, END, tmp_path / "set.parquet")
    assert list(tmp_path.glob(".*")) == []


def test_a_view_without_change_points_is_refused_by_name(project: Project, tmp_path: Path) -> None:
    prepare(project, history(14), skip="routes")
    with pytest.raises(UsageError, match="routes has no change points") as raised:
        training_set(project, "cost", START, END, tmp_path / "set.parquet")
    assert "penstock backfill routes" in str(raised.value.hint)


def test_change_points_that_begin_a_window_before_the_requests_are_enough(project: Project, tmp_path: Path) -> None:
    rows = history(18)
    prepare(project, rows, skip="routes")
    folder, plan = project.change_points("routes"), project.plans["routes"]
    write_change_points(folder, plan, rows["deliveries"], START + 10_000, END)
    training_set(project, "cost", START + 40_000, END, tmp_path / "set.parquet")
    wanted = [row for row in expected(project, rows) if row["t"] >= START + 40_000]
    assert bits(read(tmp_path / "set.parquet")) == bits(wanted)
    with pytest.raises(UsageError, match="the change points of routes cover"):
        training_set(project, "cost", START + 39_999, END, tmp_path / "set.parquet")


def test_change_points_of_another_definition_are_refused_with_both_fingerprints(
    project: Project, tmp_path: Path
) -> None:
    rows = history(19)
    prepare(project, rows)
    other = make_project(tmp_path / "other", DEFINITIONS.replace("cost=mean", "cost=max"))
    write_change_points(project.change_points("routes"), other.plans["routes"], rows["deliveries"], START, END)
    with pytest.raises(RefusedError, match=other.plans["routes"].fingerprint) as raised:
        training_set(project, "cost", START, END, tmp_path / "set.parquet")
    assert raised.value.allowed == project.plans["routes"].fingerprint


def test_an_unknown_model_is_refused_with_the_nearest_name(project: Project, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model 'costs'") as raised:
        training_set(project, "costs", START, END, tmp_path / "set.parquet")
    assert raised.value.hint == "did you mean 'cost'?"


def test_a_failure_keeps_the_former_file(project: Project, tmp_path: Path) -> None:
    prepare(project, history(20))
    training_set(project, "cost", START, END, tmp_path / "set.parquet")
    before = (tmp_path / "set.parquet").read_bytes()
    (project.config.data / "orders" / "2.parquet").write_bytes(b"no parquet")
    with pytest.raises(PenstockError, match="cannot be computed"):
        training_set(project, "cost", START, END, tmp_path / "set.parquet")
    assert (tmp_path / "set.parquet").read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob(".*")) == []
