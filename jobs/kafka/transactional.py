"""A transaction in two exchanges with the cluster, on the thread that asks for it.

kafka-python's own transactional producer announces partitions and offsets before it sends them, through a queue and a
thread of its own. Since Kafka 4 records and offsets announce themselves, and each end of a transaction gives the
producer a new epoch, so that what comes late counts for nothing (KIP-890: the second transaction protocol). Here is
that one: of a transaction's four exchanges two are left, and no thread but the caller's takes part.

Records and offsets for one broker are under way together. Brokers are asked one after the other: their coordinator
takes up one partition at a time, and has a broker that comes meanwhile ask again after 20 ms.
"""

from __future__ import annotations

import sys
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import randrange
from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka.errors import (
    CommitFailedError,
    DuplicateSequenceNumberError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    MessageSizeTooLargeError,
    UnknownMemberIdError,
    for_code,
)
from kafka.partitioner.default import murmur2
from kafka.protocol.metadata import CoordinatorType
from kafka.protocol.producer import EndTxnRequest, InitProducerIdRequest, ProduceRequest, TxnOffsetCommitRequest
from kafka.record import MemoryRecordsBuilder
from kafka.record.default_records import DefaultRecordBatchBuilder

from penstock.jobs.kafka.exchange import Exchange, check
from penstock.jobs.kafka.interface import ANSWER_MS, Headers, Membership, Place, Producer, Receipt, Sent
from penstock.jobs.kafka.kafka_python import PythonProducer, ours

#: The cluster's feature, and its level from which records and offsets announce themselves.
FEATURE, LEVEL = "transaction.version", 2
#: The format of records, and what one takes at most beside its key, value and headers.
_FORMAT, _FRAME = 2, 21


@ours
def transactional_producer(options: Mapping[str, Any], answer_ms: int) -> Producer:
    """A producer with ``options["transactional_id"]``: kafka-python's own where the cluster is of before Kafka 4.

    Raises as ``kafka_python.connect`` does.
    """
    exchange = Exchange(options, answer_ms)
    try:
        level = exchange.persist(partial(exchange.level, FEATURE), answer_ms / 1000)
    except BaseException:
        exchange.close(0)
        raise
    if level >= LEVEL:
        return TransactionalProducer(exchange, options)
    exchange.close(0)
    return PythonProducer(options, answer_ms)


@dataclass(eq=False, slots=True)
class _Chunk:
    """Records that go into a partition together; ``offset``: where the first of them came to lie.

    A record without a timestamp gets that of the moment in which it is packed.
    """

    records: list[tuple[int | None, bytes | None, bytes | None, Headers]] = field(default_factory=list)
    size: int = 0
    offset: int = -1


class TransactionalReceipt(Receipt):
    """``interface.Receipt``: asking for it has the records sent."""

    __slots__ = ("_chunk", "_number", "_place", "_producer")

    def __init__(self, producer: TransactionalProducer, place: TopicPartition, chunk: _Chunk, number: int) -> None:
        self._producer, self._place, self._chunk, self._number = producer, place, chunk, number

    def get(self, timeout: float) -> Sent:
        if self._chunk.offset < 0:
            self._producer.flush(timeout)
        return Sent(self._place.topic, self._place.partition, self._chunk.offset + self._number)


class TransactionalProducer(Producer):
    """``interface.Producer``, in transactions only: it keeps records until they are asked after, or offsets or the
    end are sent. For one thread at a time.
    """

    def __init__(self, exchange: Exchange, options: Mapping[str, Any]) -> None:
        named = {**KafkaProducer.DEFAULT_CONFIG, **options}
        self._exchange = exchange
        self._id = named["transactional_id"]
        self._timeout_ms = named["transaction_timeout_ms"]
        self._within_s = named["delivery_timeout_ms"] / 1000
        self._chunk_size = named["batch_size"]
        self._codec = KafkaProducer._COMPRESSORS[named["compression_type"]][1]
        self._longest = named["max_request_size"]
        self._persist = exchange.persist
        self._producer, self._epoch = -1, -1
        #: How many partitions the topics have, as far as this transaction needed it.
        self._partitions: dict[str, int] = {}
        #: Is there a transaction, and does the cluster know of it?
        self._begun, self._announced = False, False
        self._chunks: dict[TopicPartition, deque[_Chunk]] = {}
        self._offsets: TxnOffsetCommitRequest | None = None
        #: Has the cluster been asked to take the offsets, and not answered?
        self._ahead = False
        #: Records of this epoch that each partition has taken.
        self._taken: defaultdict[TopicPartition, int] = defaultdict(int)

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
    ) -> TransactionalReceipt:
        if not self._begun:
            raise IllegalStateError("a record of no transaction")
        record = (timestamp_ms, key, value, headers or [])
        size = DefaultRecordBatchBuilder.size_of(*record[1:]) + _FRAME
        if size > self._longest:
            raise MessageSizeTooLargeError(f"a record of {size} bytes, of {self._longest} at most")
        place = TopicPartition(topic, self._partition(topic, key) if partition is None else partition)
        chunk = self._chunk(place, size)
        chunk.records.append(record)
        chunk.size += size
        return TransactionalReceipt(self, place, chunk, len(chunk.records) - 1)

    def _partition(self, topic: str, key: bytes | None) -> int:
        """That of kafka-python, and of Java's clients: equal keys lie together."""
        count = self._partitions.get(topic)
        if count is None:
            count = self._partitions[topic] = self._persist(partial(self._exchange.partitions, topic), ANSWER_MS / 1000)
        return randrange(count) if key is None else (murmur2(key) & 0x7FFFFFFF) % count

    def _chunk(self, place: TopicPartition, size: int) -> _Chunk:
        """The one that has room for so many bytes more."""
        chunks = self._chunks.setdefault(place, deque())
        if not chunks or chunks[-1].size + size > self._chunk_size:
            chunks.append(_Chunk())
        return chunks[-1]

    @ours
    def flush(self, within_s: float | None = None) -> None:
        while self._chunks or self._offsets is not None:
            self._persist(self._send, self._within_s if within_s is None else within_s)

    @ours
    def init_transactions(self) -> None:
        self._persist(self._init, self._within_s)

    @ours
    def begin_transaction(self) -> None:
        if self._begun:
            raise IllegalStateError("a transaction is open")
        self._begun = True

    @ours
    def begin_with_offsets(self, offsets: Mapping[Place, int], member: Membership) -> bool:
        request = self._offsets_of(offsets, member)
        self._ahead = self._exchange.begin_to_ask(CoordinatorType.GROUP, request.group_id, request)
        if self._ahead:
            self.begin_transaction()
            self._announced, self._offsets = True, request
        return self._ahead

    @ours
    def send_offsets_to_transaction(self, offsets: Mapping[Place, int], member: Membership) -> None:
        if not self._ahead:
            self._offsets = self._offsets_of(offsets, member)
        self.flush()

    def _offsets_of(self, offsets: Mapping[Place, int], member: Membership) -> TxnOffsetCommitRequest:
        topics: defaultdict[str, list[Any]] = defaultdict(list)
        for (topic, partition), offset in offsets.items():
            topics[topic].append(_Offset(partition_index=partition, committed_offset=offset, committed_metadata=""))
        group = member.metadata
        return TxnOffsetCommitRequest(
            transactional_id=self._id,
            group_id=group.group_id,
            producer_id=self._producer,
            producer_epoch=self._epoch,
            generation_id=group.generation_id,
            member_id=group.member_id,
            group_instance_id=group.group_instance_id,
            topics=[_Offsets(name=name, partitions=each) for name, each in topics.items()],
            min_version=5,
            max_version=5,
        )

    @ours
    def commit_transaction(self) -> None:
        self.flush()
        self._end(committed=True)

    @ours
    def abort_transaction(self) -> None:
        self._end(committed=False)

    def close(self, timeout_ms: int | None = None) -> None:
        self._exchange.close(self._within_s if timeout_ms is None else timeout_ms / 1000)

    # -- exchanges -----------------------------------------------------------------------------------------------

    def _init(self) -> None:
        request = InitProducerIdRequest(
            transactional_id=self._id,
            transaction_timeout_ms=self._timeout_ms,
            producer_id=-1,
            producer_epoch=-1,
            max_version=5,
        )
        self._renew(request)

    def _renew(self, request: Any) -> None:
        """Has the coordinator begin an epoch, in which no record has been sent yet."""
        node = self._exchange.coordinator(CoordinatorType.TRANSACTION, self._id)
        (answer,) = self._exchange.ask(node, request)
        check(answer.error_code)
        self._producer, self._epoch = answer.producer_id, answer.producer_epoch
        self._taken.clear()

    def _send(self) -> None:
        """Sends the first chunk of each partition, and the offsets behind the last unless they are on their way."""
        asked: defaultdict[int, list[tuple[Any, Callable[[Any], None]]]] = defaultdict(list)
        ahead, self._ahead = self._ahead, False
        if ahead:
            self._ask_for_offsets(asked)
        firsts: defaultdict[int, dict[TopicPartition, _Chunk]] = defaultdict(dict)
        for place, chunks in self._chunks.items():
            firsts[self._exchange.leader(place)][place] = chunks[0]
        for node, each in firsts.items():
            asked[node].append((self._records_of(each), self._records_taken))
        if not ahead:
            self._ask_for_offsets(asked)
        self._announced = True
        for node, requests in asked.items():
            answers = self._exchange.ask(node, *(request for request, _ in requests))
            for answer, (_, take) in zip(answers, requests, strict=True):
                take(answer)

    def _ask_for_offsets(self, asked: Mapping[int, list[tuple[Any, Callable[[Any], None]]]]) -> None:
        if self._offsets is not None:
            node = self._exchange.coordinator(CoordinatorType.GROUP, self._offsets.group_id)
            asked[node].append((self._offsets, self._offsets_taken))

    def _records_of(self, chunks: Mapping[TopicPartition, _Chunk]) -> ProduceRequest:
        topics: defaultdict[str, list[Any]] = defaultdict(list)
        for place, chunk in chunks.items():
            topics[place.topic].append(_Records(index=place.partition, records=self._packed(place, chunk)))
        return ProduceRequest(
            transactional_id=self._id,
            acks=-1,
            timeout_ms=ANSWER_MS,
            topic_data=[_Topic(name=name, partition_data=each) for name, each in topics.items()],
            min_version=12,
            max_version=12,
        )

    def _packed(self, place: TopicPartition, chunk: _Chunk) -> bytes:
        packed = MemoryRecordsBuilder(
            _FORMAT,
            self._codec,
            sys.maxsize,  # the chunk has its own bound
            transactional=True,
            producer_id=self._producer,
            producer_epoch=self._epoch,
            base_sequence=self._taken[place],
        )
        for record in chunk.records:
            packed.append(*record)
        packed.close()
        return packed.buffer()  # type: ignore[no-any-return]

    def _records_taken(self, answer: Any) -> None:
        failed: KafkaError | None = None
        for topic in answer.responses:
            for each in topic.partition_responses:
                try:
                    self._chunk_taken(TopicPartition(topic.name, each.index), each)
                except KafkaError as error:
                    failed = error
        if failed is not None:
            raise failed

    def _chunk_taken(self, place: TopicPartition, answer: Any) -> None:
        if for_code(answer.error_code) is not DuplicateSequenceNumberError:  # taken at the first try, unanswered
            check(answer.error_code)
        chunks = self._chunks[place]
        chunk = chunks.popleft()
        chunk.offset = answer.base_offset
        self._taken[place] += len(chunk.records)
        if not chunks:
            del self._chunks[place]

    def _offsets_taken(self, answer: Any) -> None:
        for topic in answer.topics:
            for each in topic.partitions:
                if for_code(each.error_code) in (IllegalGenerationError, UnknownMemberIdError):
                    raise CommitFailedError("the group has given the partitions to another member")
                check(each.error_code)
        self._offsets = None

    def _end(self, committed: bool) -> None:
        if self._announced:
            self._persist(partial(self._end_announced, committed), self._within_s)
        self._begun = self._announced = self._ahead = False
        self._chunks.clear()
        self._partitions.clear()
        self._offsets = None

    def _end_announced(self, committed: bool) -> None:
        request = EndTxnRequest(
            transactional_id=self._id,
            producer_id=self._producer,
            producer_epoch=self._epoch,
            committed=committed,
            min_version=5,
            max_version=5,
        )
        self._renew(request)


_Topic = ProduceRequest.TopicProduceData
_Records = _Topic.PartitionProduceData
_Offsets = TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic
_Offset = _Offsets.TxnOffsetCommitRequestPartition
