"""A shadow answers beside the current version, a canary in its place; several models answer in one process."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import fsspec
import orjson
import pytest

from penstock.features.errors import PenstockError, UsageError
from penstock.features.vector import Values
from penstock.jobs.explain.find import find_place, find_prediction
from penstock.jobs.explain.replay import replay
from penstock.jobs.kafka.clients import ensure_topics
from penstock.jobs.models.folder import load_version
from penstock.jobs.models.log import entries
from penstock.jobs.models.pointer import Pointer, current_version, remove_alias, set_current
from penstock.jobs.models.versions import promote
from penstock.jobs.project.project import load_project
from penstock.jobs.serving.lineup import bucket
from penstock.jobs.serving.run import infer
from penstock.jobs.store.bulk import BulkStore
from tests.jobs.serving.running import Shop, running, train_model, wait_until
from tests.jobs.serving.test_successor import REQUESTS, answer, await_line, current, leaves, models, other
from tests.jobs.shop import DEFINITIONS
from tests.kafka_broker import Kafka


@pytest.fixture
def shop(kafka: Kafka, tmp_path: Path) -> Shop:
    made = Shop(tmp_path / "shop", servers=kafka.servers, wait_ms=0)
    made.project.config.state.mkdir(exist_ok=True)
    train_model(made.project.config.state, made.plan)
    return made


def predictions(shop: Shop, topic: str) -> list[dict[str, Any]]:
    return [orjson.loads(record.value) for record in shop.read(topic)]


def test_a_shadow_and_a_canary_come_and_go_while_the_job_runs(shop: Shop) -> None:
    first = current(shop)
    second, third, spoiled = (other(shop, leaves(factor)) for factor in ("1.01", "1.02", "1000"))
    set_current(models(shop), "cost", first)
    promote(models(shop), shop.plan, Pointer(second, 30.0, "customer"), "canary")
    with running(shop, metrics_port=0) as job:
        # what aliases point to at the start answers from the first request on
        assert answer(shop, job, 0) == {first, second}
        promote(models(shop), shop.plan, Pointer(third), "shadow")
        await_line(job, third, "answers as shadow from now on")
        assert answer(shop, job, REQUESTS) == {first, second}
        # the canary becomes current: it is loaded already
        promote(models(shop), shop.plan, Pointer(second))
        await_line(job, second, "answers from now on")
        remove_alias(models(shop), "cost", "canary")
        await_line(job, second, "is no longer canary")
        assert answer(shop, job, 2 * REQUESTS) == {second}
        promote(models(shop), shop.plan, Pointer(spoiled, 50.0), "canary")
        assert "there is no canary" in await_line(job, "REFUSED", spoiled)
        (models(shop) / "cost" / "canary").write_text(f"{third}\n50\nnowhere\n")
        assert "has no input 'nowhere'" in await_line(job, "REFUSED", third)
        wait_until(lambda: job.metric("penstock_refused_versions_total") == 2, "refused versions in the metrics")
        job.end()
    answers, shadow = predictions(shop, shop.output), predictions(shop, f"{shop.output}.shadow")
    assert len({each["id"] for each in answers}) == len(answers) == 3 * REQUESTS
    for each in answers[: 2 * REQUESTS]:
        key = orjson.dumps(each["views"]["customer"]["key"])
        by_hash = ("canary", second) if bucket("cost", key) < 3_000 else ("current", first)
        assert (each["alias"], each["version"]) == by_hash
    # the shadow has the same vectors, and says what its version says of them
    beside = answers[REQUESTS:]
    assert [each["id"] for each in shadow] == [each["id"] for each in beside]
    assert {(each["alias"], each["version"]) for each in shadow} == {("shadow", third)}
    same = ("model", "fingerprint", "t", "requested_at", "views", "vector", "stale", "ahead_ms", "event")
    assert all(left[name] == right[name] for left, right in zip(beside, shadow, strict=True) for name in same)
    model = load_version(models(shop), "cost", third, shop.plan.fingerprint)
    assert shadow[0]["value"] == model.predict(columns(shop, shadow[:1]))[0]
    asked = shop.project, shop.project.model("cost"), find_place(shop.project, shadow[0]["id"]), None
    assert find_prediction(*asked, shadow=True) == shadow[0] and find_prediction(*asked) == beside[0]
    assert replay(models(shop), shadow[0]).same
    log = [(entry.action, entry.version, entry.details.get("alias")) for entry in entries(models(shop), "cost")]
    steps = [("start", first, None), ("takeover", third, "shadow"), ("takeover", second, "current")]
    steps += [("end", second, "canary"), ("refuse", spoiled, "canary")]
    assert [step for step in log if step in steps] == steps


def columns(shop: Shop, records: list[dict[str, Any]]) -> Any:
    return {str(v.name): Values.of(v.type, [each["vector"][v.name] for each in records]) for v in shop.plan.vector}


MORE = """
small = Model("small", on=orders, output="predictions.small", inputs=[orders.items, customer.items_20s],
    label=orders.amount, derived=dict(beyond=orders.items * 4_000_000_000_000_000_000))
arrivals = Model("arrivals", on=deliveries, output="predictions.arrivals", inputs=[deliveries.cost, routes, shops],
    label=deliveries.cost)
"""


def keep_at(shop: Shop, url: str) -> None:
    """Has the project keep its versions behind a URL."""
    file = shop.project.folder / "penstock.toml"
    file.write_text(f'{file.read_text()}\n[models]\nurl = "{url}"\n')
    files, path = fsspec.core.url_to_fs(url)
    files.put(str(models(shop)), path, recursive=True)
    shutil.rmtree(models(shop))
    shop.project = load_project(shop.project.folder)


def test_several_models_answer_in_one_process_and_read_each_row_once(
    kafka: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    definitions = (DEFINITIONS + MORE).replace('topic="deliveries"', 'topic="several.deliveries"')
    shop = Shop(tmp_path / "shop", definitions, servers=kafka.servers, wait_ms=0)
    ensure_topics(shop.project.config, ["several.deliveries"])
    names = ["cost", "small", "arrivals"]
    plans = {name: shop.project.model(name).model_plan for name in names}
    shop.project.config.state.mkdir(exist_ok=True)
    for plan in plans.values():
        train_model(shop.project.config.state, plan)
    keep_at(shop, f"memory://{tmp_path}/models")
    asked: list[Counter[str]] = []
    read = BulkStore.read_rows

    def counted(self: BulkStore, requests: Any) -> Any:
        asked.append(Counter(schema.name for schema, keys in requests if keys))
        return read(self, requests)

    monkeypatch.setattr(BulkStore, "read_rows", counted)
    shop.send(*({"customer": "ann", "items": 2 if i else 5} for i in range(3)), b"{")
    with running(shop, models=names) as job:
        # one request is bad for both models of its stream, and one overflows for one of them alone
        job.wait(8)
        where = shop.project.config.models_at
        promote(where, plans["small"], Pointer(str(current_version(where, "small"))), "shadow")
        await_line(job, "small", "answers as shadow from now on")
        with pytest.raises(UsageError, match="2 topics"):
            infer(shop.project, names, job.stop, start={0: 0})
        counts = job.end()
    assert (counts.requests, counts.predictions, counts.dead) == (8, 5, 3)
    assert all(number == 1 for each in asked for number in each.values())
    for name in ("cost", "small"):
        answers = predictions(shop, shop.project.model(name).output)
        assert {each["model"] for each in answers} == {name} and len(answers) == (3 if name == "cost" else 2)
        assert all(list(each["views"]) == [str(item.name) for item in plans[name].inputs] for each in answers)
        assert all(list(each["vector"]) == [str(item.name) for item in plans[name].vector] for each in answers)
    place = find_place(shop.project, f"{shop.topic}-0-0")
    assert find_prediction(shop.project, shop.project.model("cost"), place, None)["model"] == "cost"
    with pytest.raises(PenstockError, match="was refused: overflow"):
        find_prediction(shop.project, shop.project.model("small"), place, None)
    letters = [orjson.loads(record.value) for record in shop.dead_letters()]
    assert Counter((each["job"], each["error"]) for each in letters) == {
        ("infer cost", "not json"): 1,
        ("infer small", "not json"): 1,
        ("infer small", "overflow"): 1,
    }
