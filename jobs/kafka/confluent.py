"""The default client, confluent-kafka: librdkafka, written in C."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from penstock.jobs.kafka.codes import KIND
from penstock.jobs.kafka.errors import (
    Fenced,
    KafkaFailure,
    LoginRefused,
    LostPartitions,
    OffsetGone,
    Unanswered,
    UnknownTopic,
    Unreadable,
    translating,
)
from penstock.jobs.kafka.interface import (
    ANSWER_MS,
    CLOSE_MS,
    Consumer,
    Delivery,
    Headers,
    Membership,
    Outgoing,
    Place,
    Producer,
    Sent,
)

_log = logging.getLogger(__name__)
# it takes back what a fenced process has begun, and cannot; that is the reason for which it was closed
warnings.filterwarnings("ignore", "Producer abort_transaction failed during close", RuntimeWarning)

_SHARED = {
    # after a broker's restart a client is back within a second, not within ten
    "reconnect.backoff.max.ms": 1_000,
    "socket.timeout.ms": ANSWER_MS,
    # it writes to stderr by itself; what matters of it comes as errors, too
    "log_level": 0,
}
_CONSUMER = {
    "enable.auto.offset.store": False,
    # the only way to learn of offsets that hold no record, such as the end mark of a transaction
    "enable.partition.eof": True,
    "check.crcs": True,
    # a second otherwise, whenever a reader is slower than Kafka
    "fetch.queue.backoff.ms": 10,
    "fetch.error.backoff.ms": 100,
}
_PRODUCER = {
    # as kafka-python and Kafka's own producer choose a key's partition; librdkafka has another way of its own
    "partitioner": "murmur2_random",
    "message.max.bytes": 1 << 20,
    "topic.metadata.propagation.max.ms": ANSWER_MS,
}
_TRANSACTIONAL = {
    # offsets whose coordinator has left the cluster wait until any connection changes, beyond all limits of time
    # (librdkafka's issues 5511 and 5456): one that is idle must do so before the transaction's time is up
    "connections.max.idle.ms": 4_000,
}
#: librdkafka wants a group's name of every consumer; that of one without a group is never used.
_NO_GROUP = "penstock.none"
#: Who is no member has no session, but its commits wait for a broker as long as one lasts.
_NO_MEMBER = {"session.timeout.ms": 3_000, "heartbeat.interval.ms": 1_000}
#: After which Kafka itself takes a transaction back, unless the options say another time.
_TRANSACTION_MS = 60_000
#: How long one look for an answer of a new client's cluster takes, in seconds, until the reasons are looked at.
_LOOK_S = 0.2
#: Until a question is asked again that the cluster cannot answer yet, in seconds.
_AGAIN_S = 0.02

#: Errors that are librdkafka's own and ours; the brokers' are told by their codes.
_KINDS: dict[type[KafkaFailure], tuple[str, ...]] = {
    LoginRefused: ("_AUTHENTICATION",),
    UnknownTopic: ("_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION"),
    Unanswered: (
        "_TIMED_OUT",
        "_TIMED_OUT_QUEUE",
        "_MSG_TIMED_OUT",
        "_TRANSPORT",
        "_ALL_BROKERS_DOWN",
        "_RESOLVE",
        "_WAIT_COORD",
    ),
    LostPartitions: ("_ASSIGNMENT_LOST",),
    Fenced: ("_FENCED",),
}
#: A partition or a group is about to have a leader, or a transaction is about to set the group's offset.
_SOON = {
    KafkaError.UNSTABLE_OFFSET_COMMIT,
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError._WAIT_COORD,
    KafkaError._TRANSPORT,
    KafkaError._UNKNOWN_PARTITION,
}
#: A batch has another checksum than it says, or cannot be decompressed.
_DAMAGED = {KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION}
_R = TypeVar("_R")
_KIND: dict[int, type[KafkaFailure]] = KIND | {
    getattr(KafkaError, name): kind for kind, names in _KINDS.items() for name in names
}


def failure(error: KafkaError) -> KafkaFailure:
    """What librdkafka reports, as ours."""
    return _KIND.get(error.code(), KafkaFailure)(error.str())


_ours = translating(KafkaException, lambda error: failure(error.args[0]))


class _Calls:
    """Calls of a client that take their time. It must not be ended within one: that ends the whole process."""

    def __init__(self) -> None:
        self.one = threading.Lock()

    def end(self, close: Callable[[], Any], seconds: float) -> None:
        """Closes the client, which has no time limit of its own, and waits for it only so long.

        One that is within a call is left to itself.
        """
        if self.one.acquire(timeout=seconds):
            # a daemon: a process must be able to end meanwhile
            thread = threading.Thread(target=close, name="kafka close", daemon=True)
            thread.start()
            thread.join(seconds)

    def bounded(self, call: Callable[[], Any], seconds: float) -> None:
        """Makes a call that has no time limit of its own, and waits for it only so long.

        One that is still under way then goes on by itself, and lets none begin before it has ended: the next commit
        must not be overtaken by it. Raises Unanswered.
        """
        if not self.one.acquire(timeout=seconds):
            raise Unanswered("the last request has no answer yet")
        done: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        threading.Thread(target=self._make, args=(call, done), name="kafka call", daemon=True).start()
        try:
            error = done.get(timeout=seconds)
        except queue.Empty:
            raise Unanswered(f"no answer within {seconds:.1f} s") from None
        if error is not None:
            raise error

    def _make(self, call: Callable[[], Any], done: queue.SimpleQueue[BaseException | None]) -> None:
        error: BaseException | None = None
        try:
            call()
        except BaseException as raised:
            error = raised
        finally:
            self.one.release()
            done.put(error)


def _persistently(ask: Callable[[float], _R], timeout_ms: int) -> _R:
    """The answer to a question that is given the seconds left, asked again while the cluster is about to have one."""
    deadline = time.monotonic() + timeout_ms / 1000
    while True:
        try:
            return ask(max(0.0, deadline - time.monotonic()))
        except KafkaException as error:
            if error.args[0].code() not in _SOON:
                raise
            if time.monotonic() > deadline:
                raise Unanswered(error.args[0].str()) from None
        time.sleep(_AGAIN_S)


class _Notes:
    """What librdkafka says of itself: why it has no connection, and what it cannot go on after."""

    def __init__(self) -> None:
        self.reason: KafkaError | None = None
        self._final: KafkaError | None = None

    def __call__(self, error: KafkaError) -> None:
        """Notes an error. A refused login would be tried for ever."""
        _log.info("%s", error.str())
        if error.fatal() or error.code() == KafkaError._AUTHENTICATION:
            self._final = error
        elif error.code() != KafkaError._ALL_BROKERS_DOWN:  # the one before says why
            self.reason = error

    def check(self) -> None:
        """Raises what ended the client."""
        if self._final is not None:
            raise failure(self._final)


def _await_answer(client: Any, notes: _Notes, answer_ms: int, ask: Callable[[float], Any]) -> None:
    """Returns when a broker has answered: ``ask`` within so many seconds. Raises Unanswered, with the reason, and
    LoginRefused.
    """
    deadline = time.monotonic() + answer_ms / 1000
    while True:
        with suppress(KafkaException):
            ask(min(_LOOK_S, answer_ms / 1000))
            return
        client.poll(0)  # lets it say its errors
        notes.check()
        if time.monotonic() > deadline:
            raise Unanswered(notes.reason.str() if notes.reason else f"no answer within {answer_ms / 1000:.1f} s")


def require_answer(login: Mapping[str, Any], answer_ms: int) -> None:
    """Returns when a broker lets us in. Raises Unanswered, with the reason, and LoginRefused.

    kafka-python says neither the reason nor that a login was refused.
    """
    notes = _Notes()
    client = confluent_kafka.Producer({**_SHARED, **login, "error_cb": notes})
    _await_answer(client, notes, answer_ms, client.cluster_id)


#: What librdkafka calls otherwise than Kafka.
_RENAMED = {
    "fetch_max_wait_ms": "fetch.wait.max.ms",
    "max_request_size": "message.max.bytes",
    "metadata_max_age_ms": "topic.metadata.refresh.interval.ms",
}


def _dotted(options: Mapping[str, Any]) -> dict[str, Any]:
    # no compression is None in kafka-python, and a word in librdkafka
    words = {name: "none" if value is None else value for name, value in options.items()}
    return {_RENAMED.get(name, name.replace("_", ".")): value for name, value in words.items()}


class Record(NamedTuple):
    """``interface.Record``, its headers made when they are asked for: they cost as much as all the rest."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    message: Any

    @property
    def headers(self) -> list[tuple[str, bytes | None]]:
        """Name and value of each header, in order."""
        return self.message.headers() or []

    def carries(self, name: str, value: bytes) -> bool:
        """Is this header among the record's?"""
        return (name, value) in self.headers


def _record(message: Any) -> Record:
    kind, time = message.timestamp()
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        time if kind else -1,
        message.key(),
        message.value(),
        message,
    )


class ConfluentConsumer(Consumer):
    """``interface.Consumer`` on librdkafka. ``options``: Kafka's own, with underscores; ``login``: with dots."""

    @_ours
    def __init__(
        self, topics: Iterable[str], options: Mapping[str, Any], login: Mapping[str, Any], answer_ms: int
    ) -> None:
        self.group_id: str | None = options.get("group_id")
        self._reset = options["auto_offset_reset"]
        self._notes, self._calls = _Notes(), _Calls()
        self._places: list[Place] = []
        self._positions: dict[Place, int] = {}
        #: What librdkafka says of records that it could not read, by partition.
        self._damaged: dict[Place, Any] = {}
        self._membership: Membership | None = None
        self._numbers = itertools.count()
        # every position is given; by itself it would replace one that no longer exists, too
        reset = {"auto.offset.reset": "error"}
        topics = list(topics)
        self._settings = {**_SHARED, **_CONSUMER, **login, "group.id": _NO_GROUP, **_dotted(options), **reset}
        self._client: Any = self._made({} if topics else _NO_MEMBER)
        #: Asks what a member's group has committed.
        self._visitor: Any = None if topics and self.group_id is not None else self._client
        _begin(self, lambda: _await_answer(self._client, self._notes, answer_ms, self._ask))
        self._subscribe(topics)

    def _made(self, more: Mapping[str, Any]) -> Any:
        return confluent_kafka.Consumer({**self._settings, **more, "error_cb": self._notes})

    def _ask(self, seconds: float) -> None:
        """About a topic that is not there: asked for the cluster's id, librdkafka may be silent for a second."""
        self._client.list_topics(_NO_GROUP, timeout=seconds)

    def _subscribe(self, topics: list[str]) -> None:
        if topics and self.group_id is not None:
            self._client.subscribe(topics, on_assign=self._given, on_revoke=self._taken, on_lost=self._taken)
        elif topics:
            self.assign([place for topic in topics for place in self.places(topic)])

    def _given(self, client: Any, places: list[TopicPartition]) -> None:
        self._membership = Membership(next(self._numbers), client.consumer_group_metadata())
        self._take([Place(place.topic, place.partition) for place in places])

    def _taken(self, client: Any, places: list[TopicPartition]) -> None:
        self._membership = None
        self._places, self._positions, self._damaged = [], {}, {}
        client.unassign()

    def _take(self, places: list[Place]) -> None:
        known = {place: self._positions[place] for place in places if place in self._positions}
        new = [] if self._reset == "none" else [place for place in places if place not in known]
        self._places = places
        self._positions = known | {place: self._first(place) for place in new}
        self._read()

    def _first(self, place: Place) -> int:
        committed = self.committed(place) if self.group_id is not None else None
        if committed is not None:
            return committed
        first, end = self._bounds(place, ANSWER_MS)
        return first if self._reset == "earliest" else end

    def _read(self) -> None:
        """Has librdkafka read from the positions, all anew: it refuses to seek where it does not read yet."""
        self._client.assign([TopicPartition(*place, offset) for place, offset in self._positions.items()])

    @_ours
    def poll(self, timeout_ms: float, max_records: int = 20_000) -> dict[Place, list[Record]]:
        found: dict[Place, list[Record]] = {}
        records: list[Record] = []
        last: tuple[str, int] | None = None
        self._check_damage()
        # asked for several, it would wait for all of them
        first = self._client.poll(timeout_ms / 1000)
        self._notes.check()
        if first is None:
            return found
        rest = self._client.consume(max_records - 1, 0) if max_records > 1 else []
        for message in (first, *rest):
            if message.error() is None:
                record = _record(message)
                if record[:2] in self._damaged:
                    continue
                if record[:2] != last:
                    last = record[:2]
                    records = found.setdefault(Place(*last), [])
                records.append(record)
            elif message.error().code() in _DAMAGED:
                self._damaged.setdefault(Place(message.topic(), message.partition()), message)
            else:
                self._event(message)
        self._notes.check()
        for place, records in found.items():
            self._move(place, records[-1].offset + 1)
        if not found:
            self._check_damage()
        return found

    def _check_damage(self) -> None:
        """Raises what could not be read, once the records before it are given out; what comes after it is read anew."""
        if self._damaged:
            place, message = self._damaged.popitem()
            offset = max(self._positions.get(place, -1), int(message.offset() or -1))
            self.seek(place, offset)
            raise Unreadable(*place, offset, offset, message.error().str())

    def _event(self, message: Message) -> None:
        error, place = message.error(), Place(str(message.topic()), int(message.partition() or 0))
        assert error is not None
        if error.code() == KafkaError._PARTITION_EOF:
            self._move(place, int(message.offset() or 0))
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise OffsetGone(*place, self._positions.get(place, -1))
        elif error.code() == KafkaError._FATAL:  # there is one reason for which a member cannot go on
            raise Fenced(error.str())
        elif error.code() != KafkaError._MAX_POLL_EXCEEDED and not isinstance(failure(error), Unanswered):
            raise failure(error)

    def _move(self, place: Place, offset: int) -> None:
        # what was read before the partition was taken away moves nothing
        if place in self._positions:
            self._positions[place] = max(self._positions[place], offset)

    @_ours
    def places(self, topic: str) -> list[Place]:
        found = self._client.list_topics(topic, timeout=ANSWER_MS / 1000).topics[topic]
        if found.error is not None and not isinstance(failure(found.error), UnknownTopic):
            raise failure(found.error)
        return [Place(topic, number) for number in sorted(found.partitions)]

    @_ours
    def assign(self, places: Iterable[Place]) -> None:
        self._take(list(places))

    def assignment(self) -> set[Place]:
        return set(self._places)

    def membership(self) -> Membership | None:
        return self._membership

    @_ours
    def seek(self, place: Place, offset: int) -> None:
        self._damaged.pop(place, None)
        self._positions[place] = offset
        self._read()

    def position(self, place: Place) -> int:
        return self._positions[place]

    @_ours
    def committed(self, place: Place, timeout_ms: int = ANSWER_MS) -> int | None:
        # asked by a member, the coordinator answers only when the group has its partitions: it takes a connection's
        # requests in turn, and one to join waits for all members. Members that ask would wait for each other
        if self._visitor is None:
            self._visitor = self._made(_NO_MEMBER)

        def ask(left_s: float) -> TopicPartition:
            found: TopicPartition
            (found,) = self._visitor.committed([TopicPartition(*place)], left_s)
            if found.error is not None:
                raise KafkaException(found.error)
            return found

        offset = _persistently(ask, timeout_ms).offset
        return offset if offset >= 0 else None

    @_ours
    def commit(self, offsets: Mapping[Place, int], timeout_ms: int = ANSWER_MS) -> None:
        def ask(left_s: float) -> None:
            # where the broker dies amid it, librdkafka waits for the next one, however long that takes
            self._calls.bounded(lambda: self._client.commit(offsets=_offsets(offsets), asynchronous=False), left_s)

        _persistently(ask, timeout_ms)

    @_ours
    def beginning_offsets(self, places: Iterable[Place], timeout_ms: int = ANSWER_MS) -> dict[Place, int]:
        return {place: self._bounds(place, timeout_ms)[0] for place in places}

    @_ours
    def end_offsets(self, places: Iterable[Place], timeout_ms: int = ANSWER_MS) -> dict[Place, int]:
        return {place: self._bounds(place, timeout_ms)[1] for place in places}

    def _bounds(self, place: Place, timeout_ms: int) -> tuple[int, int]:
        def ask(left_s: float) -> tuple[int, int]:
            found: tuple[int, int] = self._client.get_watermark_offsets(TopicPartition(*place), timeout=left_s)
            return found

        return _persistently(ask, timeout_ms)

    @_ours
    def offsets_for_times(self, times: Mapping[Place, int], timeout_ms: int = ANSWER_MS) -> dict[Place, int | None]:
        def ask(left_s: float) -> dict[Place, int | None]:
            asked = [TopicPartition(*place, time) for place, time in times.items()]
            found: dict[Place, int | None] = {}
            for each in self._client.offsets_for_times(asked, timeout=left_s):
                if each.error is not None:
                    raise KafkaException(each.error)
                found[Place(each.topic, each.partition)] = each.offset if each.offset >= 0 else None
            return found

        return _persistently(ask, timeout_ms)

    def close(self, timeout_ms: int = ANSWER_MS) -> None:
        self._calls.end(self._close_all, timeout_ms / 1000)

    def _close_all(self) -> None:
        self._client.close()
        if self._visitor not in (None, self._client):
            self._visitor.close()


class ConfluentDelivery(Delivery):
    """``interface.Delivery`` on librdkafka."""

    __slots__ = ("_client", "_error", "_sent")

    def __init__(self, client: Any) -> None:
        self._client = client
        self._error: KafkaError | None = None
        self._sent: Sent | None = None

    def delivered(self, error: KafkaError | None, message: Any) -> None:
        """librdkafka's report."""
        self._error = error
        self._sent = Sent(message.topic(), message.partition(), message.offset())

    @_ours
    def get(self, timeout: float) -> Sent:
        deadline = time.monotonic() + timeout
        while self._sent is None:
            left = deadline - time.monotonic()
            if left < 0:
                raise Unanswered(f"the record was not taken within {timeout:.0f} s")
            self._client.poll(min(left, _LOOK_S))  # another thread may get the report meanwhile
        if self._error is not None:
            raise failure(self._error)
        return self._sent


class ConfluentProducer(Producer):
    """``interface.Producer`` on librdkafka. ``options``: Kafka's own, with underscores; ``login``: with dots."""

    @_ours
    def __init__(self, options: Mapping[str, Any], login: Mapping[str, Any], answer_ms: int) -> None:
        self._notes, self._calls = _Notes(), _Calls()
        named = _dotted(options)
        if "transactional.id" in named:
            named = {**_TRANSACTIONAL, **named}
        if (longest := named.get("transaction.timeout.ms")) is not None:
            # librdkafka refuses a record that may be on its way for longer than its transaction
            named |= {name: min(named[name], longest) for name in ("delivery.timeout.ms", "request.timeout.ms")}
            named["socket.timeout.ms"] = min(ANSWER_MS, longest)
        self._delivery_s = named["delivery.timeout.ms"] / 1000
        # a commit whose time is up can be neither taken back nor given up: it must end by itself
        self._transaction_s = (longest or _TRANSACTION_MS) / 1000
        self._client: Any = confluent_kafka.Producer(
            {**_SHARED, **_PRODUCER, **login, **named, "error_cb": self._notes}
        )
        _begin(self, lambda: _await_answer(self._client, self._notes, answer_ms, self._client.cluster_id))

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
    ) -> ConfluentDelivery:
        delivery = ConfluentDelivery(self._client)
        place = -1 if partition is None else partition
        self._produce(topic, value, key, place, delivery.delivered, None, timestamp_ms or 0, headers)
        self._client.poll(0)
        return delivery

    def _produce(self, *arguments: Any) -> None:
        """librdkafka's ``produce``, which has no room at times."""
        try:
            self._client.produce(*arguments)
        except BufferError:
            self._produce_later(arguments)

    def _produce_later(self, arguments: tuple[Any, ...]) -> None:
        deadline = time.monotonic() + ANSWER_MS / 1000
        while True:
            self._client.poll(_LOOK_S)
            try:
                self._client.produce(*arguments)
            except BufferError:
                if time.monotonic() > deadline:
                    raise Unanswered("the memory for records under way is full") from None
            else:
                return

    @_ours
    def send_within(self, records: Iterable[Outgoing]) -> None:
        # without a delivery, which costs as much as all the rest: a commit waits for all records, and fails with one
        produce = self._produce
        for topic, key, value, headers in records:
            produce(topic, value, key, -1, None, None, 0, headers)
        self._client.poll(0)

    @_ours
    def flush(self) -> None:
        if left := self._client.flush(self._delivery_s):
            raise Unanswered(f"{left} records are still under way")

    @_ours
    def init_transactions(self) -> None:
        with self._calls.one:
            self._client.init_transactions(ANSWER_MS / 1000)

    @_ours
    def begin_transaction(self) -> None:
        with self._calls.one:
            self._client.begin_transaction()

    @_ours
    def send_offsets_to_transaction(self, offsets: Mapping[Place, int], member: Membership) -> None:
        with self._calls.one:
            self._client.send_offsets_to_transaction(_offsets(offsets), member.metadata, self._transaction_s)

    @_ours
    def commit_transaction(self) -> None:
        with self._calls.one:
            self._client.commit_transaction(self._transaction_s)

    @_ours
    def abort_transaction(self) -> None:
        with self._calls.one:
            self._client.abort_transaction(self._transaction_s)

    @_ours
    def close(self, timeout_ms: int | None = None) -> None:
        left = self._client.flush(self._delivery_s if timeout_ms is None else timeout_ms / 1000)
        if left:
            self._client.purge()
        self._calls.end(self._client.close, (CLOSE_MS if timeout_ms is None else timeout_ms) / 1000)
        if left:
            raise Unanswered(f"{left} records are still under way")


def _begin(client: ConfluentConsumer | ConfluentProducer, work: Callable[[], None]) -> None:
    """The first words with a cluster; a client that fails at them is ended."""
    try:
        work()
    except BaseException:
        with suppress(KafkaFailure):
            client.close(0)
        raise


def _offsets(offsets: Mapping[Place, int]) -> list[TopicPartition]:
    return [TopicPartition(*place, offset) for place, offset in offsets.items()]
