"""SIGTERM while the store or Kafka is away: each job ends in time, leaves no process, and loses nothing."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.jobs.kafka.broker import Broker
from penstock.jobs.kafka.clients import ensure_topics
from penstock.jobs.process.children import GRACE_S, Child
from penstock.jobs.streaming.status import status_file, wait_stream
from tests.jobs.serving.running import Shop, train_model, wait_until
from tests.projects import REDIS, SQLITE
from tests.redis_server import RedisServer, redis_server


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path, "--appendonly", "yes") as running:
        yield running


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "kafka") as running:
        yield running


@pytest.fixture
def shop(broker: Broker, redis: RedisServer, tmp_path: Path) -> Shop:
    made = Shop(tmp_path / "shop", servers=broker.bootstrap_servers, wait_ms=0)
    settings = made.project.folder / "feature_store.yaml"
    settings.write_text(settings.read_text().replace(SQLITE, REDIS.format(redis.connection_string)))
    assert redis.connection_string in settings.read_text()
    ensure_topics(made.project.config, ["deliveries", "weather"])
    made.project.config.state.mkdir()
    train_model(made.project.config.state, made.plan)
    return made


def ended(child: Child) -> int | None:
    """Tells it to end, and waits for that; its exit code."""
    os.kill(child.pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while child.running:
        assert time.monotonic() < deadline, child.said()
        time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)
    return child.code


def test_inference_gives_back_what_it_has_read_while_the_store_is_away(shop: Shop, redis: RedisServer) -> None:
    options = ["infer", "cost", "--from", "earliest", "--group", shop.group, "--project", str(shop.project.folder)]
    sent = shop.send({"customer": "ann"})
    with Child("infer", options, shop.project.folder / "infer.log") as job:
        wait_until(lambda: job.check() or shop.predictions(), "the first prediction")
        redis.stop()
        sent += shop.send({"customer": "bob"})
        wait_until(lambda: "it is asked again" in job.said(), "the store is missed")
        assert ended(job) == 1
        assert "the Redis store does not answer" in job.said()
    redis.restart()
    with Child("infer", options, shop.project.folder / "infer.log") as job:
        wait_until(lambda: job.check() or len(shop.predictions()) == 2, "what was given back")
        assert ended(job) == 0
    assert [json.loads(record.value)["id"] for record in shop.predictions()] == sent


@pytest.mark.parametrize("away", ["store", "kafka"])
def test_a_stream_ends_in_time_whatever_is_away(shop: Shop, redis: RedisServer, broker: Broker, away: str) -> None:
    stream = Child("stream", ["stream", "--project", str(shop.project.folder)], shop.project.folder / "stream.log")
    with stream:
        wait_stream(shop.project, stream)
        jvm = json.loads(status_file(shop.project).read_text())["jvm"]
        if away == "store":
            redis.stop()
            shop.send({"customer": "ann"})
            wait_until(lambda: "it is asked again" in stream.said(), "the store is missed")
        else:
            shop.send(*[{"customer": f"c{i}", "order": f"{i}"} for i in range(5_000)])
            os.kill(broker.status().pid or 0, signal.SIGKILL)
        assert ended(stream) in (0, 1)
        assert not Path(f"/proc/{jvm}").exists()
        assert "Traceback" not in stream.said()
