"""Lists on their way from history to the store: parts, materialize, the comparison, Feast's catalogue."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import FeatureStore

from penstock import Stream, View, count, first_k, histogram, last_k, lifetime, top_k
from penstock.features.compilers.feast.view import feast_objects
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.batch.parts import part_schema
from penstock.jobs.demo.verify import Evidence, store_rows
from penstock.jobs.project.project import Project
from penstock.jobs.store.materialize import materialize
from penstock.jobs.store.open import open_store
from penstock.jobs.store.schema import schema_of
from tests.jobs.shop import make_project
from tests.jobs.store.projects import SQLITE
from tests.jobs.store.projects import make_project as make_store

TYPES = {"n": "int64", "x": "float64", "s": "string", "b": "bool", "w": "timestamp"}
events = Stream("events", history="*.parquet", time="ts", columns=dict(k="string", **TYPES))
lists = {f"last_{name}": last_k(events[name], 3).over("10ms", lifetime()) for name in TYPES}
VIEW = View("v", events, key="k", features=dict(
    **lists, oldest=first_k(events.w, 2).over("1ms"), top=top_k(events.s, 1).over("10ms"),
    bins=histogram(events.x, [0, 1, 2]).over("10ms"), c=count().over("10ms"),
))  # fmt: skip
PLAN = VIEW.plan
KEYS = [("a",), ("b",), ("nobody",)]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = replace(make_project(tmp_path, "", online="  type: sqlite"), streams={"events": events}, views={"v": VIEW})
    make_store(tmp_path, SQLITE, "path: online.db")
    return made


@pytest.fixture
def change_points(project: Project) -> Path:
    rows = [
        {"ts": 0, "k": "a", "n": 1, "x": 0.1, "s": "é", "b": True, "w": -1},
        {"ts": 1, "k": "a", "n": -(2**63), "x": 1.5, "s": "", "b": False, "w": 1_001},
        {"ts": 2, "k": "b"},
    ]
    types = {"int64": pa.int64(), "float64": pa.float64(), "string": pa.string(), "bool": pa.bool_()}
    schema = pa.schema({"ts": pa.int64(), "k": pa.string(), **{n: types.get(t, pa.int64()) for n, t in TYPES.items()}})
    project.config.data.mkdir()
    pq.write_table(pa.Table.from_pylist(rows, schema), project.config.data / "events.parquet")
    backfill(PLAN, project.history("events"), 0, 100, project.backfills, memory="1GB")
    return project.change_points("v")


def test_parts_hold_lists_of_the_element_type(change_points: Path) -> None:
    (part,) = change_points.glob("part-*.parquet")
    assert pq.read_schema(part).remove_metadata() == part_schema(PLAN)
    assert str(part_schema(PLAN).field("last_w_10ms").type) == "list<item: timestamp[us, tz=UTC]>"


def test_the_store_holds_what_batch_computed(change_points: Path, project: Project) -> None:
    evidence = Evidence({"v": PLAN}, {"v": change_points}, memory="1GB")
    with open_store(project.folder) as store, evidence.opened():
        assert materialize(project, PLAN, store, 5).applied == 2
        (columns,) = store.read_rows([(schema_of(PLAN), KEYS)])
        assert columns["last_w_10ms"].values.tolist() == [[1_001, -1], [], []]
        assert columns["last_s_10ms"].values.tolist() == [["", "é"], [], []]
        assert columns["bins_10ms"].values.tolist() == [[1, 1], [0, 0], [0, 0]]
        assert columns.present.tolist() == [True, True, False]
        compared = evidence.store_against_batch("v", store_rows(PLAN, KEYS, columns))
        assert (compared.rows, compared.equal) == (2, True), compared.samples


def test_rows_of_the_topic_are_compared_with_batch_element_by_element(change_points: Path, tmp_path: Path) -> None:
    (part,) = change_points.glob("part-*.parquet")
    rows: list[dict[str, Any]] = []
    for row in pq.read_table(part).to_pylist():
        values = {feature.name: row[feature.name] for feature in PLAN.features}
        for name in ("last_w_10ms", "last_w_lifetime", "oldest_1ms"):
            values[name] = [round(time.timestamp() * 1000) for time in values[name]]
        rows.append({"key": {"k": row["k"]}, "t": row["t"], "seq": 1, "values": values})
    file = tmp_path / "rows.ndjson"
    with Evidence({"v": PLAN}, {"v": change_points}, memory="1GB").opened() as evidence:
        file.write_text("\n".join(map(json.dumps, rows)))
        assert evidence.load_stream("v", file) == len(rows)
        assert evidence.stream_against_batch("v").equal
        rows[1]["values"]["last_w_10ms"][0] += 1
        rows[2]["values"]["last_s_10ms"] = ["other"]
        file.write_text("\n".join(map(json.dumps, rows)))
        evidence.load_stream("v", file)
        assert evidence.stream_against_batch("v").different == 2


def test_feast_takes_lists_and_serves_them(change_points: Path, project: Project) -> None:
    made = feast_objects([PLAN], [], {"v": change_points})
    feast = FeatureStore(repo_path=str(project.folder))
    feast.apply(list(made.values()))
    assert {field.name: str(field.dtype) for field in feast.get_feature_view("v").features}["last_n_10ms"] == (
        "Array(Int64)"
    )
    with open_store(project.folder) as store:
        materialize(project, PLAN, store, 5)
    asked = [f"v:{name}" for name in ("last_n_10ms", "last_x_10ms", "last_b_10ms", "top_10ms", "bins_10ms")]
    found = feast.get_online_features(features=asked, entity_rows=[{"k": "a"}, {"k": "b"}]).to_dict()
    assert [found[name.removeprefix("v:")] for name in asked] == [
        [[-(2**63), 1], []], [[1.5, 0.1], []], [[False, True], []], [[""], []], [[1, 1], [0, 0]],
    ]  # fmt: skip
