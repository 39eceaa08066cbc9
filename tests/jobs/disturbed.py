"""What happens to topics from outside: retention, topics that are made anew, partitions that are added."""

from __future__ import annotations

import time

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from penstock.jobs.kafka.clients import ensure_topics, topic_ids
from penstock.jobs.project.config import Config

#: How long a broker may take to delete a topic, in seconds.
DELETED_S = 30.0


def _admin(config: Config) -> KafkaAdminClient:
    return KafkaAdminClient(bootstrap_servers=config.kafka.bootstrap_servers)


def delete_before(config: Config, topic: str, offsets: dict[int, int], *, policy: str = "delete") -> None:
    """Deletes the records before these offsets (by partition), as retention does; ``policy``: then the topic's."""
    with _admin(config) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"cleanup.policy": policy})])
        admin.delete_records({TopicPartition(topic, partition): offset for partition, offset in offsets.items()})


def delete_topic(config: Config, topic: str) -> None:
    """Returns when it is gone."""
    with _admin(config) as admin:
        admin.delete_topics([topic])
    deadline = time.monotonic() + DELETED_S
    while topic in topic_ids(config, [topic]):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def make_anew(config: Config, topic: str) -> None:
    """Deletes a topic and makes another one of the same name."""
    delete_topic(config, topic)
    ensure_topics(config, [topic])


def add_partitions(config: Config, topic: str, total: int) -> None:
    """So that the topic has so many in all."""
    with _admin(config) as admin:
        admin.create_partitions({topic: total})
