"""A consumer that asks for records when somebody waits for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.config import Config
from jobs.kafka.clients import consumer, ensure_topics, producer
from jobs.kafka.interface import Place
from tests.jobs.kafka.test_behaviour import read, values
from tests.kafka_broker import Kafka
from tests.projects import config, unique


@pytest.fixture
def settings(kafka: Kafka, tmp_path: Path) -> Config:
    return config(tmp_path, kafka.servers)


@pytest.fixture
def topic(settings: Config) -> str:
    name = unique("topic")
    ensure_topics(settings, [name])
    return name


def test_what_came_since_the_last_poll_comes_at_once(settings: Config, topic: str) -> None:
    place = Place(topic, 0)
    with consumer(settings, None) as reader, producer(settings, linger_ms=0) as sender:
        reader.assign([place])
        for turn in range(20):
            assert not reader.poll(10)  # what it has asked for comes later
            sender.send(topic, b"first", partition=0)
            sender.flush()
            assert values(read(reader, 1)) == [b"first"]
            for _ in range(5):
                sender.send(topic, b"later", partition=0)
                sender.flush()
            assert values(list(reader.poll(10_000)[place])) == [b"later"] * 5, turn


def test_a_consumer_that_is_behind_asks_ahead(settings: Config, topic: str) -> None:
    place, large = Place(topic, 0), bytes(100_000)
    with producer(settings, compression_type=None) as sender:
        for _ in range(8):
            sender.send(topic, large, partition=0)
            sender.flush()
    with consumer(settings, None, max_partition_fetch_bytes=150_000) as reader:
        reader.assign([place])
        fetcher = reader._client._fetcher  # type: ignore[attr-defined]
        ahead = []
        for _ in range(8):
            assert values(read(reader, 1)) == [large]
            ahead.append(fetcher.in_flight_fetches() or bool(fetcher._completed_fetches))
        assert reader.position(place) == 8
    assert not ahead[-1]
    assert any(ahead[:-1])
