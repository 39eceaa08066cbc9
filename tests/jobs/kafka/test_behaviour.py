"""What jobs rely on, the same with every client, against a real broker."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import get_args

import pytest
from kafka import KafkaAdminClient

from penstock.features.errors import PenstockError
from penstock.jobs.kafka import broker as broker_module
from penstock.jobs.kafka.broker import Broker
from penstock.jobs.kafka.clients import answering, consumer, ensure_topics, producer
from penstock.jobs.kafka.errors import (
    Fenced,
    KafkaFailure,
    LostPartitions,
    OffsetGone,
    Unanswered,
    Unreadable,
    WrongTime,
)
from penstock.jobs.kafka.interface import Consumer, Outgoing, Place, Producer, Record
from penstock.jobs.kafka.loss import loss_of
from penstock.jobs.kafka.whole import WholeTopics
from penstock.jobs.process.ports import free_port
from penstock.jobs.project.config import Config, KafkaConfig
from tests.jobs.disturbed import add_partitions, delete_before
from tests.jobs.kafka.damage import spoil_batches
from tests.kafka_broker import Kafka
from tests.projects import config, unique

CLIENTS = get_args(KafkaConfig.model_fields["client"].annotation)
ALL = {"isolation_level": "read_uncommitted"}
#: Clients whose ``poll`` raises Fenced. kafka-python keeps what the heartbeats are told to itself: of a member whose
#: name another has taken it refuses the next commit and the next transaction.
POLL_FENCES = ("confluent",)
#: So that a group's changes are seen soon.
HEART = {"heartbeat_interval_ms": 200}
#: So that new partitions are seen soon.
METADATA = {"metadata_max_age_ms": 200}
#: Longer than anything that goes well, in seconds.
PATIENCE_S = 30.0


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def settings(kafka: Kafka, tmp_path: Path, client: str) -> Config:
    return config(tmp_path, kafka.servers, client=client)


@pytest.fixture
def two(kafka: Kafka, tmp_path: Path, client: str) -> Config:
    """With topics of two partitions."""
    return config(tmp_path, kafka.servers, client=client, partitions=2)


@pytest.fixture
def topic(settings: Config, request: pytest.FixtureRequest) -> str:
    name = unique("topic")
    ensure_topics(request.getfixturevalue("two") if "two" in request.fixturenames else settings, [name])
    return name


def send(settings: Config, topic: str, *values: bytes, partition: int = 0) -> None:
    with producer(settings) as sender:
        for value in values:
            sender.send(topic, value, partition=partition)


def until(
    reader: Consumer,
    enough: Callable[[], bool],
    take: Callable[[Record], None] = lambda record: None,
    poll_ms: float = 100,
) -> None:
    """Polls until it is enough."""
    deadline = time.monotonic() + PATIENCE_S
    while not enough():
        assert time.monotonic() < deadline
        for records in reader.poll(poll_ms).values():
            for record in records:
                take(record)


def read(reader: Consumer, count: int) -> list[Record]:
    """So many records at least."""
    found: list[Record] = []
    until(reader, lambda: len(found) >= count, found.append)
    return found


def all_of(settings: Config, topic: str, **options: object) -> list[Record]:
    """Everything in a topic, to its present end."""
    found: list[Record] = []
    with consumer(settings, None, **options) as reader:
        reader.assign(reader.places(topic))
        ends = reader.end_offsets(reader.places(topic))
        until(reader, lambda: all(reader.position(place) >= end for place, end in ends.items()), found.append)
    return found


def values(records: list[Record]) -> list[bytes | None]:
    return [record.value for record in records]


def transactional(settings: Config, name: str, **options: object) -> Producer:
    return producer(settings, transactional_id=name, transaction_timeout_ms=10_000, **options)


# -- records -------------------------------------------------------------------------------------------------------


def test_a_partition_is_read_in_the_order_in_which_it_was_sent(settings: Config, topic: str) -> None:
    sent = [b"%d" % number for number in range(5_000)]
    send(settings, topic, *sent)
    found = all_of(settings, topic)
    assert values(found) == sent
    assert [record.offset for record in found] == list(range(5_000))


def test_no_more_records_come_at_once_than_are_asked_for(settings: Config, topic: str) -> None:
    send(settings, topic, *[b"x"] * 20)
    with consumer(settings, [topic]) as reader:
        sizes: list[int] = []
        while sum(sizes) < 20:
            sizes.append(sum(map(len, reader.poll(1_000, 7).values())))
    assert max(sizes) == 7


def test_a_record_comes_back_as_it_was_sent(settings: Config, topic: str) -> None:
    headers = [("name", b"one"), ("né", b""), ("name", b"two"), ("raw", bytes(range(256)))]
    with producer(settings) as sender:
        receipt = sender.send(topic, b"value", b"key", headers, partition=0, timestamp_ms=1_234_567_890_123)
        assert receipt.get(PATIENCE_S) == (topic, 0, 0)
    (record,) = all_of(settings, topic)
    assert (record.topic, record.partition, record.offset) == (topic, 0, 0)
    assert (record.key, record.value, record.timestamp) == (b"key", b"value", 1_234_567_890_123)
    assert list(record.headers) == headers
    assert record.carries("name", b"two") and record.carries("né", b"")
    assert not record.carries("name", b"three") and not record.carries("other", b"one")


@pytest.mark.parametrize("sent", [(None, b"v"), (b"k", None), (b"", b"v"), (b"k", b""), (b"", b"")])
def test_no_key_and_an_empty_one_are_different_and_so_are_values(
    settings: Config, topic: str, sent: tuple[bytes | None, bytes | None]
) -> None:
    key, value = sent
    with producer(settings) as sender:
        sender.send(topic, value, key)
    (record,) = all_of(settings, topic)
    assert (record.key, record.value, list(record.headers)) == (key, value, [])


def test_times_are_those_of_the_records(settings: Config, topic: str) -> None:
    times = [5, 1_700_000_000_000, 4, 1_700_000_000_000 + 70]
    before = int(time.time() * 1000)
    with producer(settings) as sender:
        for at in times:
            sender.send(topic, b"x", timestamp_ms=at)
        sender.send(topic, b"now")
    found = [record.timestamp for record in all_of(settings, topic)]
    assert found[:-1] == times
    assert before <= found[-1] <= time.time() * 1000


def test_a_large_record_and_one_that_is_too_large(settings: Config, topic: str) -> None:
    large = bytes(1_000_000)
    with producer(settings, compression_type=None) as sender:
        sender.send(topic, large).get(PATIENCE_S)
        with pytest.raises(KafkaFailure):
            sender.send(topic, bytes(1_100_000)).get(PATIENCE_S)
        sender.send(topic, b"small").get(PATIENCE_S)
    with producer(settings, max_request_size=2 << 20) as sender:
        # compressed it is small enough for the topic
        sender.send(topic, bytes(1_100_000)).get(PATIENCE_S)
    assert values(all_of(settings, topic)) == [large, b"small", bytes(1_100_000)]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_every_codec_is_read_whichever_client_has_written_it(
    kafka: Kafka, tmp_path: Path, settings: Config, topic: str, codec: str
) -> None:
    # more than Kafka's producers put into a batch by themselves, and than a codec's first buffer
    sent = [b"%d " % number * 50_000 for number in range(20)]
    for client in CLIENTS:
        with producer(config(tmp_path, kafka.servers, client=client), compression_type=codec) as sender:
            for value in sent:
                sender.send(topic, value)
    assert values(all_of(settings, topic)) == sent * len(CLIENTS)


def test_a_record_that_is_too_far_ahead_is_refused_for_its_time(settings: Config, topic: str) -> None:
    ahead_ms = int((time.time() + 2 * 86_400) * 1000)
    with (
        producer(settings) as sender,
        pytest.raises(PenstockError, match=r"refuses a record's time(.|\n)*clock"),
        answering(settings),
    ):
        sender.send(topic, b"v", timestamp_ms=ahead_ms).get(PATIENCE_S)
    with transactional(settings, topic) as sender:
        sender.init_transactions()
        sender.begin_transaction()
        sender.send(topic, b"v", timestamp_ms=ahead_ms)
        with pytest.raises(WrongTime):
            sender.commit_transaction()
        sender.abort_transaction()
    assert not all_of(settings, topic)


def test_equal_keys_lie_in_one_partition_whatever_the_client(kafka: Kafka, tmp_path: Path) -> None:
    found = {}
    for client in CLIENTS:
        settings, topic = config(tmp_path, kafka.servers, client=client, partitions=5), unique("keys")
        ensure_topics(settings, [topic])
        with producer(settings) as sender:
            for number in range(100):
                sender.send(topic, b"x", b"key %d" % number)
        found[client] = {record.key: record.partition for record in all_of(settings, topic)}
    first, *others = found.values()
    assert len(set(first.values())) > 1
    assert all(other == first for other in others)


# -- where reading begins --------------------------------------------------------------------------------------------


def test_without_a_group_all_partitions_are_read_from_where_the_options_say(two: Config, topic: str) -> None:
    send(two, topic, b"a", b"b")
    send(two, topic, b"c", partition=1)
    with consumer(two, [topic]) as first, consumer(two, [topic], auto_offset_reset="latest") as last:
        assert sorted(map(str, values(read(first, 3)))) == ["b'a'", "b'b'", "b'c'"]
        until(last, lambda: len(last.assignment()) == 2)
        assert sum(last.position(place) for place in last.assignment()) == 3
        send(two, topic, b"new")
        assert values(read(last, 1)) == [b"new"]


def test_a_group_goes_on_at_what_it_has_committed(settings: Config, topic: str) -> None:
    send(settings, topic, b"a", b"b", b"c")
    place = Place(topic, 0)
    with consumer(settings, [topic], group_id=topic) as reader:
        assert values(read(reader, 3)) == [b"a", b"b", b"c"]
        assert reader.committed(place) is None  # nothing is committed by itself
        reader.commit({place: 2})
        assert reader.committed(place) == 2
    with consumer(settings, [topic], group_id=topic) as reader:
        assert values(read(reader, 1)) == [b"c"]
    with consumer(settings, None, group_id=topic) as reader:
        reader.assign([place])
        assert reader.position(place) == 2
        assert values(read(reader, 1)) == [b"c"]


def test_reading_goes_on_where_it_is_told_to(two: Config, topic: str) -> None:
    send(two, topic, *[b"%d" % number for number in range(10)])
    send(two, topic, b"other", partition=1)
    with consumer(two, None) as reader:
        first, second = reader.places(topic)
        reader.assign([first, second])
        reader.seek(first, 7)
        assert sorted(filter(None, values(read(reader, 4)))) == [b"7", b"8", b"9", b"other"]
        assert (reader.position(first), reader.position(second)) == (10, 1)
        reader.seek(first, 9)
        assert values(read(reader, 1)) == [b"9"]
        reader.seek(second, 0)
        assert values(read(reader, 1)) == [b"other"]


def test_bounds_of_a_topic(two: Config, topic: str) -> None:
    send(two, topic, b"a", b"b")
    with consumer(two, None) as reader:
        places = reader.places(topic)
        assert places == [(topic, 0), (topic, 1)]
        assert reader.beginning_offsets(places) == {places[0]: 0, places[1]: 0}
        assert reader.end_offsets(places) == {places[0]: 2, places[1]: 0}


def test_where_records_of_a_time_begin(two: Config, topic: str) -> None:
    times = [1_000, 2_000, 2_000, 3_000]
    with producer(two) as sender:
        for at in times:
            sender.send(topic, b"x", partition=0, timestamp_ms=at)
    with consumer(two, None) as reader:
        first, empty = reader.places(topic)
        found = [reader.offsets_for_times({first: at, empty: at}) for at in (0, 1_000, 1_001, 3_000, 3_001)]
        assert [each[first] for each in found] == [0, 0, 1, 3, None]
        assert {each[empty] for each in found} == {None}


def test_a_member_that_is_told_where_to_begin_reads_nothing_before(settings: Config, topic: str) -> None:
    send(settings, topic, b"a", b"b")
    with consumer(settings, [topic], group_id=topic, auto_offset_reset="none") as reader:
        assert reader.membership() is None
        until(reader, lambda: reader.membership() is not None)
        assert not reader.poll(300)
        assert reader.assignment() == {(topic, 0)}
        reader.seek(Place(topic, 0), 1)
        assert values(read(reader, 1)) == [b"b"]


def test_an_offset_that_is_not_there_is_named(settings: Config, topic: str) -> None:
    send(settings, topic, b"a")
    with consumer(settings, None, auto_offset_reset="none") as reader:
        reader.assign([Place(topic, 0)])
        reader.seek(Place(topic, 0), 5)
        with pytest.raises(OffsetGone, match=f"{topic}-0 has no offset 5") as caught:
            read(reader, 1)
    assert (caught.value.topic, caught.value.partition, caught.value.offset) == (topic, 0, 5)


@pytest.mark.parametrize("reset", ["earliest", "latest"])
def test_a_position_that_retention_has_passed_is_never_replaced(two: Config, topic: str, reset: str) -> None:
    place = Place(topic, 0)
    send(two, topic, *[b"%d" % number for number in range(10)])
    with consumer(two, None, group_id=topic, auto_offset_reset=reset) as reader:
        reader.assign(reader.places(topic))
        reader.seek(place, 0)
        assert len(read(reader, 10)) == 10
        reader.commit({place: 2})
    delete_before(two, topic, {0: 5})
    with consumer(two, None, group_id=topic, auto_offset_reset=reset) as reader:
        reader.assign(reader.places(topic))
        with pytest.raises(OffsetGone) as caught:
            read(reader, 1)
        assert (caught.value.partition, caught.value.offset) == (0, 2)
        loss = loss_of(reader, caught.value)
        assert (loss.missing, loss.first, loss.end) == (3, 5, 10)
        assert str(loss) == f"3 offsets of {topic}-0 no longer exist before they were read (2 to 4)"
        reader.seek(place, loss.first)
        assert values(read(reader, 5)) == [b"%d" % number for number in range(5, 10)]


def test_partitions_that_are_added_are_read_from_their_beginning(settings: Config, topic: str) -> None:
    send(settings, topic, b"a")
    with consumer(settings, None) as reader:
        whole = WholeTopics(reader, [topic], every_s=0.0)
        assert values(read(reader, 1)) == [b"a"]
        add_partitions(settings, topic, 3)
        until(reader, lambda: bool(whole.look()))
        send(settings, topic, b"b", partition=2)
        send(settings, topic, b"c")
        assert sorted(map(str, values(read(reader, 2)))) == ["b'b'", "b'c'"]
        assert reader.position(Place(topic, 0)) == 2
        assert not whole.look()


def test_a_topic_that_does_not_exist_has_no_partitions_and_takes_nothing(settings: Config) -> None:
    missing = unique("missing")
    with consumer(settings, None) as reader:
        assert reader.places(missing) == []
    with pytest.raises(PenstockError, match="Kafka"), answering(settings), producer(settings) as sender:
        sender.send(missing, b"x").get(PATIENCE_S)
    with consumer(settings, None) as reader:
        assert reader.places(missing) == []


# -- transactions ----------------------------------------------------------------------------------------------------


def test_readers_of_committed_records_see_whole_transactions_only(settings: Config, topic: str) -> None:
    with transactional(settings, topic) as sender:
        sender.init_transactions()
        for number in range(4):
            sender.begin_transaction()
            for part in (b"a", b"b"):
                sender.send(topic, b"%d" % number + part)
            sender.flush()
            (sender.abort_transaction if number % 2 else sender.commit_transaction)()
    assert values(all_of(settings, topic)) == [b"0a", b"0b", b"2a", b"2b"]
    assert len(all_of(settings, topic, **ALL)) == 8


def test_an_open_transaction_is_not_read_beyond(settings: Config, topic: str) -> None:
    place = Place(topic, 0)
    send(settings, topic, b"before")
    with transactional(settings, topic) as sender, consumer(settings, [topic]) as reader:
        sender.init_transactions()
        sender.begin_transaction()
        sender.send(topic, b"open")
        sender.flush()
        send(settings, topic, b"after")
        assert values(read(reader, 1)) == [b"before"]
        assert not reader.poll(300)
        assert reader.end_offsets([place]) == {place: 1}
        sender.commit_transaction()
        assert values(read(reader, 2)) == [b"open", b"after"]


def test_a_transaction_keeps_the_order_of_each_partition_and_tells_where_a_record_lies(two: Config, topic: str) -> None:
    numbers = random.Random(1)
    sent = [
        (b"%d" % numbers.randrange(9), b"%d " % n + numbers.randbytes(numbers.randrange(2_000))) for n in range(2_000)
    ]
    with transactional(two, topic) as sender:
        sender.init_transactions()
        sender.begin_transaction()
        first = sender.send(topic, b"first", partition=1)
        sender.send_within(Outgoing(topic, key, value, [("n", value[:4])]) for key, value in sent)
        sender.commit_transaction()
        assert first.get(PATIENCE_S) == (topic, 1, 0)
        sender.begin_transaction()
        sender.commit_transaction()  # an empty one
    found = [record for record in all_of(two, topic) if record.key is not None]
    assert len({record.partition for record in found}) == 2
    for key in {key for key, _ in sent}:
        assert [record.value for record in found if record.key == key] == [value for k, value in sent if k == key]
    assert all(record.carries("n", (record.value or b"")[:4]) for record in found)


def member(settings: Config, topic: str, **options: object) -> Consumer:
    return consumer(settings, [topic], group_id=topic, auto_offset_reset="none", **{**HEART, **options})


def test_offsets_are_committed_with_the_records_or_not_at_all(settings: Config, topic: str) -> None:
    place = Place(topic, 0)
    with member(settings, topic) as reader, transactional(settings, topic) as sender:
        until(reader, lambda: reader.membership() is not None)
        group = reader.membership()
        assert group is not None
        sender.init_transactions()
        for number, end in enumerate([sender.commit_transaction, sender.abort_transaction], 1):
            sender.begin_transaction()
            sender.send(topic, b"%d" % number)
            sender.send_offsets_to_transaction({place: number}, group)
            end()
            assert reader.committed(place) == 1
    assert values(all_of(settings, topic)) == [b"1"]


def test_a_groups_offset_waits_for_the_transaction_that_is_about_to_set_it(settings: Config, topic: str) -> None:
    place = Place(topic, 0)
    with member(settings, topic) as reader, transactional(settings, topic) as sender:
        until(reader, lambda: reader.membership() is not None)
        group = reader.membership()
        assert group is not None
        sender.init_transactions()
        sender.begin_transaction()
        sender.send_offsets_to_transaction({place: 7}, group)
        later = threading.Timer(1, sender.commit_transaction)
        later.start()
        assert reader.committed(place) == 7
        later.join()


def test_new_partitions_are_taken_up_however_short_the_polls(settings: Config, topic: str, client: str) -> None:
    with (
        member(settings, topic, **METADATA) as reader,
        KafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers) as admin,
    ):
        until(reader, lambda: len(reader.assignment()) == 1, poll_ms=1)
        for partitions in (2, 3, 4):
            admin.create_partitions({topic: partitions})
            until(reader, lambda count=partitions: len(reader.assignment()) == count, poll_ms=1)


@pytest.mark.filterwarnings("ignore:Producer abort_transaction failed:RuntimeWarning")
def test_a_former_process_of_the_same_name_is_fenced(settings: Config, topic: str) -> None:
    former, later = transactional(settings, topic), transactional(settings, topic)
    former.init_transactions()
    former.begin_transaction()
    former.send(topic, b"former")
    former.flush()
    later.init_transactions()
    with pytest.raises(Fenced):
        former.send(topic, b"more").get(PATIENCE_S)
        former.commit_transaction()
    later.begin_transaction()
    later.send(topic, b"later")
    later.commit_transaction()
    later.close()
    former.close(0)
    assert values(all_of(settings, topic)) == [b"later"]


def test_answers_of_a_former_member_are_refused_and_the_producer_goes_on(settings: Config, topic: str) -> None:
    place = Place(topic, 0)
    with member(settings, topic) as former, transactional(settings, topic) as sender:
        until(former, lambda: former.membership() is not None)
        group = former.membership()
        assert group is not None
        sender.init_transactions()
        with member(settings, topic) as other, polled(other):
            until(former, lambda: former.membership() not in (None, group))
            sender.begin_transaction()
            sender.send(topic, b"void")
            with pytest.raises(LostPartitions):
                sender.send_offsets_to_transaction({place: 1}, group)
            sender.abort_transaction()
        sender.begin_transaction()
        sender.send(topic, b"good")
        sender.commit_transaction()
        assert former.committed(place) is None
    assert values(all_of(settings, topic)) == [b"good"]


class polled:
    """A consumer that is polled on a thread for as long as the block lasts, and what it reads."""

    def __init__(self, reader: Consumer) -> None:
        self.found: list[Record] = []
        self._reader, self._stop = reader, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            for records in self._reader.poll(50).values():
                self.found += records

    def __enter__(self) -> polled:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()


# -- groups ----------------------------------------------------------------------------------------------------------


def test_two_members_share_the_partitions_and_one_takes_over_the_others(two: Config, topic: str) -> None:
    with member(two, topic) as first:
        until(first, lambda: len(first.assignment()) == 2)
        alone = first.membership()
        with member(two, topic) as second, polled(second):
            until(first, lambda: len(first.assignment()) == len(second.assignment()) == 1)
            assert first.membership() not in (None, alone)
            assert first.assignment() | second.assignment() == {(topic, 0), (topic, 1)}
        until(first, lambda: len(first.assignment()) == 2)


def test_one_that_has_taken_the_name_fences_the_other(settings: Config, topic: str, client: str) -> None:
    names = {"group_instance_id": topic}
    with member(settings, topic, **names) as former:
        until(former, lambda: former.membership() is not None)
        with member(settings, topic, **names) as later:
            until(later, lambda: later.membership() is not None)
            with pytest.raises(Fenced):
                until(former, lambda: False) if client in POLL_FENCES else former.commit({Place(topic, 0): 0})


# -- without a broker --------------------------------------------------------------------------------------------------


def test_a_new_client_says_in_time_that_nobody_answers(tmp_path: Path, client: str) -> None:
    nobody = config(tmp_path, f"127.0.0.1:{free_port()}", client=client)
    for make in (lambda: consumer(nobody, ["any"], answer_ms=2_000), lambda: producer(nobody, answer_ms=2_000)):
        with pytest.raises(PenstockError, match=r"Kafka does not answer: .*([Rr]efused|REFUSED)") as caught:
            make()
        assert caught.value.where == nobody.kafka.bootstrap_servers
        assert caught.value.hint


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Broker]:
    """A broker that a test may stop."""
    with Broker(tmp_path / "kafka") as broker:
        yield broker


def test_a_broker_that_goes_away_is_missed_in_time_and_found_again(mortal: Broker, tmp_path: Path, client: str) -> None:
    settings, topic = config(tmp_path, mortal.bootstrap_servers, client=client), "topic"
    ensure_topics(settings, [topic])
    place = Place(topic, 0)
    quick = {"delivery_timeout_ms": 2_000, "request_timeout_ms": 1_000}
    with consumer(settings, None, group_id="group") as reader, producer(settings, **quick) as sender:
        reader.assign([place])
        sender.send(topic, b"a").get(PATIENCE_S)
        read(reader, 1)
        with frozen(mortal):
            began = time.monotonic()
            assert not any(reader.poll(20) for _ in range(5))
            assert time.monotonic() < began + 2
        mortal.stop()
        assert not reader.poll(500)  # a broker's restart is no failure
        with pytest.raises(Unanswered):
            sender.send(topic, b"lost").get(10)
        for ask in (
            lambda: reader.commit({place: 1}, 1_000),
            lambda: reader.committed(place, 1_000),
            lambda: reader.end_offsets([place], 1_000),
            lambda: reader.offsets_for_times({place: 0}, 1_000),
        ):
            with pytest.raises(Unanswered):
                ask()
        mortal.start()
        sender.send(topic, b"b").get(PATIENCE_S)
        assert values(read(reader, 1)) == [b"b"]
        reader.commit({place: 2})


@contextmanager
def frozen(broker: Broker) -> Iterator[None]:
    """It stands still for as long as the block lasts."""
    pid = broker.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_transaction_survives_a_restart_of_the_broker_and_closed_connections_at_each_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    monkeypatch.setattr(broker_module, "PROPERTIES", broker_module.PROPERTIES + "connections.max.idle.ms=1000\n")
    place = Place("in", 0)
    with Broker(tmp_path / "kafka") as broker:
        settings = config(tmp_path, broker.bootstrap_servers, client=client)
        ensure_topics(settings, ["in", "out"])

        def idle() -> None:
            time.sleep(2)

        def restart() -> None:
            broker.stop()
            broker.start()

        with member(settings, "in") as reader, transactional(settings, "name") as sender:
            sender.init_transactions()
            disturbances = [*((idle, step) for step in range(4)), (restart, 1), (restart, 3)]
            for number, (disturb, step) in enumerate(disturbances):
                for now in range(4):
                    if now == step:
                        disturb()
                    until(reader, lambda: reader.membership() is not None)
                    match now:
                        case 0:
                            sender.begin_transaction()
                            sender.send("out", b"%d" % number)
                        case 1:
                            sender.flush()
                        case 2:
                            group = reader.membership()
                            assert group is not None
                            sender.send_offsets_to_transaction({place: number + 1}, group)
                        case 3:
                            sender.commit_transaction()
                # kafka-python may answer with what it had asked before the commit
                until(reader, lambda wanted=number + 1: reader.committed(place) == wanted)
        assert values(all_of(settings, "out")) == [b"%d" % number for number in range(6)]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_records_that_cannot_be_decompressed_are_named_and_gone_past(
    damaged: Broker, tmp_path: Path, client: str, codec: str
) -> None:
    settings = config(tmp_path, damaged.bootstrap_servers, client=client)
    found: list[int] = []
    lost: list[int] = []
    with consumer(settings, None) as reader:
        reader.assign([Place(codec, 0)])
        while len(found) + len(lost) < 7:
            try:
                found += [record.offset for records in reader.poll(1_000).values() for record in records]
            except Unreadable as error:
                assert reader.position(Place(codec, 0)) == error.offset
                lost += range(error.offset, error.last + 1)
                reader.seek(Place(codec, 0), error.last + 1)
    assert (found, lost) == ([0, 1, 5, 6], [2, 3, 4])


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker with a topic for each codec, in which the second of three batches is damaged."""
    folder = tmp_path_factory.mktemp("damaged")
    codecs = ("gzip", "snappy", "lz4", "zstd")
    with Broker(folder) as broker:
        settings = config(folder, broker.bootstrap_servers)
        ensure_topics(settings, codecs)
        for codec in codecs:
            for count, compression in ((2, None), (3, codec), (2, None)):
                with producer(settings, compression_type=compression, linger_ms=200) as sender:
                    for _ in range(count):
                        sender.send(codec, bytes(100))
        broker.stop()
        for codec in codecs:
            assert spoil_batches(folder, codec) == [(2, 4)]
        broker.start()
        yield broker


def test_a_broker_that_dies_amid_questions_leaves_them_unanswered(mortal: Broker, tmp_path: Path, client: str) -> None:
    settings, place = config(tmp_path, mortal.bootstrap_servers, client=client), Place("topic", 0)
    ensure_topics(settings, ["topic"])
    with consumer(settings, None, group_id="group") as reader:
        reader.assign([place])
        reader.seek(place, 0)  # what is committed here has no record
        reader.commit({place: 0})
        dies = threading.Timer(0.3, os.kill, [mortal.status().pid, signal.SIGKILL])
        dies.start()
        asked, unanswered, deadline = 0, 0, time.monotonic() + 3
        while time.monotonic() < deadline:
            asked += 1
            try:
                reader.commit({place: asked}, 500)
                reader.poll(0)
            except Unanswered:
                unanswered += 1
        dies.join()
        assert asked > unanswered > 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # kafka-python's own end fails once more
def test_closing_needs_no_broker(mortal: Broker, tmp_path: Path, client: str) -> None:
    settings = config(tmp_path, mortal.bootstrap_servers, client=client)
    ensure_topics(settings, ["topic"])
    reader, sender = member(settings, "topic"), transactional(settings, "name")
    until(reader, lambda: reader.membership() is not None)
    sender.init_transactions()
    sender.begin_transaction()
    sender.send("topic", b"taken").get(PATIENCE_S)
    mortal.stop()
    sender.send("topic", b"never taken")
    closing = threading.Thread(target=lambda: (reader.close(1_000), failing(lambda: sender.close(1_000))))
    closing.start()
    closing.join(PATIENCE_S)
    assert not closing.is_alive()


def failing(work: Callable[[], None]) -> None:
    """Does what may end in a failure of Kafka's."""
    with suppress(KafkaFailure):
        work()
