"""A member of a group whose join takes longer than one poll."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer

from jobs.kafka.clients import ensure_topics
from jobs.kafka.joining import joining
from tests.kafka_broker import Kafka
from tests.projects import config, unique

PATIENCE_S = 30.0


def until_it_has(reader: Any, partitions: int) -> None:
    """Polls so briefly that no join ends within one."""
    deadline = time.monotonic() + PATIENCE_S
    while len(reader.assignment()) < partitions:
        assert time.monotonic() < deadline
        reader.poll(timeout_ms=1)


def test_partitions_that_are_learnt_of_are_taken_up_however_short_the_polls(kafka: Kafka, tmp_path: Path) -> None:
    topic = unique("topic")
    ensure_topics(config(tmp_path, kafka.servers), [topic])
    own = KafkaConsumer(
        topic, bootstrap_servers=kafka.servers, group_id=topic, enable_auto_commit=False, metadata_max_age_ms=200
    )
    with joining(own) as reader:
        until_it_has(reader, 1)
        for partitions in (2, 3, 4):
            with KafkaAdminClient(bootstrap_servers=kafka.servers) as admin:
                admin.create_partitions({topic: partitions})
            until_it_has(reader, partitions)
