"""A table's vectors all the way: files, change points, store, training set, trees and ONNX, predictions, audit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from penstock.features.span import Span
from penstock.jobs.audit.batch import MOMENTS
from penstock.jobs.audit.run import audit
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.batch.parts import part_rows
from penstock.jobs.binning.counting import Counting, trained_of
from penstock.jobs.cli import penstock
from penstock.jobs.exchange.importing import import_model
from penstock.jobs.explain.run import explain
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.kafka.reading import read_records
from penstock.jobs.models.arrays import matrix, values_of
from penstock.jobs.models.folder import LoadedModel, load_current
from penstock.jobs.prediction.asked import InHistory
from penstock.jobs.prediction.batch import predict
from penstock.jobs.project.project import Project
from penstock.jobs.serving.run import infer
from penstock.jobs.store.materialize import materialize
from penstock.jobs.store.open import open_store
from penstock.jobs.store.schema import schema_of
from penstock.jobs.training.train import train
from penstock.jobs.training.training_set import training_set
from tests.jobs.exchange.notebook import linear
from tests.jobs.serving.running import wait_until
from tests.jobs.shop import write_history
from tests.kafka_broker import Kafka
from tests.projects import make_project, unique

DEFINITIONS = """
from penstock import Model, Stream, Table

shown = Stream("shown", topic="{topic}", history="shown.parquet", time="ts", id="id", columns=dict(
    id="string", item="string", shop="string", rank="int64"))
clicks = Stream("clicks", topic="clicks", history="clicks.parquet", time="ts", id="id", columns=dict(
    id="string", bought="float64"))
items = Table("items", topic="{items}", history="items/*.parquet", time="ts", key="item", columns=dict(
    item="string", price="float64", embedding="float32[3]"))
shops = Table("shops", history="shops.parquet", key="shop", columns=dict(shop="string", taste="float32[2]"))
click = Model("click", on=shown, inputs=[shown.rank, items, shops.taste], label=clicks.bought, output="{output}")
"""
ENTRIES = ["rank", "items.price", *(f"items.embedding.{i}" for i in range(3)), "shops.taste.0", "shops.taste.1"]
N, END = 3_000, 4_000
T = 1_700_000_000_000


def row(i: int) -> dict[str, Any]:
    """A request; the first ones are before their items, and some of items and shops that nobody knows."""
    return {"ts": T + i, "id": f"r{i}", "item": f"i{i % 7}", "shop": f"s{i % 4}", "rank": i % 5}


def embedding(i: int, numbers: np.random.Generator) -> list[float] | None:
    return None if i % 6 == 5 else (numbers.normal(size=3) * 10 ** (i % 4)).tolist()


@pytest.fixture(scope="module")
def project(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """History, change points, store and training set."""
    text = DEFINITIONS.format(topic=unique("shown"), items=unique("items"), output=unique("answers"))
    project = make_project(tmp_path_factory.mktemp("vectors"), text, servers=kafka.servers)
    numbers = np.random.default_rng(5)
    rows = [{"item": f"i{i % 6}", "ts": T + 30 * i, "price": i / 3, "e": embedding(i, numbers)} for i in range(60)]
    data = project.config.data
    (data / "items").mkdir(parents=True)
    # as other programs write them: lists of a fixed length (which Arrow writes without nulls only), doubles, float32
    for place, type in enumerate((pa.list_(pa.float32(), 3), pa.list_(pa.float64()), pa.list_(pa.float32()))):
        own = rows[place::3]
        columns = {name: [each[name] for each in own] for name in ("item", "ts", "price")}
        table = pa.table(columns).append_column("embedding", pa.array([each["e"] for each in own], type))
        pq.write_table(table, data / "items" / f"{place}.parquet")
    tastes = pa.array([[1, 2], [0.1, -0.0], None], pa.list_(pa.float64()))
    pq.write_table(pa.table({"shop": ["s0", "s1", "s2"], "taste": tastes}), data / "shops.parquet")
    write_history(project, "shown", [row(i) for i in range(N)])
    bought = [{"ts": T + i, "id": f"r{i}", "bought": float(numbers.normal())} for i in range(N)]
    write_history(project, "clicks", bought)
    for name, plan in project.plans.items():
        backfill(plan, {name: project.history(name)}, T - 1, T + END, project.backfills, memory="256MB")
    training_set(project, "click", T, T + N, training_file(project))
    with open_store(project.folder) as store:
        for plan in project.plans.values():
            materialize(project, plan, store, T + END - 1)
    topics = [str(project.streams[name].topic) for name in ("shown", "items")]
    ensure_topics(project.config, [*topics, project.model("click").output])
    yield project


def training_file(project: Project) -> Path:
    return project.config.state / "training" / "click.parquet"


def spans() -> tuple[Span, Span]:
    return Span(T, T + N - 500), Span(T + N - 500, T + N)


def trained(project: Project) -> LoadedModel:
    plan, models = project.model("click").model_plan, project.config.state / "models"
    told = {"num_iterations": 10, "num_leaves": 8, "min_data_in_leaf": 5}
    train(training_file(project), plan, models, *spans(), parameters=told)
    return load_current(models, plan)


def imported(project: Project) -> LoadedModel:
    plan, models = project.model("click").model_plan, project.config.state / "models"
    file = project.folder / "click.onnx"
    file.write_bytes(linear([0.5, -1.0, 2.0, 0.25, 1e-3, 3.0, -0.125]))
    import_model(file, plan, models, training_file(project), *spans())
    return load_current(models, plan)


def test_a_row_of_the_training_set_has_the_vector_of_its_time(project: Project) -> None:
    table = pq.read_table(training_file(project))
    assert table.num_rows == N
    vectors = values_of("float32[3]", table["items.embedding"])
    assert vectors.values.shape == (N, 3) and vectors.values.dtype == np.float32
    history = pa.concat_tables(
        pq.read_table(file).cast(pa.schema({"item": pa.string(), "ts": pa.int64(), "price": pa.float64(),
                                            "embedding": pa.list_(pa.float64())}))
        for file in sorted((project.config.data / "items").glob("*.parquet"))
    ).to_pylist()  # fmt: skip
    for i in (0, 1, 29, 100, 457, 1_000, N - 1):
        asked = row(i)
        there = [each for each in history if each["item"] == asked["item"] and each["ts"] <= asked["ts"]]
        newest = max(there, key=lambda each: each["ts"], default={"embedding": None})["embedding"]
        expected = None if newest is None else np.array(newest).astype(np.float32).tolist()
        assert table["items.embedding"][i].as_py() == expected
    taste = {"s0": [1.0, 2.0], "s1": [float(np.float32(0.1)), 0.0], "s2": None, "s3": None}
    assert table["shops.taste"].to_pylist() == [taste[row(i)["shop"]] for i in range(N)]


def answers(project: Project, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The predictions of a job that answers these requests, in order."""
    topic = str(project.streams["shown"].topic)
    with producer(project.config) as sender:
        places = [sender.send(topic, orjson.dumps(each)).get(timeout=30) for each in requests]
    ids = [f"{place.topic}-{place.partition}-{place.offset}" for place in places]
    stop, counts = threading.Event(), []
    options: Any = {"begin": "earliest", "progress": lambda c: counts.append(c.predictions)}
    job = threading.Thread(target=infer, args=(project, ["click"], stop), kwargs=options)
    job.start()
    try:
        wait_until(lambda: max(counts, default=0) >= len(ids), "answers")
    finally:
        stop.set()
        job.join()
    with closing(read_records(project, project.model("click").output, None)) as records:
        found = {each["id"]: each for each in (orjson.loads(record.value) for record in records)}
    return [found[id] for id in ids]


@pytest.mark.parametrize("make", [trained, imported], ids=["trees", "onnx"])
def test_the_stream_and_the_history_are_answered_alike(project: Project, make: Any, tmp_path: Path) -> None:
    model = make(project)
    # after the last row of every item, so that history and store agree
    asked = [row(i) for i in range(1_990, 2_018)]
    records = answers(project, asked)
    table = pq.read_table(training_file(project)).slice(1_990, len(asked))
    assert [record["event"] for record in records] == table["id"].to_pylist()
    for name in ("items.embedding", "shops.taste"):
        assert [record["vector"][name] for record in records] == table[name].to_pylist()
    assert orjson.dumps([record["value"] for record in records]) == orjson.dumps(model.predict_table(table).tolist())
    predict(project, "click", InHistory(Span(T + 1_990, T + 2_018)), tmp_path / "out")
    parts = sorted((tmp_path / "out").rglob("part-*.parquet"))
    assert pq.read_table(parts[0])["value"].to_pylist() == [record["value"] for record in records]
    found = explain(project, records[0]["id"], "click")
    assert found.sound and found.replayed is not None and found.replayed.same
    words = CliRunner().invoke(penstock, ["explain", records[0]["id"], "--project", str(project.folder)]).output
    assert "items.embedding" in words
    report = audit(project, "click", T + 1_990, T + 2_018)
    assert report.predictions >= len(asked) and report.values > 0
    assert [report.different(moment) for moment in MOMENTS] == [0, 0]


def test_trees_read_the_elements_by_name_and_a_vector_has_the_sum_of_their_shares(project: Project) -> None:
    model = trained(project)
    assert model.booster.feature_name() == ENTRIES
    table = pq.read_table(training_file(project)).slice(0, 50)
    columns = {name: values_of(type, table[name]) for name, type in model.metadata.features}
    rows = matrix(model.metadata.features, {}, columns)
    assert rows.shape == (50, len(ENTRIES)) and np.isnan(rows[0, 2:5]).all() == (table["items.embedding"][0] is None)
    shares = model.contributions(columns)
    assert shares.shape == (50, 1, len(model.metadata.features) + 1)
    assert shares.sum(axis=2).ravel() == pytest.approx(model.booster.predict(rows, raw_score=True))


def test_drift_is_counted_by_element(project: Project) -> None:
    model, plan = trained(project), project.model("click").model_plan
    table = pq.read_table(training_file(project)).slice(0, N - 500)
    names = [item.name for item in plan.vector]
    vectors = [orjson.dumps({name: row[name] for name in names}) for row in table.to_pylist()]
    models = project.config.state / "models"
    known = trained_of(models, "click", model.version)
    assert known is not None and [feature.name for feature in known.features] == ENTRIES
    found = Counting(models, plan).vectors(model.version, vectors)
    assert found is not None
    assert found.tolist() == [count for feature in known.features for count in feature.counts]


def test_the_parts_hold_lists_and_the_store_gives_their_bits(project: Project) -> None:
    plan = project.plans["items"]
    with open_store(project.folder) as store:
        (columns,) = store.read_rows([(schema_of(plan), [(f"i{i}",) for i in range(7)])])
    held = columns["embedding"]
    assert held.values.shape == (7, 3) and held.null.tolist() == [False] * 5 + [True, True]
    assert "read_parquet" in part_rows(project.change_points("items"))
