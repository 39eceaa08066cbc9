"""Where the members of a group begin that has committed nothing yet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penstock.jobs.kafka.clients import consumer, ensure_topics, producer
from penstock.jobs.kafka.interface import Consumer
from penstock.jobs.project.config import Config
from penstock.jobs.serving.reader import Reader
from tests.kafka_broker import Kafka
from tests.projects import config, unique

PARTITIONS, PATIENCE_S = 4, 60.0


@contextmanager
def member(settings: Config, topic: str) -> Iterator[Consumer]:
    options = {"auto_offset_reset": "none", "isolation_level": "read_committed"}
    with consumer(settings, [topic], group_id=f"{topic}.group", **options) as joined:
        yield joined


def share(first: Consumer, second: Consumer) -> None:
    """Returns when each has half of the partitions."""
    deadline = time.monotonic() + PATIENCE_S
    while any(len(each.assignment()) != PARTITIONS // 2 for each in (first, second)):
        assert time.monotonic() < deadline
        first.poll(100)
        second.poll(100)


@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_one_member_begins_for_all_so_a_third_never_takes_a_partition_for_a_new_one(
    kafka: Kafka, tmp_path: Path, client: str
) -> None:
    topic = unique("requests")
    settings = config(tmp_path, kafka.servers, client=client, partitions=PARTITIONS)
    ensure_topics(settings, [topic])
    with producer(settings) as sender:
        assert all(sender.send(topic, b"{}", partition=place).get(30) for place in range(PARTITIONS))
    with member(settings, topic) as one, member(settings, topic) as two:
        readers = {each: Reader(each, {topic: "latest"}, {}) for each in (one, two)}
        share(one, two)
        owner, other = sorted(readers, key=lambda each: min(each.assignment()))
        for _ in range(3):
            assert readers[other].poll(50, 10) == [] and readers[other].group is None
        assert not any(owner.committed(place) for place in owner.places(topic))
        for reader in (readers[owner], readers[other]):
            reader.poll(50, 10)
            assert reader.group is not None
        assert [owner.committed(place) for place in owner.places(topic)] == [1] * PARTITIONS
