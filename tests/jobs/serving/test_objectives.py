"""Every form of an answer from a real broker and store: served, explained, audited, and LightGBM's own bits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pytest
from click.testing import CliRunner

from penstock.features.span import Span
from penstock.features.vector import Values
from penstock.jobs.audit.run import audit
from penstock.jobs.cli import penstock
from penstock.jobs.explain.run import explain
from penstock.jobs.kafka.broker import Broker
from penstock.jobs.kafka.clients import ensure_topics
from penstock.jobs.models.arrays import matrix
from penstock.jobs.models.folder import LoadedModel, load_current
from penstock.jobs.project.project import Project
from penstock.jobs.serving.run import infer
from penstock.jobs.training.train import train
from tests.jobs.models.examples import write_set
from tests.jobs.serving.running import Shop, T, wait_until
from tests.jobs.shop import DEFINITIONS, write_history

MODELS = """
from penstock import Objective

given = dict(on=orders, inputs=[orders.amount, orders.city, customer])
late = Model("late", label=deliveries.first, objective="binary", output="answers", **given)
count = Model("count", label=deliveries.cost, objective="poisson", output="answers", **given)
town = Model("town", label=deliveries.city, objective="multiclass", output="answers", **given)
span = Model("span", label=deliveries.cost, objective=Objective.quantiles(0.1, 0.5, 0.9), output="answers", **given)
offer = Model("offer", label=deliveries.first, objective="ranking", group=orders.shop, output="answers", **given)
"""
NAMES = ["late", "count", "town", "span", "offer"]
#: Classes of which JSON and a form with % must take care.
TOWNS = ['a "b"', "50%", "é"]
ORDERS = [
    {"order": f"o{i}", "customer": "ann", "shop": "s", "city": "x" if i % 3 else None, "amount": i / 7, "ts": T}
    for i in range(8)
]
LABELS: dict[str, Any] = {
    "bool": lambda amount: amount > 0,
    "float64": abs,
    "string": lambda amount: TOWNS[int(np.clip(amount + 1.5, 0, 2))],
}


def trained(project: Project, name: str) -> LoadedModel:
    """A version that rests on the amount."""
    plan, n, numbers = project.model(name).model_plan, 2_000, np.random.default_rng(4)
    assert plan.label is not None
    random: dict[str, Any] = {
        "int64": lambda: numbers.integers(0, 9, n).tolist(),
        "float64": lambda: numbers.normal(size=n).tolist(),
        "string": lambda: numbers.choice(["x", "y"], n).tolist(),
    }
    columns = {item.name: random[item.type]() for item in plan.vector}
    columns |= {"id": [f"o{i}" for i in range(n)], "t": list(range(n)), "group": [str(i // 9) for i in range(n)]}
    columns["label"] = list(map(LABELS[plan.label.type], columns["amount"]))
    file = write_set(project.folder / f"{name}.parquet", plan, columns, (0, n))
    told = {"num_iterations": 10, "num_leaves": 8}
    train(file, plan, project.config.state / "models", Span(0, n - 300), Span(n - 300, n), parameters=told)
    return load_current(project.config.state / "models", plan)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Orders that are answered by each model."""
    folder = tmp_path_factory.mktemp("objectives")
    with Broker(folder / "kafka") as broker:
        shop = Shop(folder / "shop", DEFINITIONS + MODELS, servers=broker.bootstrap_servers, wait_ms=0)
        ensure_topics(shop.project.config, ["answers"])
        shop.send(*ORDERS)
        yield shop


def answer(shop: Shop, name: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The records of a model's job, and what is said of its trees."""
    stop, told, counts = threading.Event(), [], []
    options: Any = {"begin": "earliest", "progress": lambda c: counts.append(c.predictions), "told": told.append}
    job = threading.Thread(target=infer, args=(shop.project, [name], stop), kwargs=options)
    job.start()
    try:
        wait_until(lambda: max(counts, default=0) >= len(ORDERS), "answers")
    finally:
        stop.set()
        job.join()
    records = [orjson.loads(record.value) for record in shop.read("answers")]
    return [record for record in records if record["model"] == name], told


@pytest.mark.parametrize("name", NAMES)
def test_each_form_is_served_explained_and_audited(shop: Shop, name: str) -> None:
    model = trained(shop.project, name)
    records, told = answer(shop, name)
    columns = {n: Values.of(type, [r["vector"][n] for r in records]) for n, type in model.metadata.features}
    expected = model.predict(columns).tolist()
    outputs = model.metadata.outputs
    said = [list(r["value"].values()) if outputs else r["value"] for r in records]
    assert len(said) == len(ORDERS) and orjson.dumps(said) == orjson.dumps(expected)
    assert all(tuple(record["value"]) == outputs for record in records if outputs)
    assert any("predicts, equal to LightGBM to the bit" in line for line in told), told
    _check_form(name, records)
    write_history(shop.project, "orders", ORDERS)
    folder = str(shop.project.folder)
    found = explain(shop.project, records[3]["id"], name)
    assert found.replayed is not None and found.replayed.same
    words = CliRunner().invoke(penstock, ["explain", records[3]["id"], "--model", name, "--project", folder]).output
    assert f"raw prediction for {found.replayed.of} is" in words if outputs else "raw prediction is" in words
    shares = found.replayed.outputs or {None: found.replayed}
    assert tuple(found.replayed.outputs) == outputs and found.replayed.of in (*outputs, None)
    rows = matrix(model.metadata.features, model.metadata.categories, columns)
    raw = model.booster.predict(rows[3:4], raw_score=True)
    sums = [sum(part.contributions.values()) + part.base for part in shares.values()]
    assert sums == pytest.approx(np.ravel(raw))
    assert audit(shop.project, name, T - 1, T + 1).predictions == len(ORDERS)


def _check_form(name: str, records: list[dict[str, Any]]) -> None:
    values = [record["value"] for record in records]
    if name == "town":
        assert all(list(value) == sorted(TOWNS) and abs(sum(value.values()) - 1) < 1e-9 for value in values)
    elif name == "span":
        assert all(list(value) == ["0.1", "0.5", "0.9"] for value in values)
        assert all(value["0.1"] <= value["0.5"] <= value["0.9"] for value in values)
    elif name == "late":
        assert all(0 < value < 1 for value in values)
    else:
        assert all(isinstance(value, float) for value in values)
