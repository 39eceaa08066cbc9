from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from penstock.features.span import Span
from penstock.jobs.audit.served import load_served
from penstock.jobs.project.project import Project
from tests.jobs.shop import make_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project")


def record(project: Project, number: int, **changes: Any) -> dict[str, Any]:
    """A prediction of the shop's model that found no row at all, but one of the customer."""
    plan = project.model("cost").model_plan
    views: dict[str, Any] = {
        item.name: {"view": item.view, "key": {key: "é" for key, _ in item.key}, "t": None, "seq": None}
        for item in plan.inputs
    }
    views["customer"] |= {"t": 5, "seq": 2}
    own = {
        "id": f"orders-0-{number}",
        "t": 10 * number,
        "requested_at": 7,
        "model": "cost",
        "version": "v",
        "stale": False,
    }
    vector = {item.name: None for item in plan.vector} | {"customer.amount_10s": 0.1 + 0.2, "placed": 1_700}
    return {**own, "fingerprint": plan.fingerprint, "views": views, "vector": vector, **changes}


def load(
    project: Project, folder: Path, records: list[dict[str, Any]], span: Span | None = None, before: Sequence[str] = ()
) -> list[dict[str, Any]]:
    file = folder / "predictions.ndjson"
    file.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in records))
    with duckdb.connect() as db:
        load_served(db, project.model("cost").model_plan, project.plans, file, span, before)
        rows: list[dict[str, Any]] = db.execute("SELECT * FROM served ORDER BY n").to_arrow_table().to_pylist()
    return rows


def test_what_says_who_answered_is_kept_and_may_be_missing(project: Project, tmp_path: Path) -> None:
    rows = load(project, tmp_path, [record(project, 1), record(project, 2, alias="canary", part="US")])
    assert [(row["alias"], row["part"]) for row in rows] == [(None, None), ("canary", "US")]


def test_a_row_for_each_by_time_with_every_bit(project: Project, tmp_path: Path) -> None:
    rows = load(project, tmp_path, [record(project, 3), record(project, 1)])
    assert [(row["n"], row["id"], row["t"]) for row in rows] == [(0, "orders-0-1", 10), (1, "orders-0-3", 30)]
    plan = project.model("cost").model_plan
    names, inputs = [item.name for item in plan.vector], [item.name for item in plan.inputs]
    assert rows[0][f"v_{names.index('customer.amount_10s')}"] == 0.1 + 0.2
    assert rows[0][f"v_{names.index('placed')}"] == 1_700
    assert rows[0][f"v_{names.index('amount')}"] is None
    customer, routes = inputs.index("customer"), inputs.index("routes")
    assert [rows[0][f"{name}_{customer}"] for name in ("t", "seq")] == [5, 2]
    assert [rows[0][f"{name}_{routes}"] for name in ("t", "seq")] == [None, None]
    assert [rows[0][f"key_{routes}_{k}"] for k in range(2)] == ["é", "é"]
    assert rows[0]["names"] is None


def test_only_those_of_the_span(project: Project, tmp_path: Path) -> None:
    rows = load(project, tmp_path, [record(project, n) for n in range(4)], Span(10, 30))
    assert [row["t"] for row in rows] == [10, 20]


def test_training_with_before_asked_a_millisecond_earlier(project: Project, tmp_path: Path) -> None:
    records = [record(project, 1, version="v1"), record(project, 2, version="v2")]
    rows = load(project, tmp_path, records, before=["v2", "v3"])
    assert [(row["t"], row["asks"]) for row in rows] == [(10, 10), (20, 19)]


def test_none_at_all(project: Project, tmp_path: Path) -> None:
    assert load(project, tmp_path, []) == []


def test_of_another_definition_the_entries_are_known(project: Project, tmp_path: Path) -> None:
    other = record(project, 1, fingerprint="f" * 64, vector={"amount": 1.5, "gone": 2})
    assert load(project, tmp_path, [other])[0]["names"] == ["amount", "gone"]
