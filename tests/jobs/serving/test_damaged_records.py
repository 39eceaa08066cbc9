"""Records that nobody can decompress: the stream and the inference job give each a dead letter, and go on."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.jobs.kafka.broker import Broker
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.kafka.readback import read_values
from penstock.jobs.process.children import Child
from penstock.jobs.project.config import Config
from penstock.jobs.project.project import Project
from penstock.jobs.streaming.status import read_counts, wait_stream
from tests.jobs.kafka.damage import spoil_batches
from tests.jobs.serving.running import Shop, T, answered, train_model
from tests.projects import make_project

DEFINITIONS = """
from penstock import Stream, View, count, lifetime
sales = Stream("sales", topic="sales", time="ts", columns=dict(shop="string"))
sold = View("sold", sales, key="shop", features=dict(n=count().over(lifetime())))
"""
PATIENCE_S = 200.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("kafka")) as running:
        yield running


def send(config: Config, topic: str, value: dict[str, Any]) -> None:
    """Three batches, the second one compressed."""
    for count, codec in ((2, None), (3, "zstd"), (2, None)):
        with producer(config, compression_type=codec, linger_ms=200) as sender:
            for _ in range(count):
                sender.send(topic, json.dumps(value).encode())


def spoil(broker: Broker, topic: str) -> None:
    broker.stop()
    assert spoil_batches(broker.status().folder, topic) == [(2, 4)]
    broker.start()


def letters(project: Project, topic: str) -> list[dict[str, Any]]:
    file = project.folder / "letters.ndjson"
    read_values(project, project.names.dead_letters, file)
    found = [json.loads(line) for line in file.read_text().splitlines()]
    return [letter for letter in found if letter["topic"] == topic]


def check_letters(project: Project, topic: str) -> None:
    found = letters(project, topic)
    assert sorted(letter["offset"] for letter in found) == [2, 3, 4]
    assert {(letter["error"], letter["raw"], letter["partition"]) for letter in found} == {("unreadable", None, 0)}


@pytest.mark.timeout(400)  # Flink starts three times, and machines are shared
def test_the_stream_goes_on_after_them(broker: Broker, tmp_path: Path) -> None:
    project = make_project(tmp_path, DEFINITIONS, servers=broker.bootstrap_servers)
    ensure_topics(project.config, ["sales"])
    send(project.config, "sales", {"ts": T, "shop": "a"})
    spoil(broker, "sales")
    with Child("stream", ["stream", "--project", str(project.folder)], tmp_path / "log") as child:
        wait_stream(project, child)
        deadline = time.monotonic() + PATIENCE_S
        while newest(project) < 4:
            assert time.monotonic() < deadline, child.said()
            child.check()
            time.sleep(0.5)
        assert sum(read_counts(project)["sold"].values()) == 4
        child.stop()
        assert child.code == 0, child.said()
    assert "sales-0: offsets 2 to 4 cannot be read" in child.said()
    check_letters(project, "sales")


def newest(project: Project) -> int:
    file = project.folder / "rows.ndjson"
    read_values(project, project.names.features("sold"), file)
    lines = file.read_text().splitlines()
    return int(json.loads(lines[-1])["values"]["n_lifetime"]) if lines else 0


@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_inference_answers_the_others(broker: Broker, tmp_path: Path, client: str) -> None:
    shop = Shop(tmp_path / "shop", servers=broker.bootstrap_servers, client=client, wait_ms=0)
    (tmp_path / "model").mkdir()
    shutil.copytree(train_model(tmp_path / "model", shop.plan), shop.project.config.state / "models")
    send(shop.project.config, shop.topic, {"ts": T, "order": "o"})
    spoil(broker, shop.topic)
    predictions, counts = answered(shop, 7)
    assert (counts.requests, counts.predictions, counts.dead) == (7, 4, 3)
    assert [p["id"].rsplit("-", 1)[1] for p in predictions] == ["0", "1", "5", "6"]
    check_letters(shop.project, shop.topic)
