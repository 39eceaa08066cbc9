"""Exactly once: answers and consumed offsets in one Kafka transaction.

The group's generation goes with the offsets: Kafka refuses those of a process that has lost its partitions, and
with them its answers. Transactional ids are fixed for a place on a machine, so that a process started after a crash
ends at once what the crashed one left open.
"""

from __future__ import annotations

import fcntl
import queue
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count, cycle
from pathlib import Path

from penstock.features.errors import PenstockError
from penstock.jobs.kafka.clients import KafkaAway
from penstock.jobs.kafka.errors import Fenced, KafkaFailure
from penstock.jobs.kafka.interface import CLOSE_MS, Membership, Outgoing, Place, Producer

#: What a process that died left open ends by itself after this, where nobody takes its id. In milliseconds.
TRANSACTION_MS = 10_000
#: How long Kafka may take to finish a transaction before the job gives up, in seconds: a broker's restart fits in.
PATIENCE_S = 30.0
#: How long a record or a request of it may be on its way: no more than the job waits for. In milliseconds.
DELIVERY_MS = 20_000
#: Producers that take turns.
PRODUCERS = 2
#: What each time that something takes adds to how long it usually takes.
WEIGHT = 0.1

Offsets = dict[Place, int]


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


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Says what it may be, when Kafka no longer takes anything from the process of this name."""
    try:
        yield
    except Fenced:
        raise PenstockError(
            "Kafka takes nothing more from this process: it or a broker stood still in a transaction, which lasts "
            f"{TRANSACTION_MS // 1000} s at most, or another one has its name",
            where=name,
            hint="nothing is lost: start it again. Machines of one group need different host names",
        ) from None


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def ids(name: str) -> list[str]:
    """The transactional ids of the process of this name."""
    return [name, *(f"{name}.{number}" for number in range(2, PRODUCERS + 1))]


class Transactions:
    """One transaction at a time, which goes on while its caller prepares the next one.

    Transactional producers take turns: a broker says that it has committed before it has marked what, refuses another
    transaction of the same id until then, and a client asks again only after up to 20 ms. A turn begins when the
    commit of the one before is answered, so all keep their order.

    It gives up after ``PATIENCE_S``: by itself a producer waits for a broker for ever.
    """

    def __init__(self, *producers: Producer) -> None:
        self._producers = producers
        self._turns = cycle(producers)
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._done = threading.Event()
        self._done.set()
        self._deadline, self._ended_at = 0.0, 0.0
        self._began, self._usual_s = 0.0, 0.0
        self._error: BaseException | None = None
        # a daemon: a process must be able to end while the producer waits
        threading.Thread(target=self._run, name="transactions", daemon=True).start()

    def start(self) -> None:
        """Ends what a former process of this name left open. Raises KafkaFailure, PenstockError."""
        for producer in self._producers:
            self._begin(producer.init_transactions)
            self.settle()

    def begin(self, messages: Sequence[Outgoing], offsets: Offsets, group: Membership) -> None:
        """Has the messages and the group's next offsets sent, all or nothing. ``group``: in which they were read.

        The one before must be settled.
        """
        self._begin(partial(self._transact, next(self._turns), messages, offsets, group))

    @property
    def ended(self) -> bool:
        """Would ``settle`` return, or raise, at once?"""
        return self._done.is_set() or time.monotonic() >= self._deadline

    @property
    def due(self) -> float:
        """When what is under way will be committed if it takes as long as usual, in monotonic seconds."""
        return self._began + self._usual_s

    def wait(self, until: float) -> None:
        """Returns when what was begun has ended, at the latest at ``until`` (monotonic seconds)."""
        self._done.wait(max(0.0, until - time.monotonic()))

    def settle(self) -> float:
        """Returns when what was begun is committed, with the moment at which it was, in seconds since 1970.

        Raises LostPartitions, Fenced, another KafkaFailure, or KafkaAway when Kafka is silent.
        """
        if not self._done.wait(max(0.0, self._deadline - time.monotonic())):
            raise KafkaAway(
                f"Kafka did not finish a transaction within {PATIENCE_S:.0f} s",
                hint="is the broker up? This job goes on from its committed offsets when it starts again",
            )
        error, self._error = self._error, None
        if error is not None:
            raise error
        return self._ended_at

    def close(self) -> None:
        """Ends the producers, soon; what Kafka did not finish is left to the next process of this name."""
        self._work.put(None)
        for producer in self._producers:
            with suppress(KafkaFailure):  # all that matters has been settled
                producer.close(CLOSE_MS if self._done.is_set() else 0)

    def _begin(self, work: Callable[[], None]) -> None:
        self._done.clear()
        self._began = time.monotonic()
        self._deadline = self._began + PATIENCE_S
        self._work.put(work)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except BaseException as error:
                self._error = error
            self._usual_s += WEIGHT * (time.monotonic() - self._began - self._usual_s)
            self._ended_at = time.time()
            self._done.set()

    def _transact(self, producer: Producer, messages: Sequence[Outgoing], offsets: Offsets, group: Membership) -> None:
        producer.begin_transaction()
        try:
            producer.send_within(messages)
            producer.send_offsets_to_transaction(offsets, group)
            producer.commit_transaction()
        except Fenced:
            raise
        except KafkaFailure:
            with suppress(KafkaFailure):  # the first error says more
                producer.abort_transaction()
            raise
