from __future__ import annotations

from pathlib import Path

import pytest

from penstock.features.errors import PenstockError
from penstock.jobs.kafka.clients import consumer, ensure_topics, producer
from penstock.jobs.kafka.readback import end_offsets, read_many, read_values
from penstock.jobs.project.project import Project
from tests.kafka_broker import Kafka
from tests.projects import make_project, unique


@pytest.fixture
def project(kafka: Kafka, tmp_path: Path) -> Project:
    return make_project(tmp_path, "", servers=kafka.servers, kafka="partitions = 2")


@pytest.fixture
def topic(project: Project) -> str:
    """Ten values in each of two partitions."""
    name = unique("read")
    ensure_topics(project.config, [name])
    with producer(project.config) as sender:
        for number in range(20):
            sender.send(name, b'{"n":%d}' % number, partition=number % 2)
    return name


def lines(file: Path) -> list[str]:
    return sorted(file.read_text().splitlines())


def test_every_value_becomes_a_line(project: Project, topic: str, tmp_path: Path) -> None:
    told: list[int] = []
    assert read_values(project, topic, tmp_path / "out", progress=told.append) == 20
    assert lines(tmp_path / "out") == sorted(f'{{"n":{number}}}' for number in range(20))
    assert told[-1] == 20


def test_reading_from_given_places(project: Project, topic: str, tmp_path: Path) -> None:
    assert read_values(project, topic, tmp_path / "out", start={0: 8, 1: 10}) == 2
    assert lines(tmp_path / "out") == ['{"n":16}', '{"n":18}']


def test_an_empty_topic(project: Project, tmp_path: Path) -> None:
    name = unique("empty")
    ensure_topics(project.config, [name])
    assert read_values(project, name, tmp_path / "out") == 0
    assert (tmp_path / "out").read_bytes() == b""


def test_a_topic_that_does_not_exist(project: Project, tmp_path: Path) -> None:
    with pytest.raises(PenstockError, match="does not exist"):
        read_values(project, unique("none"), tmp_path / "out")


def test_only_what_is_committed_and_has_a_value_in_one_line_each(project: Project, tmp_path: Path) -> None:
    name = unique("odd")
    ensure_topics(project.config, [name])
    with producer(project.config, transactional_id=name) as sender:
        sender.init_transactions()
        for value, end in ((b"1", sender.commit_transaction), (b"2", sender.abort_transaction)):
            sender.begin_transaction()
            sender.send(name, value, partition=0)
            sender.send(name, None, b"key", partition=0)
            sender.send(name, b'{"a":\n' + value + b"}", partition=0)
            sender.flush()
            end()
    assert read_values(project, name, tmp_path / "out") == 2
    assert lines(tmp_path / "out") == ["1", '{"a": 1}']


def test_several_topics_at_once(project: Project, topic: str, tmp_path: Path) -> None:
    other = unique("other")
    ensure_topics(project.config, [other])
    told: list[int] = []
    found = read_many(project, {topic: tmp_path / "one", other: tmp_path / "two"}, told.append)
    assert found == {topic: 20, other: 0}
    assert len(lines(tmp_path / "one")) == 20
    assert told == [20, 20]


def test_ends_of_partitions(project: Project, topic: str) -> None:
    with consumer(project.config, None) as reader:
        assert end_offsets(reader, topic) == {0: 10, 1: 10}
