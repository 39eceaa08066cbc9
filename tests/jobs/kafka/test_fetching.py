"""A consumer that asks for records when somebody waits for them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.protocol.admin.client_quotas import AlterClientQuotasRequest

from penstock.jobs.kafka import broker as broker_module
from penstock.jobs.kafka.broker import Broker
from penstock.jobs.kafka.clients import consumer, ensure_topics, producer
from penstock.jobs.kafka.interface import Consumer, Place
from penstock.jobs.kafka.line import Line
from penstock.jobs.project.config import Config
from tests.jobs.kafka.test_behaviour import read, values
from tests.jobs.kafka.test_clients import short_logins
from tests.kafka_broker import Kafka
from tests.projects import config, unique

_Quota = AlterClientQuotasRequest.EntryData


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


def line_of(reader: Consumer) -> Line | None:
    """The line that it has now, open or not."""
    line: Line | None = reader._client._fetcher.fetch_records.__self__._line  # type: ignore[attr-defined]
    return line


def read_over_a_line(reader: Consumer, send: Callable[[bytes], None], before: Line | None = None) -> Line:
    """Sends and reads records, one by one, until the reader has a line, another one than ``before``."""
    for number in range(1_000):
        send(b"%d" % number)
        assert values(read(reader, 1)) == [b"%d" % number]
        line = line_of(reader)
        if line is not None and line.open and line is not before:
            return line
    raise AssertionError("no line")


def test_partitions_of_one_broker_are_asked_for_over_a_line(kafka: Kafka, tmp_path: Path) -> None:
    settings, topic = config(tmp_path, kafka.servers, partitions=3), unique("topic")
    ensure_topics(settings, [topic])
    with consumer(settings, None) as reader, producer(settings, linger_ms=0) as sender:
        reader.assign([Place(topic, number) for number in range(3)])
        line = read_over_a_line(reader, lambda value: sender.send(topic, value, partition=0).get(9))
        fetcher = reader._client._fetcher  # type: ignore[attr-defined]
        fetcher._send_fetches_async = lambda: pytest.fail("asked through the event loop")
        for turn in range(30):
            for number in range(3):
                sender.send(topic, b"%d %d" % (turn, number), partition=number).get(9)
            found = read(reader, 3)
            assert sorted((record.partition, record.value) for record in found) == [
                (number, b"%d %d" % (turn, number)) for number in range(3)
            ]
        assert line_of(reader) is line


def test_a_broker_with_a_quota_is_waited_for(kafka: Kafka, settings: Config, topic: str) -> None:
    name, large = unique("reader"), bytes(10_000)
    with KafkaAdminClient(bootstrap_servers=kafka.servers) as admin:
        entity = _Quota.EntityData(entity_type="client-id", entity_name=name)
        quota = _Quota(entity=[entity], ops=[_Quota.OpData(key="consumer_byte_rate", value=20_000.0, remove=False)])
        admin._manager.run(admin._manager.send, AlterClientQuotasRequest(entries=[quota], validate_only=False))
    with (
        consumer(settings, None, client_id=name) as reader,
        producer(settings, linger_ms=0, compression_type=None) as sender,
    ):
        reader.assign([Place(topic, 0)])
        read_over_a_line(reader, lambda value: sender.send(topic, value, partition=0).get(9))
        fetcher = reader._client._fetcher  # type: ignore[attr-defined]
        handle, waits = fetcher._handle_fetch_response, []

        def noting(*arguments: Any) -> None:
            waits.append(arguments[-1].throttle_time_ms)
            handle(*arguments)

        fetcher._handle_fetch_response = noting
        for _ in range(30):
            sender.send(topic, large, partition=0).get(9)
            assert values(read(reader, 1)) == [large]
        line = line_of(reader)
        assert line is not None and line.open
    assert any(waits)


def test_a_broker_that_is_silent_or_away_holds_up_no_poll(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "PROPERTIES", broker_module.PROPERTIES + "connections.max.idle.ms=2000\n")
    place = Place("in", 0)
    with Broker(tmp_path / "kafka") as broker:
        settings = config(tmp_path, broker.bootstrap_servers)
        ensure_topics(settings, ["in"])
        with consumer(settings, None) as reader, producer(settings, linger_ms=0) as sender:
            reader.assign([place])

            def send(value: bytes) -> None:
                sender.send("in", value).get(20)

            line = read_over_a_line(reader, send)
            pid = broker.status().pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            try:
                for _ in range(5):
                    assert not reader.poll(20)
            finally:
                os.kill(pid, signal.SIGCONT)
            send(b"after silence")
            assert values(read(reader, 1)) == [b"after silence"]
            time.sleep(6)  # the broker closes connections on which it sees nothing for two seconds
            line = read_over_a_line(reader, send, line)
            broker.stop()
            for _ in range(5):
                assert not reader.poll(20)
            broker.start()
            read_over_a_line(reader, send, line)


def test_a_reader_whose_login_ends_logs_in_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with short_logins(tmp_path, monkeypatch) as settings:
        ensure_topics(settings, ["in"])
        with consumer(settings, None) as reader, producer(settings, linger_ms=0) as sender:
            reader.assign([Place("in", 0)])
            line = None
            for _ in range(2):
                line = read_over_a_line(reader, lambda value: sender.send("in", value).get(20), line)
                for number in range(8):
                    sender.send("in", b"%d" % number).get(20)
                    assert values(read(reader, 1)) == [b"%d" % number]
                    time.sleep(0.4)
