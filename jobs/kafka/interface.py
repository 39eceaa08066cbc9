"""What jobs need of a Kafka client: a consumer, a producer, and what goes between them.

Each client implements it in a module of its own (``kafka_python``, ``confluent``), and ``clients`` makes the one that
the configuration names. Names are Kafka's. All raise ``errors.KafkaFailure``, and nothing of their client's own.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, Self

from penstock.jobs.kafka.errors import KafkaFailure

#: How long one request may take unless the caller says otherwise, in milliseconds.
ANSWER_MS = 10_000

#: How long a client may take to end where nothing of it matters any more, in milliseconds.
CLOSE_MS = 5_000

#: Name and value of each, in order.
Headers = list[tuple[str, bytes]]


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class Outgoing(NamedTuple):
    """A record to send."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers


class Sent(NamedTuple):
    """Where a record came to lie."""

    topic: str
    partition: int
    offset: int


class Record(Protocol):
    """A record that was read. ``timestamp``: Kafka's own, in milliseconds; -1 where it has none."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...

    def carries(self, name: str, value: bytes) -> bool:
        """Is this header among the record's?"""


class Delivery(Protocol):
    """What a producer gives for a record on its way."""

    def get(self, timeout: float) -> Sent:
        """Where the record lies, after at most so many seconds. Raises KafkaFailure when it was not taken."""


@dataclass(frozen=True)
class Membership:
    """A group's member since it was given its partitions; equal as long as these are the same.

    ``metadata`` is for the producer of the same client: it goes with the offsets of a transaction.
    """

    since: Hashable
    metadata: Any = field(compare=False, repr=False)


class Consumer(Protocol):
    """Reads topics it subscribes to (as a member of its group, or all partitions without one), or given partitions.

    Reading begins at what the group has committed, else where ``auto_offset_reset`` says; with ``"none"``, only where
    ``seek`` says. A position that no longer exists is never replaced, whatever that option says. A context manager that
    closes it.
    """

    group_id: str | None

    def poll(self, timeout_ms: float, max_records: int = ...) -> Mapping[Place, Sequence[Record]]:
        """What has come, at most so many, by partition in order. Nothing when time is up, or when something else has
        happened, such as a position that moved or partitions that were given or taken: all of it happens here.

        Raises OffsetGone, Unreadable (``seek`` goes past it), Fenced, NotAllowed and KafkaFailure; a broker that is
        away for a while is no failure.
        """

    def places(self, topic: str) -> list[Place]:
        """The topic's partitions, in order; none when it does not exist. Raises Unanswered."""

    def assign(self, places: Iterable[Place]) -> None:
        """Has it read these partitions, outside of any group; those that it has already go on where they are."""

    def assignment(self) -> set[Place]:
        """The partitions that it has."""

    def membership(self) -> Membership | None:
        """Its membership in the group; None while it has none."""

    def seek(self, place: Place, offset: int) -> None:
        """Has the next ``poll`` go on there, in a partition that it has."""

    def position(self, place: Place) -> int:
        """The offset that is read next: beyond records that were compacted away or are not committed, too."""

    def committed(self, place: Place, timeout_ms: int = ...) -> int | None:
        """The group's offset; None without one. Waits for transactions that are about to set it. Raises Unanswered."""

    def commit(self, offsets: Mapping[Place, int], timeout_ms: int = ...) -> None:
        """Sets the group's offsets. Raises Unanswered, LostPartitions."""

    def beginning_offsets(self, places: Iterable[Place], timeout_ms: int = ...) -> dict[Place, int]:
        """The first offset of each. Raises Unanswered."""

    def end_offsets(self, places: Iterable[Place], timeout_ms: int = ...) -> dict[Place, int]:
        """The offset after the last record of each, or the last committed one for ``read_committed``."""

    def offsets_for_times(self, times: Mapping[Place, int], timeout_ms: int = ...) -> dict[Place, int | None]:
        """Of each the first offset whose record has this Kafka timestamp (in milliseconds, from 0 on) or a later one;
        None where there is none. Raises Unanswered.
        """

    def close(self, timeout_ms: int = ...) -> None:
        """Leaves, within that time whether or not there is a broker to say it to."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.close()


class Producer(Protocol):
    """Sends records; with a ``transactional_id``, in transactions.

    A context manager that closes it: after a failure without waiting long and without failing once more.
    """

    def send(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        headers: Headers | None = None,
        *,
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> Delivery:
        """Hands a record over. Equal keys go to one partition, the same one with every client.

        Raises KafkaFailure for one that is too large, and Unanswered when the memory for records under way is full.
        """

    def send_within(self, records: Iterable[Outgoing]) -> None:
        """Hands over records of a transaction: whether they were taken is for ``commit_transaction`` to say.

        Raises as ``send`` does.
        """
        for record in records:
            self.send(record.topic, record.value, record.key, record.headers)

    def flush(self) -> None:
        """Returns when all records under way are taken or have failed. Raises Unanswered."""

    def init_transactions(self) -> None:
        """Ends what a former process of this id left open, and fences that process."""

    def begin_transaction(self) -> None:
        """Records sent from now on belong to one transaction."""

    def send_offsets_to_transaction(self, offsets: Mapping[Place, int], member: Membership) -> None:
        """Makes a group's next offsets part of the transaction. Raises LostPartitions for a member that was."""

    def commit_transaction(self) -> None:
        """Returns when all of it is committed. Raises Fenced, and KafkaFailure when a record was not taken."""

    def abort_transaction(self) -> None:
        """Takes everything of the transaction back."""

    def close(self, timeout_ms: int | None = None) -> None:
        """Waits for the records under way, at most so long (else as long as they may take)."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            self.close()
        else:
            with suppress(KafkaFailure):
                self.close(CLOSE_MS)
