"""Predictions of a real inference job joined with labels from a real broker, by a process that is killed."""

from __future__ import annotations

import os
import signal
import threading
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from click.testing import CliRunner

from penstock.features.errors import PenstockError, RefusedError
from penstock.jobs.cli import penstock
from penstock.jobs.kafka.clients import admin, ensure_topics, producer
from penstock.jobs.ledger import opening
from penstock.jobs.ledger.rows import ALWAYS
from penstock.jobs.ledger.scores import by_version
from penstock.jobs.process.children import Child
from penstock.jobs.quality import run
from penstock.jobs.training.metrics import metrics_of
from tests.jobs.serving.running import Shop, T, running, train_model, wait_until
from tests.jobs.shop import DEFINITIONS
from tests.kafka_broker import Kafka
from tests.projects import unique

ORDERS = 60


@pytest.fixture(scope="module")
def shop(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop whose first orders a version has answered, and the others its successor."""
    deliveries = unique("deliveries")
    text = DEFINITIONS.replace('topic="deliveries"', f'topic="{deliveries}"')
    shop = Shop(tmp_path_factory.mktemp("shop"), text, servers=kafka.servers, wait_ms=0)
    ensure_topics(shop.project.config, [deliveries])
    models = shop.project.config.state
    models.mkdir(parents=True, exist_ok=True)
    for part in range(2):
        train_model(models, shop.plan)
        with running(shop) as job:
            shop.send(*({"order": f"o{part}-{n}", "amount": n / 7, "items": n} for n in range(ORDERS)))
            job.wait(ORDERS)
            job.end()
    return shop


def deliver(shop: Shop, part: int, numbers: range, cost: float) -> None:
    with producer(shop.project.config) as sender:
        for n in numbers:
            row = {"order": f"o{part}-{n}", "cost": cost * n / 3, "ts": T + n}
            sender.send(shop.project.topic("deliveries"), orjson.dumps(row))


def test_a_process_that_is_killed_counts_no_label_twice(shop: Shop) -> None:
    log = shop.project.folder / "quality.log"
    where = ["--project", str(shop.project.folder)]
    child = Child("quality", ["quality", "cost", "--follow", "--metrics-port", "0", *where], log)
    topic = shop.project.names.quality("cost")
    try:
        for part, numbers, labels in ((0, range(25), 25), (1, range(25, ORDERS), ORDERS), (0, range(10, 40), 75)):
            child.start()
            deliver(shop, part, numbers, cost=1.0 + labels)
            wait_until(lambda labels=labels: labelled(shop, topic) >= labels, "labels")
            if labels == 75:
                assert "penstock_quality_error" in metrics_page(log)
            deliver(shop, 1, range(30, 35), cost=2.0)
            os.kill(child.pid, signal.SIGKILL)
            child.stop()
    finally:
        child.stop()
    deliver(shop, 1, range(ORDERS), cost=9.0)
    opening.catch_up(shop.project, "cost")
    with opening.open_ledger(shop.project, shop.plan) as ledger:
        found = {version: score.metrics for version, score in by_version(ledger.scores()).items()}
    assert found == by_hand(shop) and len(found) == 2
    assert {version: total(rows) for version, rows in newest(shop, topic).items()} == {
        version: (ORDERS, labels) for version, labels in zip(sorted(found), (40, 35), strict=True)
    }


def metrics_page(log: Path) -> str:
    line = next(line for line in log.read_text().splitlines()[::-1] if line.startswith("metrics: "))
    with urllib.request.urlopen(line.removeprefix("metrics: "), timeout=10) as answer:
        page: str = answer.read().decode()
    return page


def newest(shop: Shop, topic: str) -> dict[str, list[dict[str, Any]]]:
    """By version the records that count."""
    records: dict[bytes, dict[str, Any]] = {}
    for record in shop.read(topic):
        value = orjson.loads(record.value)
        if value["seq"] >= records.get(record.key, value)["seq"]:
            records[record.key] = value
    versions: dict[str, list[dict[str, Any]]] = {}
    for value in records.values():
        versions.setdefault(value["version"], []).append(value)
    return versions


def total(rows: list[dict[str, Any]]) -> tuple[int, int]:
    return sum(row["predictions"] for row in rows), sum(row["labelled"] for row in rows)


def labelled(shop: Shop, topic: str) -> int:
    try:
        return sum(total(rows)[1] for rows in newest(shop, topic).values())
    except PenstockError:
        return 0


def by_hand(shop: Shop) -> dict[str, dict[str, float]]:
    """By version, the metrics of the predictions with the newest label of each."""
    labels: dict[str, tuple[int, int, float]] = {}
    for record in shop.read(shop.project.topic("deliveries")):
        row = orjson.loads(record.value)
        labels[row["order"]] = max(labels.get(row["order"], (0, 0, 0.0)), (row["ts"], record.offset, row["cost"]))
    rows: dict[str, list[tuple[float, float]]] = {}
    for record in shop.predictions():
        value = orjson.loads(record.value)
        if value["event"] in labels:
            rows.setdefault(value["version"], []).append((value["value"], labels[value["event"]][2]))
    return {
        version: metrics_of(shop.plan.objective, *np.array(pairs).T, np.ones(len(pairs)))
        for version, pairs in sorted(rows.items())
    }


def test_the_commands_show_each_version(shop: Shop, tmp_path: Path) -> None:
    quality = command(shop, "quality", "--slice", "items", "--out", str(tmp_path / "quality.html"))
    assert {version: each["metrics"] for version, each in quality["versions"].items()} == by_hand(shop)
    drift = command(shop, "drift", "--out", str(tmp_path / "drift.html"))
    assert [each["version"] for each in drift["versions"]] == sorted(quality["versions"])
    assert {each["vectors"] for each in drift["versions"]} == {ORDERS}
    assert all((tmp_path / f"{name}.html").stat().st_size > 10**6 for name in ("quality", "drift"))


def command(shop: Shop, name: str, *more: str) -> dict[str, Any]:
    result = CliRunner().invoke(penstock, [name, "cost", "--json", "--project", str(shop.project.folder), *more])
    assert result.exit_code == 0, result.output
    value: dict[str, Any] = orjson.loads(result.stdout)
    return value


def test_the_answers_of_a_shadow_are_compared_on_the_same_requests(shop: Shop) -> None:
    topic = f"{shop.output}.shadow"
    ensure_topics(shop.project.config, [topic])
    records = [orjson.loads(record.value) for record in shop.predictions()]
    with producer(shop.project.config) as sender:
        for record in records:
            sender.send(topic, orjson.dumps({**record, "version": "a-shadow", "value": record["value"] + 1}))
    opening.catch_up(shop.project, "cost")
    comparisons = run.reported(shop.project, "cost", ALWAYS).comparisons
    assert {(each.second, each.rows) for each in comparisons} == {("a-shadow", 40), ("a-shadow", ORDERS)}


def test_one_process_writes_a_ledger(shop: Shop) -> None:
    told: list[str] = []
    with opening.written(shop.project, shop.plan) as mine:
        assert mine
        with pytest.raises(PenstockError, match="another process follows"):
            run.follow(shop.project, "cost", threading.Event())
        opening.catch_up(shop.project, "cost", told=told.append)
    assert "its ledger is read as it is" in told[0]


def test_a_topic_that_was_made_anew_is_refused(shop: Shop) -> None:
    topic = shop.project.topic("deliveries")
    with admin(shop.project.config) as client:
        client.delete_topics([topic])
    wait_until(lambda: not exists(shop, topic), "deletion")
    ensure_topics(shop.project.config, [topic])
    with pytest.raises(RefusedError, match="made anew"):
        opening.catch_up(shop.project, "cost")
    deliver(shop, 0, range(3), cost=2.0)
    opening.catch_up(shop.project, "cost", accept_loss=True)


def exists(shop: Shop, topic: str) -> bool:
    with admin(shop.project.config) as client:
        return topic in client.list_topics()
