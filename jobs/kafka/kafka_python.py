"""The default client, kafka-python: pure Python, nothing to build."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.errors import (
    BrokerResponseError,
    CommitFailedError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NodeNotReadyError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    ProducerFencedError,
)
from kafka.net.compat import KafkaNetClient
from kafka.structs import MemberState

from penstock.jobs.kafka.codes import KIND
from penstock.jobs.kafka.connections import telling_client
from penstock.jobs.kafka.errors import (
    Fenced,
    KafkaFailure,
    LostPartitions,
    OffsetGone,
    Unanswered,
    Unreadable,
    translating,
)
from penstock.jobs.kafka.fetching import unhurried
from penstock.jobs.kafka.interface import ANSWER_MS, Consumer, Headers, Membership, Place, Producer, Receipt, Sent
from penstock.jobs.kafka.lean import DamagedBatchError, Record, lean
from penstock.jobs.kafka.membership import steadfast

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
    if isinstance(error, DamagedBatchError):
        return Unreadable(error.place.topic, error.place.partition, error.offset, error.last, error.why)
    for kind, ours in _KINDS:
        if isinstance(error, kind):
            return ours(bare(error))
    if isinstance(error, BrokerResponseError) and error.errno in KIND:
        return KIND[error.errno](bare(error))
    return KafkaFailure(str(error))


def bare(error: Exception) -> str:
    """Its text without the name of its class, where there is one."""
    return str(error.args[0]) if error.args and error.args[0] else type(error).__name__


ours = translating(KafkaError, failure)


@ours
def connect(kind: Callable[..., Any], options: Mapping[str, Any], answer_ms: int = ANSWER_MS) -> Any:
    """One of kafka-python's clients; what a failed one has begun is ended: its own constructor leaves it running.

    Raises Unanswered, with the reason, when no broker answers within ``answer_ms``, and LoginRefused.
    """
    begun: list[KafkaNetClient] = []

    def connections(**settings: Any) -> KafkaNetClient:
        begun.append(telling_client(**settings))
        return begun[-1]

    try:
        return kind(**{**_SHARED, **options}, bootstrap_timeout_ms=answer_ms, kafka_client=connections)
    except BaseException as error:
        for client in begun:
            client.close()
        reason = begun[0]._manager.failure if begun else None
        if isinstance(error, KafkaTimeoutError) and reason is not None:
            raise KafkaTimeoutError(bare(reason)) from None
        raise


class PythonConsumer(Consumer):
    """``interface.Consumer`` on kafka-python. ``options``: Kafka's own, with underscores, and the login's."""

    def __init__(self, topics: Iterable[str], options: Mapping[str, Any], answer_ms: int) -> None:
        self.group_id: str | None = options.get("group_id")
        self._reset = options["auto_offset_reset"]
        # by itself it would replace a position that no longer exists, too
        named = {**_CONSUMER, **options, "auto_offset_reset": "none"}
        self._client = unhurried(steadfast(lean(connect(KafkaConsumer, named, answer_ms))))
        if topics:
            self._client.subscribe(list(topics))

    @ours
    def poll(self, timeout_ms: float, max_records: int = _CONSUMER["max_poll_records"]) -> dict[Place, list[Record]]:
        try:
            found: dict[Place, list[Record]] = self._client.poll(timeout_ms=timeout_ms, max_records=max_records)
        except NoOffsetForPartitionError as error:
            self._begin(error)
            return {}
        return found

    def _begin(self, error: NoOffsetForPartitionError) -> None:
        """Puts partitions without a committed offset where the options say; with ``"none"`` somebody has yet to say."""
        if self._reset == "none":
            return
        places = [Place(*place) for place in error.args[0]]
        ask = self.beginning_offsets if self._reset == "earliest" else self.end_offsets
        for place, offset in ask(places).items():
            self.seek(place, offset)

    @ours
    def places(self, topic: str) -> list[Place]:
        return [Place(topic, number) for number in sorted(self._client.partitions_for_topic(topic))]

    @ours
    def assign(self, places: Iterable[Place]) -> None:
        chosen = [TopicPartition(*place) for place in places]
        for topic in {place.topic for place in chosen}:
            self._client.partitions_for_topic(topic)  # by itself it may never ask where they are
        self._client.assign(chosen)

    def assignment(self) -> set[Place]:
        return {Place(*place) for place in self._client.assignment()}

    def membership(self) -> Membership | None:
        now = self._client.group_metadata()
        return Membership((now.generation_id, now.member_id), now) if now.state == MemberState.STABLE else None

    @ours
    def seek(self, place: Place, offset: int) -> None:
        self._client.seek(TopicPartition(*place), offset)

    @ours
    def position(self, place: Place) -> int:
        try:
            return int(self._client.position(TopicPartition(*place), timeout_ms=ANSWER_MS))
        except NoOffsetForPartitionError as error:
            if self._reset == "none":
                raise
            self._begin(error)
            return int(self._client.position(TopicPartition(*place), timeout_ms=ANSWER_MS))

    @ours
    def committed(self, place: Place, timeout_ms: int = ANSWER_MS) -> int | None:
        found: int | None = self._client.committed(TopicPartition(*place), timeout_ms=timeout_ms)
        return found

    @ours
    def commit(self, offsets: Mapping[Place, int], timeout_ms: int = ANSWER_MS) -> None:
        self._client.commit(_offsets(offsets), timeout_ms=timeout_ms)

    @ours
    def beginning_offsets(self, places: Iterable[Place], timeout_ms: int = ANSWER_MS) -> dict[Place, int]:
        return _places(self._client.beginning_offsets([TopicPartition(*place) for place in places], timeout_ms))

    @ours
    def end_offsets(self, places: Iterable[Place], timeout_ms: int = ANSWER_MS) -> dict[Place, int]:
        return _places(self._client.end_offsets([TopicPartition(*place) for place in places], timeout_ms))

    @ours
    def offsets_for_times(self, times: Mapping[Place, int], timeout_ms: int = ANSWER_MS) -> dict[Place, int | None]:
        asked = {TopicPartition(*place): time for place, time in times.items()}
        found = self._client.offsets_for_times(asked, timeout_ms)
        return {Place(*place): each.offset if each is not None else None for place, each in found.items()}

    def close(self, timeout_ms: int = ANSWER_MS) -> None:
        self._client.close(timeout_ms=timeout_ms)


class PythonReceipt(Receipt):
    """``interface.Receipt`` on kafka-python."""

    __slots__ = ("_future",)

    def __init__(self, future: Any) -> None:
        self._future = future

    @ours
    def get(self, timeout: float) -> Sent:
        found = self._future.get(timeout)
        return Sent(found.topic, found.partition, found.offset)


class PythonProducer(Producer):
    """``interface.Producer`` on kafka-python. ``options``: Kafka's own, with underscores, and the login's."""

    def __init__(self, options: Mapping[str, Any], answer_ms: int) -> None:
        self._client = connect(KafkaProducer, {**_PRODUCER, **options}, answer_ms)
        self._delivery_s = (self._client.config["delivery_timeout_ms"] + ANSWER_MS) / 1000
        self._in_transaction: list[PythonReceipt] | None = None

    @ours
    def send(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        headers: Headers | None = None,
        *,
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> PythonReceipt:
        receipt = PythonReceipt(self._client.send(topic, value, key, headers, partition, timestamp_ms))
        if self._in_transaction is not None:
            self._in_transaction.append(receipt)
        return receipt

    @ours
    def flush(self) -> None:
        self._client.flush(self._delivery_s)

    @ours
    def init_transactions(self) -> None:
        self._client.init_transactions()

    @ours
    def begin_transaction(self) -> None:
        self._client.begin_transaction()
        self._in_transaction = []

    @ours
    def send_offsets_to_transaction(self, offsets: Mapping[Place, int], member: Membership) -> None:
        self._client.send_offsets_to_transaction(_offsets(offsets), member.metadata)

    @ours
    def commit_transaction(self) -> None:
        # kafka-python commits without a batch that it has given up for lack of time
        for receipt in self._in_transaction or ():
            receipt.get(self._delivery_s)
        self._client.commit_transaction()
        self._in_transaction = None

    @ours
    def abort_transaction(self) -> None:
        self._in_transaction = None
        self._client.abort_transaction()

    @ours
    def close(self, timeout_ms: int | None = None) -> None:
        self._client.close(timeout=None if timeout_ms is None else timeout_ms / 1000)


def _offsets(offsets: Mapping[Place, int]) -> dict[TopicPartition, OffsetAndMetadata]:
    return {TopicPartition(*place): OffsetAndMetadata(offset, "") for place, offset in offsets.items()}


def _places(offsets: Mapping[TopicPartition, int]) -> dict[Place, int]:
    return {Place(*place): offset for place, offset in offsets.items()}
