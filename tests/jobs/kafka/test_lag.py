"""How far a group is, where offsets hold no records."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.jobs.kafka.clients import consumer, ensure_topics, producer
from penstock.jobs.kafka.interface import Place
from penstock.jobs.kafka.lag import Progress, progress
from penstock.jobs.project.config import Config
from tests.kafka_broker import Kafka
from tests.projects import config, unique


@pytest.fixture(params=["kafka-python", "confluent"])
def settings(kafka: Kafka, tmp_path: Path, request: pytest.FixtureRequest) -> Config:
    return config(tmp_path, kafka.servers, client=request.param)


def send(settings: Config, topic: str, *ends: str) -> None:
    """Transactions of two records each that are committed, aborted, or stay open until the broker ends them."""
    with producer(settings, transactional_id=unique("till")) as sender:
        sender.init_transactions()
        for end in ends:
            sender.begin_transaction()
            for _ in range(2):
                sender.send(topic, b"x").get(30)
            getattr(sender, f"{end}_transaction")()


def test_marks_and_aborted_records_are_no_lag(settings: Config) -> None:
    topic, group = unique("orders"), unique("group")
    ensure_topics(settings, [topic])
    pair = group, topic
    send(settings, topic, "commit", "abort", "commit", "abort")
    assert progress(settings, [pair])[pair] == Progress(12, 12 - 4)
    with consumer(settings, None, group_id=group) as reader:
        reader.assign([Place(topic, 0)])
        reader.commit({Place(topic, 0): 1})
        assert progress(settings, [pair])[pair].lag == 3
        reader.commit({Place(topic, 0): 8})  # past the last record, before its mark
        assert progress(settings, [pair])[pair] == Progress(12, 12)
