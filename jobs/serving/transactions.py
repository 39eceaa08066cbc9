"""Exactly once: answers and consumed offsets in one Kafka transaction.

The group's generation goes with the offsets: Kafka refuses those of a process that has lost its partitions, and
with them its answers. The transactional id is fixed for a place on a machine, so that a process started after a
crash ends at once what the crashed one left open.
"""

from __future__ import annotations

import fcntl
import queue
import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import CommitFailedError, KafkaError, ProducerFencedError

from features.errors import PenstockError
from jobs.serving.answers import Message

#: What a process that died left open ends by itself after this, where nobody takes its id. In milliseconds.
TRANSACTION_MS = 10_000
#: How long Kafka may take to finish a transaction before the job gives up, in seconds: a broker's restart fits in.
PATIENCE_S = 60.0

Offsets = dict[TopicPartition, int]


class LostPartitions(Exception):
    """The group gave the partitions to another member: the answers were taken back, and it will give them."""


@contextmanager
def member_id(folder: Path, group: str) -> Iterator[str]:
    """A name of this process in its group that no other one on this machine has: ``<group>.<host>.<number>``.

    The lowest number that is free, held by a lock in ``folder``: a process that follows a dead one gets its name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    host = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())
    for number in count():
        with (folder / f"{group}.{number}.lock").open("w") as lock:
            if _locked(lock.fileno()):
                yield f"{group}.{host}.{number}"
                return


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Transactions:
    """Sends answers by a transactional producer, one transaction after the other, on a thread of its own."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._done = threading.Event()
        self._error: BaseException | None = None
        self._done.set()
        # a daemon: Kafka's client waits for a broker without end, and the process must be able to
        self._thread = threading.Thread(target=self._run, name="transactions", daemon=True)
        self._thread.start()

    def start(self) -> None:
        """Ends what a former process of this name left open. Raises KafkaError, PenstockError."""
        self._begin(self._producer.init_transactions)
        self.wait()

    def send(self, messages: Sequence[Message], offsets: Offsets, group: Any) -> None:
        """Begins a transaction after the one before has ended; ``group`` is the consumer's metadata when it read.

        Raises what ``wait`` raises, for the one before.
        """
        self.wait()
        self._begin(lambda: self._transact(messages, offsets, group))

    def wait(self) -> None:
        """Returns when the transaction under way has been committed.

        Raises LostPartitions, KafkaError, or PenstockError when another process took the name or Kafka is silent.
        """
        if not self._done.wait(PATIENCE_S):
            raise PenstockError(
                f"Kafka did not finish a transaction within {PATIENCE_S:.0f} s",
                hint="is the broker up? The group goes on from its committed offsets when this job starts again",
            )
        error, self._error = self._error, None
        if error is not None:
            raise error

    @property
    def idle(self) -> bool:
        """Is no transaction under way?"""
        return self._done.is_set()

    def close(self) -> None:
        """Ends the thread and the producer; a transaction that Kafka does not finish is left to time out."""
        finished = self._done.wait(PATIENCE_S)
        self._work.put(None)
        self._producer.close(timeout=PATIENCE_S if finished else 0)

    def _begin(self, work: Callable[[], None]) -> None:
        self._done.clear()
        self._work.put(work)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except BaseException as error:
                self._error = error
            self._done.set()

    def _transact(self, messages: Sequence[Message], offsets: Offsets, group: Any) -> None:
        places = {place: OffsetAndMetadata(offset, "", -1) for place, offset in offsets.items()}
        self._producer.begin_transaction()
        try:
            for topic, key, value, headers in messages:
                self._producer.send(topic, value, key=key, headers=headers)
            self._producer.send_offsets_to_transaction(places, group)
            self._producer.commit_transaction()
        except KafkaError as error:
            raise self._given_up(error) from error

    def _given_up(self, error: KafkaError) -> Exception:
        """The error that is raised for one within a transaction, which is taken back."""
        if isinstance(error, ProducerFencedError) or ProducerFencedError.__name__ in str(error):
            return PenstockError(
                "another process answers under this job's name",
                where=str(self._producer.config["transactional_id"]),
                hint="it took over while this one stood still: stop one of the two",
            )
        with suppress(KafkaError):  # the first error says more
            self._producer.abort_transaction()
        return LostPartitions() if isinstance(error, CommitFailedError) else error
