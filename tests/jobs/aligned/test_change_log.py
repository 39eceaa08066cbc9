"""Topics of change points, read as far as requests need them, from a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from penstock.features.errors import RefusedError
from penstock.jobs.aligned import change_log as module
from penstock.jobs.aligned.change_log import ChangeLog
from penstock.jobs.aligned.progress import NEVER
from penstock.jobs.aligned.views import kept_ms
from penstock.jobs.kafka.clients import admin, consumer, ensure_topics, producer
from penstock.jobs.project.project import load_project
from tests.jobs.shop import make_project
from tests.kafka_broker import Kafka
from tests.projects import unique

DAY_MS = 86_400_000


class World:
    """A project with change points of one view, in two partitions."""

    def __init__(self, folder: Path, servers: str) -> None:
        make_project(folder, servers=servers, partitions=2)
        more = f'prefix = "{unique("aligned")}"\n\n[stream]\nchange_points = "1d"\n'
        (folder / "penstock.toml").write_text((folder / "penstock.toml").read_text() + more)
        self.project = load_project(folder)
        self.plan = self.project.plans["routes"]
        self.topic = self.project.change_topics["routes"]
        ensure_topics(self.project.config, [self.topic])

    def send(self, *records: tuple[int, bytes, bytes | None], commit: bool = True, fingerprint: str = "") -> None:
        """(partition, key, value) each; ``commit``: False leaves a gap that no reader sees."""
        header = [("fingerprint", (fingerprint or self.plan.fingerprint).encode())]
        with producer(self.project.config, transactional_id=unique("id")) as sender:
            sender.init_transactions()
            sender.begin_transaction()
            for partition, key, value in records:
                sender.send(self.topic, value, key, header, partition=partition)
            if commit:
                sender.commit_transaction()
            else:
                sender.flush()
                sender.abort_transaction()

    @contextmanager
    def log(self, kept: int = DAY_MS) -> Iterator[ChangeLog]:
        with consumer(self.project.config, None) as reader:
            yield ChangeLog(reader, {self.topic: self.plan}, kept)


def key(name: str) -> bytes:
    return orjson.dumps({"city": "x", "shop": name})


def row(partition: int, name: str, t: int, seq: int) -> tuple[int, bytes, bytes]:
    value = b'{"key":%b,"t":%d,"seq":%d,"values":{"cost_30s":null,"first_30s":null}}' % (key(name), t, seq)
    return partition, key(name), value


def mark(partition: int, progress: int, writer: int = 0, of: int = 1) -> tuple[int, bytes, bytes]:
    value = orjson.dumps({"progress": progress, "writer": writer, "of": of})
    return partition, b'"progress of writer %d of %d"' % (writer, of), value


def read(log: ChangeLog, target: int) -> None:
    for _ in range(50):
        log.read_to(target)


def seen(log: ChangeLog, name: str, t: int) -> tuple[int, int] | None:
    version = log.at("routes", key(name), t)
    return None if version is None else (version.t, version.seq)


@pytest.fixture
def world(kafka: Kafka, tmp_path: Path) -> World:
    return World(tmp_path / "shop", kafka.servers)


def test_a_request_sees_the_rows_before_the_marks_that_pass_it(world: World) -> None:
    world.send(row(0, "a", 10, 1), row(0, "a", 20, 2), mark(0, 25), row(0, "a", 20, 3), mark(0, 40))
    world.send(mark(1, 30))
    with world.log() as log:
        read(log, 30)
        assert log.progress("routes") == 30
        assert [seen(log, "a", t) for t in (9, 10, 19, 20, 25)] == [None, (10, 1), (10, 1), (20, 2), (20, 2)]
        # the row behind the mark is late: whoever asks for a time that was passed goes without it
        assert seen(log, "a", 26) == (20, 3)
        assert seen(log, "b", 26) is None


def test_a_partition_is_as_far_as_its_slowest_writer(world: World) -> None:
    world.send(mark(0, 10, 0, 2), mark(0, 30, 1, 2), mark(1, 50))
    with world.log() as log:
        read(log, 40)
        assert log.progress("routes") == 10
        world.send(mark(0, 20, 0, 2), mark(0, 5, 0, 1))
        read(log, 40)
        assert log.progress("routes") == 20
        # another parallelism, from a restart on
        world.send(mark(0, 45, 0, 1))
        read(log, 40)
        assert log.progress("routes") == 45


def test_rows_that_went_are_read_anew(world: World) -> None:
    world.send(*(row(0, "a", t, t) for t in range(1, 60)), mark(0, 100), mark(1, 100))
    with world.log() as log:
        log.forget(50)
        read(log, 100)
        assert seen(log, "a", 55) == (55, 55)
        assert seen(log, "a", 30) is None
        assert log.base == 50
        log.rewind()
        assert log.base == NEVER
        read(log, 100)
        assert seen(log, "a", 30) == (30, 30)


def test_a_partition_that_is_far_ahead_is_read_no_further(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AHEAD", 20)
    monkeypatch.setattr(module, "BATCH", 10)
    world.send(*(each for t in range(1, 200) for each in (row(0, "a", t, t), mark(0, t))))
    with world.log() as log:
        read(log, 5)
        ahead = sum(map(len, log._ahead.values()))
        assert 20 < ahead < 60
        world.send(mark(1, 150))
        read(log, 150)
        assert log.progress("routes") == 150
        assert seen(log, "a", 150) == (150, 150)


def test_what_may_be_compacted_away_is_known(world: World) -> None:
    world.send(row(0, "a", 1, 1), commit=False)
    world.send(row(0, "a", 10, 2), mark(0, 20), mark(1, 20))
    with world.log() as log:
        read(log, 15)
        assert log.is_whole("routes", 15)
    with world.log(kept=0) as log:
        read(log, 15)
        assert not log.is_whole("routes", 15)


def test_a_tombstone_erases_and_another_definition_is_refused(world: World) -> None:
    world.send(row(0, "a", 10, 1), mark(0, 20), mark(1, 20))
    with world.log() as log:
        read(log, 20)
        world.send((0, key("a"), None), mark(0, 30), mark(1, 30))
        read(log, 30)
        assert seen(log, "a", 15) is None
        world.send(row(0, "a", 40, 2), fingerprint="another")
        with pytest.raises(RefusedError, match="another definition"):
            read(log, 50)


def test_a_topic_that_kafka_deletes_from_is_refused(world: World) -> None:
    assert kept_ms(world.project.config, [world.topic]) == DAY_MS
    with admin(world.project.config) as client:
        policy = {"cleanup.policy": "compact,delete"}
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, world.topic, policy)])
    with pytest.raises(RefusedError, match="are deleted"):
        kept_ms(world.project.config, [world.topic])
