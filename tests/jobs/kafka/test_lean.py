"""Every record as kafka-python itself reads it, with nothing left out and nothing more."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.kafka.lean import Record, lean, packed_header
from penstock.jobs.project.config import Config
from tests.kafka_broker import Kafka
from tests.projects import config, unique

SIZES = (0, 1, 63, 64, 127, 128, 8_191, 8_192, 20_000)


@pytest.fixture
def settings(kafka: Kafka, tmp_path: Path) -> Config:
    return config(tmp_path, kafka.servers, partitions=2)


def consumer(settings: Config, **options: Any) -> KafkaConsumer:
    """kafka-python's own."""
    servers = settings.kafka.bootstrap_servers
    return KafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False, auto_offset_reset="earliest", **options)


def places(reader: Any, topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in sorted(reader.partitions_for_topic(topic))]


def payload(rand: random.Random) -> bytes | None:
    return rand.choice([None, *(rand.randbytes(size) for size in SIZES)])


def fill(settings: Config, topic: str, **options: Any) -> int:
    """Records of every shape, in batches of several sizes; returns how many."""
    rand = random.Random(7)
    receipts = []
    with producer(settings, batch_size=4_000, **options) as sender:
        for number in range(400):
            key, value = payload(rand), payload(rand)
            if key is None and value is None:
                continue
            headers = [(f"né{i}" * i, rand.randbytes(rand.choice(SIZES[:6]))) for i in range(rand.randrange(4))]
            # a broker takes no time of the future
            time = rand.randrange(1_600_000_000_000)
            receipts.append(sender.send(topic, value, key, headers, partition=number % 2, timestamp_ms=time))
    return len([receipt.get(30) for receipt in receipts])


def read(
    settings: Config, topic: str, wrap: Callable[[KafkaConsumer], Any], *, at_once: int = 100, **options: Any
) -> list[Any]:
    with wrap(consumer(settings, **options)) as reader:
        found = places(reader, topic)
        reader.assign(found)
        ends = reader.end_offsets(found)
        records: list[Any] = []
        while any(reader.position(place) < ends[place] for place in found):
            for part in reader.poll(timeout_ms=1_000, max_records=at_once).values():
                records += part
    return sorted(records, key=lambda record: (record.partition, record.offset))


def plain(record: Any) -> Record:
    return Record(
        record.topic, record.partition, record.offset, record.key, record.value, record.headers, record.timestamp
    )


def decoded(record: Record) -> Record:
    return record._replace(packed_headers=record.headers)  # type: ignore[arg-type]


@pytest.mark.parametrize("compression", [None, "gzip", "lz4"])
@pytest.mark.parametrize("at_once", [7, 10_000])
def test_records_are_those_of_kafka_python(settings: Config, compression: str | None, at_once: int) -> None:
    topic = unique("lean")
    ensure_topics(settings, [topic])
    count = fill(settings, topic, compression_type=compression)
    expected = read(settings, topic, lambda reader: reader)
    found = read(settings, topic, lean, at_once=at_once)
    assert len(found) == count
    assert [decoded(record) for record in found] == [plain(record) for record in expected]


def test_reading_begins_in_the_middle_of_a_batch(settings: Config) -> None:
    topic = unique("middle")
    ensure_topics(settings, [topic])
    with producer(settings, linger_ms=200) as sender:
        for number in range(10):
            sender.send(topic, b"%d" % number, partition=0)
    with lean(consumer(settings)) as reader:
        place = places(reader, topic)[0]
        reader.assign([place])
        reader.seek(place, 7)
        records = reader.poll(timeout_ms=10_000)[place]
    assert [(record.offset, record.value) for record in records] == [(7, b"7"), (8, b"8"), (9, b"9")]


def test_aborted_transactions_and_end_marks_are_passed_over(settings: Config) -> None:
    topic = unique("transacted")
    ensure_topics(settings, [topic])
    with producer(settings, transactional_id=topic) as sender:
        sender.init_transactions()
        for number in range(4):
            sender.begin_transaction()
            sender.send(topic, b"%d" % number, partition=0)
            sender.flush()
            (sender.abort_transaction if number % 2 else sender.commit_transaction)()
    options = {"isolation_level": "read_committed"}
    found = read(settings, topic, lean, **options)
    assert [record.value for record in found] == [b"0", b"2"]
    assert [plain(r).offset for r in read(settings, topic, lambda reader: reader, **options)] == [
        record.offset for record in found
    ]
    assert [record.value for record in read(settings, topic, lean)] == [b"0", b"1", b"2", b"3"]


def test_a_packed_header_is_found_among_packed_headers(settings: Config) -> None:
    topic = unique("headers")
    ensure_topics(settings, [topic])
    with producer(settings) as sender:
        sender.send(topic, b"x", headers=[("a", b"1"), ("fingerprint", b"f" * 64)], partition=0)
    (record,) = read(settings, topic, lean)
    assert packed_header("fingerprint", b"f" * 64) in record.packed_headers
    assert packed_header("fingerprint", b"f" * 63) not in record.packed_headers
    assert packed_header("fingerprint", b"g" * 64) not in record.packed_headers
