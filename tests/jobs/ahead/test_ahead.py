"""Answers that were computed ahead are given while they hold, and never a moment longer."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import FeatureStore

from penstock.features.errors import UsageError
from penstock.jobs.ahead.fill import Choice, predict_to_store
from penstock.jobs.project.project import Project
from penstock.jobs.store.bulk import BulkStore
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import Batch, FeatureRow
from penstock.jobs.store.schema import schema_of
from tests.jobs.http.serving import Server, serving
from tests.jobs.http.test_app import metric
from tests.jobs.serving.running import T, train_model, wait_until
from tests.jobs.shop import DEFINITIONS, full_row, make_project, write_history
from tests.projects import REDIS, SQLITE
from tests.redis_server import redis_server

#: The shop's model, of what a page knows before anybody orders.
PAGE = DEFINITIONS.split("cost = Model")[0] + (
    'cost = Model("cost", on=orders, output="predictions.cost", label=deliveries.cost,\n'
    "    inputs=[orders.city, customer, big, shops, weather.rain],\n"
    "    derived=dict(amount=customer.amount_10s * 1.0, busy=big.orders_20s + customer.orders_10s))\n"
)
CUSTOMERS, SHOPS = [f"c{number}" for number in range(20)], ["s0", "s1"]
KEYS = [(customer, shop, "x") for customer in CUSTOMERS for shop in SHOPS]
PREDICT = "/models/cost/predict"


@pytest.fixture(params=["sqlite", "redis"])
def page(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    if request.param == "sqlite":
        yield prepared(tmp_path, SQLITE)
        return
    with redis_server(tmp_path) as redis:
        yield prepared(tmp_path, REDIS.format(redis.connection_string))


def prepared(folder: Path, online: str) -> Project:
    project = make_project(folder / "shop", PAGE, online=online)
    project.config.state.mkdir(exist_ok=True)
    train_model(project.config.state, project.model("cost").model_plan)
    source = project.model("cost").model_plan.on
    often = [KEYS[0]] * 3 + [KEYS[5]] * 2 + KEYS
    rows = [{"order": f"o{n}", "customer": c, "shop": s, "city": x, "ts": T} for n, (c, s, x) in enumerate(often)]
    write_history(project, "orders", [full_row(source, **row) for row in [*rows, {"order": "none", "ts": T}]])
    with open_store(project.folder) as store:
        write(project, store, "customer", [((c,), T, 1, (n, n, n / 7, n)) for n, c in enumerate(CUSTOMERS)])
        write(project, store, "big", [((s,), T, 1, (n, n)) for n, s in enumerate(SHOPS)])
    return project


def write(project: Project, store: BulkStore, view: str, rows: list[Any]) -> None:
    store.write_rows(schema_of(project.plans[view]), [FeatureRow(*row) for row in rows])


def ask(server: Server, key: tuple[str, str, str], more: str = "") -> dict[str, Any]:
    answer = server.ask(PREDICT + more, body(key))
    assert answer.status == 200, answer.body
    read: dict[str, Any] = answer.json
    return read


def body(key: tuple[str, str, str]) -> dict[str, Any]:
    return {"ts": T, "customer": key[0], "shop": key[1], "city": key[2]}


def computed(prediction: dict[str, Any]) -> bytes:
    """A prediction that was computed with its vector, as one without."""
    return orjson.dumps({name: value for name, value in prediction.items() if name != "vector"})


def test_an_answer_is_given_while_its_rows_are_the_stores_and_then_computed(page: Project) -> None:
    report = predict_to_store(page, "cost", Choice())
    assert (report.keys, report.written, report.dead, report.changed) == (len(KEYS), len(KEYS), 0, 0)
    chance = random.Random(3)
    with open_store(page.folder) as store, serving(page, options={"metrics_port": 0}) as server:
        for number in range(100):
            key = chance.choice(KEYS)
            if number % 8 == 7:
                row = ((chance.choice(CUSTOMERS),), T + number, 1, (number, 1, number / 3, None))
                write(page, store, "customer", [row])
            if number in (70, 75):
                # two rows of batch with one clock are told apart by their generation
                row = FeatureRow(("s0",), T, 0, ("kiosk", number))
                store.write_batch(schema_of(page.plans["shops"]), [row], Batch(number, T))
            if number == 72:
                predict_to_store(page, "cost", Choice())
            # asked with its vector a request is computed, so the two must agree to the bit
            given = ask(server, key)
            assert orjson.dumps(given) == computed(ask(server, key, "?vector=true"))
        ready, now = (metric(server, "penstock_answers_computed_total", computed=by) for by in ("ahead", "now"))
        assert 10 < ready < 100 and ready + now == 200
        # what was computed anew is ready again
        predict_to_store(page, "cost", Choice())
        bodies = [body(key) for key in KEYS]
        wait_until(lambda: server.ask(PREDICT, bodies) and count(server) == ready + len(KEYS), "answers that are ready")
        assert lines(server, bodies) == [computed(ask(server, key, "?vector=true")) for key in KEYS]
        assert count(server) == ready + 2 * len(KEYS)
        # of an array those that have stopped holding are computed, and each is at its place
        write(page, store, "customer", [(("c3",), T + 10_000, 1, (1, 1, 0.1, None))])
        mixed = lines(server, bodies)
        assert count(server) == ready + 3 * len(KEYS) - len(SHOPS)
        assert mixed == [computed(ask(server, key, "?vector=true")) for key in KEYS]


def count(server: Server) -> float:
    """How many answers were ready."""
    return metric(server, "penstock_answers_computed_total", computed="ahead")


def lines(server: Server, bodies: list[dict[str, Any]]) -> list[bytes]:
    """The answers to an array."""
    return [orjson.dumps(each) for each in server.ask(PREDICT, bodies).json]


def test_another_version_does_not_give_the_former_ones_answers(tmp_path: Path) -> None:
    page = prepared(tmp_path, SQLITE)
    predict_to_store(page, "cost", Choice())
    train_model(page.config.state, page.model("cost").model_plan)
    with serving(page, options={"metrics_port": 0}) as server:
        assert orjson.dumps(ask(server, KEYS[0])) == computed(ask(server, KEYS[0], "?vector=true"))
        assert metric(server, "penstock_answers_computed_total", computed="ahead") == 0


def test_the_keys_are_those_of_a_file_or_the_most_requested_and_feast_serves_the_answers(tmp_path: Path) -> None:
    page = prepared(tmp_path, SQLITE)
    assert predict_to_store(page, "cost", Choice(most=2)).written == 2
    features = [f"cost_ahead:{name}" for name in ("value", "version", "rests_on")]
    entities = [{"customer": c, "shop": s, "city": x} for c, s, x in (KEYS[0], KEYS[5], KEYS[6])]
    store = FeatureStore(repo_path=str(page.folder))
    served = store.get_online_features(features=features, entity_rows=entities).to_dict()
    assert served["value"][2] is None and served["version"][0] == served["version"][1] is not None
    with serving(page) as server:
        assert [ask(server, key)["value"] for key in (KEYS[0], KEYS[5])] == served["value"][:2]
    file = tmp_path / "keys.parquet"
    columns = dict(zip(("customer", "shop", "city"), map(list, zip(*KEYS[6:9], strict=True)), strict=True))
    pq.write_table(pa.table({**columns, "other": np.arange(3)}), file)
    assert predict_to_store(page, "cost", Choice(file)).written == 3
    assert store.get_online_features(features=features, entity_rows=entities).to_dict()["value"][2] is not None
    for wrong in (tmp_path / "none.parquet", tmp_path):
        with pytest.raises(UsageError, match="no file of keys"):
            predict_to_store(page, "cost", Choice(wrong))


def test_a_model_whose_answers_have_no_key_is_refused(tmp_path: Path) -> None:
    whole = make_project(tmp_path / "whole", DEFINITIONS)
    whole.config.state.mkdir(exist_ok=True)
    train_model(whole.config.state, whole.model("cost").model_plan)
    with pytest.raises(UsageError, match="amount: float64"):
        predict_to_store(whole, "cost", Choice())
