"""Writer, materialize and inference with a real PostgreSQL, which Feast's own store writes and reads."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from click.testing import CliRunner

from penstock.features.canonical import canonical_json
from penstock.features.span import Span
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.cli import penstock
from penstock.jobs.exchange.importing import import_model
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.kafka.reading import read_records
from penstock.jobs.project.project import Project
from penstock.jobs.serving.run import infer
from penstock.jobs.store.open import open_store
from penstock.jobs.streaming.writer import Writer, reader
from tests.jobs.exchange.notebook import linear
from tests.jobs.models.examples import write_set
from tests.jobs.serving.running import T, wait_until
from tests.kafka_broker import Kafka
from tests.postgres_server import PostgresServer
from tests.projects import make_project, unique

DEFINITIONS = """
from penstock import Model, Stream, Table, View, count, sum

orders = Stream("orders", topic="{topic}", time="ts", id="id", columns=dict(
    id="string", shop="string", amount="float64"))
{view} = View("{view}", orders, key="shop", features=dict(n=count().over("1h"), spent=sum(orders.amount).over("1h")))
shops = Table("shops", history="shops.parquet", key="shop", columns=dict(shop="string", taste="float32[2]"))
bill = Model("bill", on=orders, inputs=[orders.amount, {view}, shops], label=orders.amount, output="{output}")
"""
WEIGHTS = [1.0, 10.0, 100.0, 1000.0, -1000.0]


def made(folder: Path, kafka: Kafka, postgres: PostgresServer) -> Project:
    """A project with change points of its table and a model that adds up its features."""
    text = DEFINITIONS.format(topic=unique("orders"), view=unique("traffic"), output=unique("bills"))
    project = make_project(folder, text, servers=kafka.servers, store=f"{postgres.store}\n  db_schema: {unique('s')}")
    project.config.data.mkdir()
    tastes = pa.array([[0.5, 0.25], None], pa.list_(pa.float32()))
    pq.write_table(pa.table({"shop": ["a", "b"], "taste": tastes}), project.config.data / "shops.parquet")
    backfill(project.plans["shops"], {"shops": project.history("shops")}, 0, T, project.backfills, memory="256MB")
    plan = project.model("bill").model_plan
    numbers = np.random.default_rng(1).normal(size=40)
    random: dict[str, Any] = {
        "float64": numbers.tolist(), "int64": list(range(40)), "float32[2]": [[x, x] for x in numbers.tolist()]
    }  # fmt: skip
    columns = {item.name: random[item.type] for item in plan.vector}
    columns |= {"id": [f"o{i}" for i in range(40)], "t": list(range(40)), "label": numbers.tolist()}
    data = write_set(folder / "set.parquet", plan, columns, (0, 40))
    (folder / "bill.onnx").write_bytes(linear(WEIGHTS))
    import_model(folder / "bill.onnx", plan, project.config.state / "models", data, Span(0, 30), Span(30, 40))
    return project


def write(project: Project, rows: list[tuple[str, int, int, int, float]]) -> list[str]:
    """Feature rows onto their topic, and from there by the writer into the store. What opening it says."""
    (plan,) = project.streamed_views
    topic, told = project.names.features(plan.name), list[str]()
    ensure_topics(project.config, [topic])
    with producer(project.config) as sender:
        for shop, t, seq, n, spent in rows:
            values = {"n_1h": n, "spent_1h": spent}
            value = orjson.dumps({"key": {"shop": shop}, "t": t, "seq": seq, "values": values})
            headers = [("fingerprint", plan.fingerprint.encode())]
            sender.send(topic, value, canonical_json({"shop": shop}).encode(), headers)
    with open_store(project.folder, told.append) as store, reader(project) as records:
        writer = Writer(project, records, store, batch=2)
        while writer.counts.read < len(rows):
            writer.step()
    return told


def answers(project: Project, requests: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """The predictions, in order, and what the job said."""
    model = project.model("bill")
    topic = str(project.streams["orders"].topic)
    ensure_topics(project.config, [topic, model.output])
    with producer(project.config) as sender:
        for request in requests:
            sender.send(topic, orjson.dumps(request))
    stop, told, counts = threading.Event(), list[str](), list[int]()
    options: Any = {"begin": "earliest", "progress": lambda c: counts.append(c.predictions), "told": told.append}
    job = threading.Thread(target=infer, args=(project, ["bill"], stop), kwargs=options)
    job.start()
    try:
        wait_until(lambda: max(counts, default=0) >= len(requests), "answers")
    finally:
        stop.set()
        job.join()
    with closing(read_records(project, model.output, None)) as records:
        return [orjson.loads(record.value) for record in records], told


def test_rows_of_the_stream_and_of_batch_are_served(kafka: Kafka, postgres: PostgresServer, tmp_path: Path) -> None:
    project = made(tmp_path / "shop", kafka, postgres)
    command = ["materialize", "shops", "--at", "2023-11-14", "--project", str(project.folder)]
    result = CliRunner().invoke(penstock, command)
    assert result.exit_code == 0, result.output
    assert "PostgreSQLOnlineStore has no compare-and-set" in result.stderr and "2 written" in result.output
    # the rows of a key out of order, in batches of two
    rows = [
        ("a", T, 4, 3, 0.25),
        ("a", T, 2, 1, 9.0),
        ("b", T, 1, 1, 0.5),
        ("a", T, 3, 2, 8.0),
        ("a", T - 500, 9, 7, 7.0),
    ]
    (line,) = write(project, rows)
    assert line.startswith("warning: PostgreSQLOnlineStore has no compare-and-set")
    asked = [{"ts": T, "id": f"r{shop}", "shop": shop, "amount": 2.0} for shop in ("a", "b", "nobody")]
    predictions, told = answers(project, asked)
    assert line in told
    (plan,) = project.streamed_views
    vectors = [
        {"amount": 2.0, f"{plan.name}.n_1h": 3, f"{plan.name}.spent_1h": 0.25, "shops.taste": [0.5, 0.25]},
        {"amount": 2.0, f"{plan.name}.n_1h": 1, f"{plan.name}.spent_1h": 0.5, "shops.taste": None},
        {"amount": 2.0, f"{plan.name}.n_1h": 0, f"{plan.name}.spent_1h": 0.0, "shops.taste": None},
    ]
    assert [prediction["vector"] for prediction in predictions] == vectors
    assert [prediction["value"] for prediction in predictions] == [2 + 30 + 25 + 250, 2 + 10 + 50, 2]
    read = [(p["views"][plan.name]["t"], p["views"][plan.name]["seq"]) for p in predictions]
    assert read == [(T, 4), (T, 1), (None, None)]
    assert predictions[0]["views"]["shops"]["seq"] == 0
