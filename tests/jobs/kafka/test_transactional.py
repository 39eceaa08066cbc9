"""The producer of the second transaction protocol, and what stands for it where a cluster knows the first one only."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import UpdateFeatureType

from penstock.jobs.kafka import broker as broker_module
from penstock.jobs.kafka.broker import Broker
from penstock.jobs.kafka.clients import ensure_topics
from penstock.jobs.kafka.errors import KafkaFailure
from penstock.jobs.kafka.interface import Consumer, Membership, Outgoing, Place, Producer
from penstock.jobs.kafka.kafka_python import PythonProducer
from penstock.jobs.kafka.transactional import FEATURE, TransactionalProducer
from penstock.jobs.project.config import Config
from penstock.jobs.serving.transactions import Transactions
from tests.jobs.kafka.test_behaviour import PATIENCE_S, all_of, member, transactional, until, values
from tests.jobs.kafka.test_clients import short_logins
from tests.kafka_broker import Kafka
from tests.projects import config, unique


@pytest.fixture
def two(kafka: Kafka, tmp_path: Path) -> Config:
    """With topics of two partitions."""
    return config(tmp_path, kafka.servers, partitions=2)


@pytest.fixture
def topic(two: Config) -> str:
    name = unique("topic")
    ensure_topics(two, [name])
    return name


def test_a_transaction_of_many_chunks_keeps_the_order_of_each_partition(two: Config, topic: str) -> None:
    numbers = random.Random(1)
    sent = [
        (b"%d" % numbers.randrange(9), b"%d " % n + numbers.randbytes(numbers.randrange(2_000))) for n in range(2_000)
    ]
    with transactional(two, topic) as sender:
        assert isinstance(sender, TransactionalProducer)
        sender.init_transactions()
        sender.begin_transaction()
        sender.send_within(Outgoing(topic, key, value, [("n", value[:4])]) for key, value in sent)
        sender.commit_transaction()
    found = all_of(two, topic)
    assert len({record.partition for record in found}) == 2
    for key in {key for key, _ in sent}:
        assert [r.value for r in found if r.key == key] == [value for k, value in sent if k == key]
    assert all(record.carries("n", (record.value or b"")[:4]) for record in found)


def test_a_receipt_tells_where_the_record_lies(two: Config, topic: str) -> None:
    with transactional(two, topic) as sender:
        sender.init_transactions()
        for last in (sender.commit_transaction, sender.abort_transaction, sender.commit_transaction):
            sender.begin_transaction()
            receipts = [sender.send(topic, b"%d" % n, partition=n % 2) for n in range(5)]
            places = [receipt.get(PATIENCE_S) for receipt in receipts]
            last()
            found = {(r.topic, r.partition, r.offset): r.value for r in all_of(two, topic)}
            assert [found[place] for place in places] == [b"%d" % n for n in range(5)]


def test_a_record_without_a_time_has_that_of_kafka_pythons_own_records(
    two: Config, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = time.time
    began_ms = right() * 1000
    with transactional(two, topic) as sender:
        sender.init_transactions()
        sender.begin_transaction()
        with monkeypatch.context() as wrong:
            wrong.setattr(time, "time", lambda: right() + 86_400)  # the broker would refuse this
            sender.send(topic, b"now")
            sender.send(topic, b"then", timestamp_ms=1_700_000_000_000)
            sender.commit_transaction()
    times = {record.value: record.timestamp for record in all_of(two, topic)}
    assert times.keys() == {b"now", b"then"}
    assert began_ms - 1 <= times[b"now"] <= right() * 1000 and times[b"then"] == 1_700_000_000_000


def test_a_record_is_sent_in_a_transaction_only(two: Config, topic: str) -> None:
    with transactional(two, topic) as sender:
        sender.init_transactions()
        with pytest.raises(KafkaFailure, match="no transaction"):
            sender.send(topic, b"x")
        sender.begin_transaction()
        with pytest.raises(KafkaFailure, match="open"):
            sender.begin_transaction()
        sender.abort_transaction()
    assert not all_of(two, topic)


def test_a_record_that_is_too_large_is_refused_and_the_others_go(two: Config, topic: str) -> None:
    with transactional(two, topic, compression_type=None) as sender:
        sender.init_transactions()
        sender.begin_transaction()
        sender.send(topic, bytes(1_000_000))
        with pytest.raises(KafkaFailure, match="1048576 at most"):
            sender.send(topic, bytes(1_100_000))
        sender.commit_transaction()
    assert values(all_of(two, topic)) == [bytes(1_000_000)]


def test_an_empty_transaction_ends_and_so_does_one_that_was_never_sent(two: Config, topic: str) -> None:
    with transactional(two, topic) as sender:
        sender.init_transactions()
        sender.begin_transaction()
        sender.commit_transaction()
        sender.begin_transaction()
        sender.send(topic, b"void")
        sender.abort_transaction()
        sender.begin_transaction()
        sender.send(topic, b"good")
        sender.commit_transaction()
    assert values(all_of(two, topic)) == [b"good"]


def test_a_restart_of_the_broker_is_survived_at_each_step(tmp_path: Path) -> None:
    with Broker(tmp_path / "kafka") as broker:
        settings = config(tmp_path, broker.bootstrap_servers)
        ensure_topics(settings, ["in", "out"])
        place = Place("in", 0)
        with member(settings, "in") as reader, transactional(settings, "name") as sender:
            sender.init_transactions()
            for step in range(4):
                until(reader, lambda: reader.membership() is not None)
                for now in range(4):
                    if now == step:
                        broker.stop()
                        broker.start()
                        until(reader, lambda: reader.membership() is not None)
                    match now:
                        case 0:
                            sender.begin_transaction()
                            sender.send("out", b"%d" % step)
                        case 1:
                            sender.flush()
                        case 2:
                            group = reader.membership()
                            assert group is not None
                            sender.send_offsets_to_transaction({place: step + 1}, group)
                        case 3:
                            sender.commit_transaction()
                assert reader.committed(place) == step + 1
        assert values(all_of(settings, "out")) == [b"0", b"1", b"2", b"3"]


def test_a_connection_that_the_broker_closes_for_idleness_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "PROPERTIES", broker_module.PROPERTIES + "connections.max.idle.ms=500\n")
    with Broker(tmp_path / "kafka") as broker:
        settings = config(tmp_path, broker.bootstrap_servers)
        ensure_topics(settings, ["out"])
        with transactional(settings, "name") as sender:
            sender.init_transactions()
            for number in range(2):
                time.sleep(3)
                sender.begin_transaction()
                sender.send("out", b"%d" % number)
                time.sleep(3)
                sender.flush()
                time.sleep(3)
                sender.commit_transaction()
        assert values(all_of(settings, "out")) == [b"0", b"1"]


def test_a_login_that_ends_is_followed_by_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with short_logins(tmp_path, monkeypatch) as settings:
        ensure_topics(settings, ["out"])
        with transactional(settings, "name") as sender:
            assert isinstance(sender, TransactionalProducer)
            sender.init_transactions()
            first = dict(sender._exchange._lines)
            for number in range(10):
                sender.begin_transaction()
                sender.send("out", b"%d" % number)
                time.sleep(0.4)
                sender.flush()
                time.sleep(0.4)
                sender.commit_transaction()
            assert sender._exchange._lines.keys() == first.keys()
            assert all(line is not first[node] for node, line in sender._exchange._lines.items())
        assert values(all_of(settings, "out")) == [b"%d" % number for number in range(10)]


def test_offsets_that_are_sent_ahead_are_committed_or_taken_back(tmp_path: Path) -> None:
    with Broker(tmp_path / "kafka") as broker:
        settings, place = config(tmp_path, broker.bootstrap_servers), Place("in", 0)
        ensure_topics(settings, ["in", "out"])
        with member(settings, "in") as reader, transactional(settings, "name") as sender:
            sender.init_transactions()
            until(reader, lambda: reader.membership() is not None)
            group = reader.membership()
            assert group is not None

            def transact(number: int) -> None:
                sender.send("out", b"%d" % number)
                sender.send_offsets_to_transaction({place: number}, group)
                sender.commit_transaction()
                assert reader.committed(place) == number

            assert not sender.begin_with_offsets({place: 9}, group)  # nobody knows yet who takes them
            sender.begin_transaction()
            transact(1)
            assert sender.begin_with_offsets({place: 2}, group)
            transact(2)
            assert sender.begin_with_offsets({place: 9}, group)
            sender.abort_transaction()
            assert reader.committed(place) == 2
            assert sender.begin_with_offsets({place: 3}, group)
            sender.flush()
            transact(3)
            assert sender.begin_with_offsets({place: 4}, group)
            broker.stop()
            broker.start()
            until(reader, lambda: reader.membership() is not None)
            sender.send("out", b"4")
            sender.commit_transaction()
            assert reader.committed(place) == 4
        assert values(all_of(settings, "out")) == [b"1", b"2", b"3", b"4"]


@contextmanager
def taking_turns(settings: Config, topic: str) -> Iterator[tuple[Consumer, Membership, Producer, Transactions]]:
    """A member of a group that reads the topic, the first of two producers, and their transactions."""
    with (
        member(settings, topic) as reader,
        transactional(settings, topic) as first,
        transactional(settings, f"{topic}.2") as second,
    ):
        until(reader, lambda: reader.membership() is not None)
        group = reader.membership()
        assert group is not None
        transactions = Transactions(first, second)
        transactions.start()
        yield reader, group, first, transactions
        transactions.close()


def test_what_was_offered_counts_only_when_its_answers_are_begun(two: Config, topic: str) -> None:
    place, other = Place(topic, 0), Place(topic, 1)
    output = unique("out")
    ensure_topics(two, [output])
    with taking_turns(two, topic) as (reader, group, _, transactions):

        def begin(number: int) -> None:
            transactions.begin([Outgoing(output, None, b"%d" % number, [])], {place: number}, group)
            transactions.settle()

        for number in (1, 2):
            begin(number)
        transactions.offer({place: 3}, group)
        begin(3)
        transactions.offer({place: 9, other: 9}, group)
        transactions.take_back()
        transactions.take_back()
        begin(4)
        assert (reader.committed(place), reader.committed(other)) == (4, None)
    assert sorted(values(all_of(two, output))) == [b"1", b"2", b"3", b"4"]


def test_offsets_are_not_offered_before_those_of_the_transaction_under_way_are_taken(two: Config, topic: str) -> None:
    place, output = Place(topic, 0), unique("out")
    ensure_topics(two, [output])
    with taking_turns(two, topic) as (reader, group, first, transactions):
        take = first.send_offsets_to_transaction
        go_on = threading.Event()

        def take_late(*arguments: Any) -> None:
            assert go_on.wait(PATIENCE_S)
            take(*arguments)

        for number in range(1, 7):
            if number == 5:
                first.send_offsets_to_transaction = take_late  # type: ignore[method-assign]
            else:
                transactions.offer({place: number}, group)  # from the third on there is a connection for them
            if number == 6:
                time.sleep(0.5)
                go_on.set()
            transactions.settle()
            time.sleep(0.5)  # until the broker has marked what is committed, it takes nothing of that producer
            transactions.begin([Outgoing(output, None, b"%d" % number, [])], {place: number}, group)
        transactions.settle()
        assert reader.committed(place) == 6
    assert sorted(values(all_of(two, output))) == [b"%d" % number for number in range(1, 7)]


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a broker that knows the first protocol only."""
    with Broker(tmp_path_factory.mktemp("older")) as broker:
        with KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers) as admin:
            admin.update_features({FEATURE: (UpdateFeatureType.SAFE_DOWNGRADE, 1)})
        yield broker.bootstrap_servers


def test_before_kafka_4_it_is_the_librarys_own(older: str, tmp_path: Path) -> None:
    settings, place = config(tmp_path, older), Place("in", 0)
    ensure_topics(settings, ["in", "out"])
    with member(settings, "in") as reader, transactional(settings, "name") as sender:
        assert isinstance(sender, PythonProducer)
        until(reader, lambda: reader.membership() is not None)
        group = reader.membership()
        assert group is not None
        sender.init_transactions()
        for number, end in enumerate([sender.commit_transaction, sender.abort_transaction], 1):
            sender.begin_transaction()
            sender.send_within([Outgoing("out", b"k", b"%d" % number, [])])
            sender.send_offsets_to_transaction({place: number}, group)
            end()
            assert reader.committed(place) == 1
    assert values(all_of(settings, "out")) == [b"1"]
