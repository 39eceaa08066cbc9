"""The pure-Python client, kafka-python, as it is published: slower than the default, and nothing to build.

It does not keep all of what ``interface`` promises: docs/how-it-works.md says where it differs.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.errors import (
    BrokerResponseError,
    CommitFailedError,
    CorruptRecordError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    LogTruncationError,
    NodeNotReadyError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    ProducerFencedError,
)
from kafka.structs import MemberState

from penstock.jobs.kafka.codes import KIND
from penstock.jobs.kafka.errors import (
    Fenced,
    KafkaFailure,
    LostPartitions,
    OffsetGone,
    Unanswered,
    Unreadable,
    translating,
)
from penstock.jobs.kafka.interface import ANSWER_MS, Consumer, Delivery, Headers, Membership, Place, Producer, Sent

# at a finer level kafka-python writes every request into the log, that of a login with its password, too
logging.getLogger("kafka").setLevel(logging.INFO)

_SHARED = {
    # after a broker's restart a client is back within a second, not within Kafka's 30
    "reconnect_backoff_max_ms": 1_000,
}
#: Nobody reads kafka-python's own metrics, and they are a third of a small transaction's work.
_UNMEASURED = {"metrics_enabled": False}
_CONSUMER = {**_UNMEASURED, "max_poll_records": 20_000}
_PRODUCER = {**_UNMEASURED, "max_block_ms": ANSWER_MS}
#: Seconds after which a join that no poll has seen the end of begins anew.
REJOIN_S = 3.0

#: Errors that are kafka-python's own and ours, the first that fits; the brokers' are told by their codes.
_KINDS: tuple[tuple[type[KafkaError], type[KafkaFailure]], ...] = (
    (KafkaTimeoutError, Unanswered),
    (KafkaConnectionError, Unanswered),
    (NodeNotReadyError, Unanswered),
    (CommitFailedError, LostPartitions),
)


def failure(error: KafkaError) -> KafkaFailure:
    """What kafka-python raised, as ours."""
    if ProducerFencedError.__name__ in repr(error):  # calls after the first only quote it
        return Fenced(bare(error))
    if isinstance(error, OffsetOutOfRangeError) and error.args and isinstance(error.args[0], Mapping):
        (place, offset), *_ = error.args[0].items()
        return OffsetGone(place.topic, place.partition, offset)
    if isinstance(error, LogTruncationError):
        # a topic that was made anew, or lost its newest records: up to that offset both logs are the same
        (place, same), *_ = error.divergent_offsets.items()
        return OffsetGone(place.topic, place.partition, 0 if same is None else same.offset)
    for kind, ours in _KINDS:
        if isinstance(error, kind):
            return ours(bare(error))
    if isinstance(error, BrokerResponseError) and error.errno in KIND:
        return KIND[error.errno](bare(error))
    return KafkaFailure(str(error))


def bare(error: Exception) -> str:
    """Its text without the name of its class, where there is one."""
    return str(error.args[0]) if error.args and error.args[0] else type(error).__name__


_ours = translating(KafkaError, failure)


@_ours
def connect(
    kind: type[KafkaAdminClient | KafkaConsumer | KafkaProducer], options: Mapping[str, Any], answer_ms: int
) -> Any:
    """One of kafka-python's clients; what a failed one has begun is ended: its own constructor leaves it running.

    Raises Unanswered, without a reason, when no broker lets it in within ``answer_ms``.
    """
    begun = []

    def network(**settings: Any) -> Any:
        begun.append(kind.DEFAULT_CONFIG["kafka_client"](**settings))
        return begun[-1]

    try:
        return kind(**{**_SHARED, **options}, bootstrap_timeout_ms=answer_ms, kafka_client=network)
    except BaseException:
        for client in begun:
            client.close()
        raise


class Record(NamedTuple):
    """``interface.Record``."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]

    def carries(self, name: str, value: bytes) -> bool:
        """Is this header among the record's?"""
        return (name, value) in self.headers


def _record(theirs: Any) -> Record:
    return Record(
        theirs.topic, theirs.partition, theirs.offset, theirs.timestamp, theirs.key, theirs.value, theirs.headers
    )


class PythonConsumer(Consumer):
    """``interface.Consumer`` on kafka-python. ``options``: Kafka's own, with underscores, and the login's."""

    def __init__(self, topics: Iterable[str], options: Mapping[str, Any], answer_ms: int) -> None:
        self.group_id: str | None = options.get("group_id")
        self._reset = options["auto_offset_reset"]
        # by itself it would replace a position that no longer exists, too
        self._options = {**_CONSUMER, **options, "auto_offset_reset": "none"}
        self._client = connect(KafkaConsumer, self._options, answer_ms)
        self._topics = list(topics)
        #: What cannot be read, until somebody seeks past it.
        self._unreadable: Unreadable | None = None
        #: Since when a join is seen under way, in monotonic seconds.
        self._joining: float | None = None
        if self._topics:
            self._client.subscribe(self._topics)

    @_ours
    def poll(self, timeout_ms: float, max_records: int = _CONSUMER["max_poll_records"]) -> dict[Place, list[Record]]:
        if self._unreadable is not None:  # kafka-python itself would never return from another poll
            raise self._unreadable
        try:
            polled = self._client.poll(timeout_ms=timeout_ms, max_records=max_records)
        except NoOffsetForPartitionError as error:
            self._begin(error)
            return {}
        except CorruptRecordError as error:
            raise self._locate(error) from error
        except KafkaError:
            raise
        except Exception as error:  # each codec has errors of its own
            raise self._locate(error) from error
        self._see_to_the_join()
        return {Place(*place): list(map(_record, records)) for place, records in polled.items()}

    def _locate(self, error: Exception) -> KafkaFailure:
        """Where records cannot be read. kafka-python does not say it: another consumer reads each partition alone."""
        with connect(KafkaConsumer, {**self._options, "group_id": None, "group_instance_id": None}, ANSWER_MS) as probe:
            for place in self._client.assignment():
                why = _unreadable(probe, place, self._client.position(place, timeout_ms=ANSWER_MS))
                if why is not None:
                    offset = self._client.position(place)
                    self._unreadable = Unreadable(place.topic, place.partition, offset, offset, why)
                    return self._unreadable
        return KafkaFailure(f"records cannot be read: {error}")

    def _see_to_the_join(self) -> None:
        """Begins a join anew that goes on and on.

        kafka-python loses the outcome of one that a new partition has caused when it takes longer than one poll:
        the member would neither read nor say that it lives.
        """
        if not self._topics or self._client.group_metadata().state != MemberState.REBALANCING:
            self._joining = None
        elif self._joining is None:
            self._joining = time.monotonic()
        elif time.monotonic() > self._joining + REJOIN_S:
            self._joining = None
            self._client.unsubscribe()
            self._client.subscribe(self._topics)

    def _begin(self, error: NoOffsetForPartitionError) -> None:
        """Puts partitions without a committed offset where the options say; with ``"none"`` somebody has yet to say."""
        if self._reset == "none":
            return
        places = [Place(*place) for place in error.args[0]]
        ask = self.beginning_offsets if self._reset == "earliest" else self.end_offsets
        for place, offset in ask(places).items():
            self.seek(place, offset)

    @_ours
    def places(self, topic: str) -> list[Place]:
        return [Place(topic, number) for number in sorted(self._client.partitions_for_topic(topic))]

    @_ours
    def assign(self, places: Iterable[Place]) -> None:
        chosen = [TopicPartition(*place) for place in places]
        for topic in {place.topic for place in chosen}:
            self._client.partitions_for_topic(topic)  # by itself it may never ask where they are
        self._unreadable = None
        self._client.assign(chosen)

    def assignment(self) -> set[Place]:
        return {Place(*place) for place in self._client.assignment()}

    def membership(self) -> Membership | None:
        now = self._client.group_metadata()
        return Membership((now.generation_id, now.member_id), now) if now.state == MemberState.STABLE else None

    @_ours
    def seek(self, place: Place, offset: int) -> None:
        if self._unreadable is not None and place == (self._unreadable.topic, self._unreadable.partition):
            self._unreadable = None
        self._client.seek(TopicPartition(*place), offset)

    @_ours
    def position(self, place: Place) -> int:
        try:
            return int(self._client.position(TopicPartition(*place), timeout_ms=ANSWER_MS))
        except NoOffsetForPartitionError as error:
            if self._reset == "none":
                raise
            self._begin(error)
            return int(self._client.position(TopicPartition(*place), timeout_ms=ANSWER_MS))

    @_ours
    def committed(self, place: Place, timeout_ms: int = ANSWER_MS) -> int | None:
        found: int | None = self._client.committed(TopicPartition(*place), timeout_ms=timeout_ms)
        return found

    @_ours
    def commit(self, offsets: Mapping[Place, int], timeout_ms: int = ANSWER_MS) -> None:
        self._client.commit(_offsets(offsets), timeout_ms=timeout_ms)

    @_ours
    def beginning_offsets(self, places: Iterable[Place], timeout_ms: int = ANSWER_MS) -> dict[Place, int]:
        return _places(self._client.beginning_offsets([TopicPartition(*place) for place in places], timeout_ms))

    @_ours
    def end_offsets(self, places: Iterable[Place], timeout_ms: int = ANSWER_MS) -> dict[Place, int]:
        return _places(self._client.end_offsets([TopicPartition(*place) for place in places], timeout_ms))

    @_ours
    def offsets_for_times(self, times: Mapping[Place, int], timeout_ms: int = ANSWER_MS) -> dict[Place, int | None]:
        asked = {TopicPartition(*place): time for place, time in times.items()}
        found = self._client.offsets_for_times(asked, timeout_ms)
        return {Place(*place): each.offset if each is not None else None for place, each in found.items()}

    def close(self, timeout_ms: int = ANSWER_MS) -> None:
        self._client.close(timeout_ms=timeout_ms)


def _unreadable(probe: Any, place: TopicPartition, offset: int) -> str | None:
    """Why the partition's records cannot be read from this offset on; None where they can."""
    probe.assign([place])
    probe.seek(place, offset)
    try:
        if offset < probe.end_offsets([place], ANSWER_MS)[place]:
            probe.poll(timeout_ms=ANSWER_MS, max_records=1)
    except Exception as error:
        return f"{type(error).__name__}: {bare(error)}"
    return None


class PythonDelivery(Delivery):
    """``interface.Delivery`` on kafka-python."""

    __slots__ = ("_future",)

    def __init__(self, future: Any) -> None:
        self._future = future

    @_ours
    def get(self, timeout: float) -> Sent:
        found = self._future.get(timeout)
        return Sent(found.topic, found.partition, found.offset)


class PythonProducer(Producer):
    """``interface.Producer`` on kafka-python. ``options``: Kafka's own, with underscores, and the login's."""

    def __init__(self, options: Mapping[str, Any], answer_ms: int) -> None:
        self._client = connect(KafkaProducer, {**_PRODUCER, **options}, answer_ms)
        self._delivery_s = (self._client.config["delivery_timeout_ms"] + ANSWER_MS) / 1000
        self._in_transaction: list[PythonDelivery] | None = None

    @_ours
    def send(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        headers: Headers | None = None,
        *,
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> PythonDelivery:
        delivery = PythonDelivery(self._client.send(topic, value, key, headers, partition, timestamp_ms))
        if self._in_transaction is not None:
            self._in_transaction.append(delivery)
        return delivery

    @_ours
    def flush(self) -> None:
        self._client.flush(self._delivery_s)

    @_ours
    def init_transactions(self) -> None:
        self._client.init_transactions()

    @_ours
    def begin_transaction(self) -> None:
        self._client.begin_transaction()
        self._in_transaction = []

    @_ours
    def send_offsets_to_transaction(self, offsets: Mapping[Place, int], member: Membership) -> None:
        self._client.send_offsets_to_transaction(_offsets(offsets), member.metadata)

    @_ours
    def commit_transaction(self) -> None:
        # kafka-python commits without a batch that it has given up for lack of time
        for delivery in self._in_transaction or ():
            delivery.get(self._delivery_s)
        self._client.commit_transaction()
        self._in_transaction = None

    @_ours
    def abort_transaction(self) -> None:
        self._in_transaction = None
        self._client.abort_transaction()

    @_ours
    def close(self, timeout_ms: int | None = None) -> None:
        self._client.close(timeout=None if timeout_ms is None else timeout_ms / 1000)


def _offsets(offsets: Mapping[Place, int]) -> dict[TopicPartition, OffsetAndMetadata]:
    return {TopicPartition(*place): OffsetAndMetadata(offset, "") for place, offset in offsets.items()}


def _places(offsets: Mapping[TopicPartition, int]) -> dict[Place, int]:
    return {Place(*place): offset for place, offset in offsets.items()}
