"""Candidates learned from what a real inference job was given, with labels from a real broker."""

from __future__ import annotations

import threading
from pathlib import Path

import orjson
import pytest

from penstock.features.errors import UsageError
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.models.log import entries
from penstock.jobs.models.pointer import current_version
from penstock.jobs.retraining.run import Retraining, Settings, retrain_every
from tests.jobs.serving.running import Shop, T, running, train_model
from tests.jobs.shop import DEFINITIONS, make_project
from tests.kafka_broker import Kafka
from tests.projects import unique

ORDERS, SECOND = 1_300, 1_000
SETTINGS = Settings(range_ms=1_000 * SECOND, newest_ms=400 * SECOND)


def shop_of(kafka: Kafka, folder: Path) -> Shop:
    deliveries = unique("deliveries")
    text = DEFINITIONS.replace('topic="deliveries"', f'topic="{deliveries}"')
    shop = Shop(folder, text, servers=kafka.servers)
    ensure_topics(shop.project.config, [deliveries])
    shop.project.config.state.mkdir(parents=True, exist_ok=True)
    train_model(shop.project.config.state, shop.plan)
    return shop


def deliver(shop: Shop, cost: float) -> None:
    with producer(shop.project.config) as sender:
        for n in range(ORDERS):
            row = {"order": f"o{n}", "cost": cost + n % 5, "ts": T + n * SECOND + 7}
            sender.send(shop.project.topic("deliveries"), orjson.dumps(row))


def test_a_better_candidate_is_promoted_and_an_equal_one_is_not(kafka: Kafka, tmp_path: Path) -> None:
    shop = shop_of(kafka, tmp_path / "shop")
    models = shop.project.config.models_at
    first = current_version(models, "cost")
    with running(shop) as job:
        shop.send(*({"order": f"o{n}", "amount": float(n % 5), "ts": T + n * SECOND} for n in range(ORDERS)))
        job.wait(ORDERS)
        job.end()
    retraining = Retraining(shop.project, "cost", SETTINGS)
    with pytest.raises(UsageError, match="no prediction of cost has its label yet"):
        retraining.round()
    deliver(shop, cost=100.0)
    promoted = retraining.round()
    assert (
        promoted is not None and promoted.outcome == "promoted" and promoted.version == current_version(models, "cost")
    )
    assert promoted.current == first and promoted.bounds is not None and promoted.bounds[1] < 0
    assert (promoted.learned_rows, promoted.newest_rows) == (900, 400)
    assert promoted.candidate_loss is not None and promoted.current_loss is not None
    assert promoted.candidate_loss < 5 < promoted.current_loss
    assert retraining.round() is None
    kept = Retraining(shop.project, "cost", SETTINGS).round()
    assert kept is not None and kept.outcome == "kept" and kept.version is None
    assert current_version(models, "cost") == promoted.version
    log = [each for each in entries(models, "cost") if each.action in ("retrain", "promote")]
    assert [each.action for each in log][-3:] == ["promote", "retrain", "retrain"]
    assert log[-2].details["outcome"] == "promoted" and log[-1].details["bounds"] == list(kept.bounds or ())
    told: list[str] = []
    stop = threading.Event()

    def say(line: str) -> None:
        told.append(line)
        stop.set()

    rounds = retrain_every(shop.project, "cost", SETTINGS, 100, stop, say)
    assert [each.outcome for each in rounds] == ["kept"] and "stays" in told[0]
    with pytest.raises(UsageError, match="cannot refit trees of objective 'l1'"):
        Retraining(shop.project, "cost", Settings(refit=True))


def test_a_model_whose_training_reads_more_is_refused(tmp_path: Path) -> None:
    text = DEFINITIONS.replace("label=deliveries.cost,", "label=deliveries.cost, weight=orders.amount,")
    with pytest.raises(UsageError, match="cost has weight="):
        Retraining(make_project(tmp_path / "shop", text), "cost", SETTINGS)
