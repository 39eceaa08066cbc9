from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from penstock.features.errors import PenstockError
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.kafka.reading import bounds, first_offsets, offsets_since, read_records
from penstock.jobs.project.project import Project
from tests.kafka_broker import Kafka
from tests.projects import make_project, unique

#: Kafka timestamp of the first record, in milliseconds; a second lies between one and the next.
START = 1_700_000_000_000


@pytest.fixture
def project(kafka: Kafka, tmp_path: Path) -> Project:
    return make_project(tmp_path, "", servers=kafka.servers, kafka="partitions = 2")


@pytest.fixture
def topic(project: Project) -> str:
    """Ten numbers in each of two partitions."""
    name = unique("read")
    ensure_topics(project.config, [name])
    with producer(project.config) as sender:
        for number in range(20):
            sender.send(name, b"%d" % number, partition=number % 2, timestamp_ms=START + 1_000 * number)
    return name


def read(project: Project, topic: str, since: int | None, offsets: dict[int, int] | None = None) -> list[int]:
    with closing(read_records(project, topic, since, offsets)) as records:
        return sorted(int(record.value) for record in records)


def test_from_the_beginning_a_time_or_an_offset(project: Project, topic: str) -> None:
    assert read(project, topic, None) == list(range(20))
    assert read(project, topic, START + 16_500) == [17, 18, 19]
    assert read(project, topic, START + 99_000) == []
    assert read(project, topic, -5) == list(range(20))
    assert read(project, topic, START + 99_000, {0: 8}) == [16, 18]


def test_where_records_of_a_time_begin(project: Project, topic: str) -> None:
    assert offsets_since(project, topic, START + 16_500) == {0: 9, 1: 8}
    assert offsets_since(project, topic, START + 99_000) == {0: 10, 1: 10}
    assert first_offsets(project, topic) == {0: 0, 1: 0}
    assert bounds(project, topic) == {0: (0, 10), 1: (0, 10)}


def test_only_what_is_committed(project: Project, topic: str) -> None:
    with producer(project.config, transactional_id=topic) as sender:
        sender.init_transactions()
        for value, end in ((b"20", sender.commit_transaction), (b"21", sender.abort_transaction)):
            sender.begin_transaction()
            sender.send(topic, value, partition=0, timestamp_ms=START + 50_000)
            sender.flush()
            end()
    assert read(project, topic, START + 40_000) == [20]


def test_a_topic_that_does_not_exist(project: Project) -> None:
    with pytest.raises(PenstockError, match="does not exist"):
        read(project, unique("none"), None)
