"""The Kafka clients of one inference process, made anew inside it where they can no longer go on.

A coordinator that dies may take a client with it: librdkafka joins a group twice and fences itself, or can neither
commit nor abort its transaction. New clients of the same names go on from the committed offsets. New producers begin
with ``init_transactions``, which ends what the former ones left open, so every request is still answered once.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from threading import Event

from penstock.features.errors import PenstockError
from penstock.jobs.kafka.clients import KafkaAway, consumer, producer, transaction_timeouts
from penstock.jobs.kafka.errors import Fenced, KafkaFailure, Unanswered
from penstock.jobs.kafka.interface import CLOSE_MS, Consumer
from penstock.jobs.project.project import Project
from penstock.jobs.serving.transactions import DELIVERY_MS, TRANSACTION_MS, Transactions, ids

#: A member that is silent for so long loses its partitions, in milliseconds.
SESSION_MS = 10_000
#: A member that does not read for so long loses them too: more than any wait for a request's own event.
READING_MS = 300_000
#: Transactions of processes last a little longer each, in milliseconds.
SPREAD_MS = 1_000
#: Seconds without a committed transaction after which clients are no longer made anew.
PATIENCE_S = 60.0
#: At most so many renewals within so many seconds, however much is committed between them.
MOST, WITHIN_S = 10, 300.0
#: The pause before an attempt that follows a failed one, in seconds.
PAUSE_S = 0.5

#: What ends clients, and may not end those that follow them.
PASSING = (Fenced, Unanswered, KafkaAway)


class Session:
    """``consumer`` and ``transactions`` of the process ``name``, a member of ``group``; a context manager.

    Raises PenstockError where no broker answers, and KafkaFailure.
    """

    def __init__(self, project: Project, topics: Sequence[str], group: str, name: str) -> None:
        self._project, self._topics, self._group, self._name = project, topics, group, name
        #: Tells this process from another one of its name: Kafka keeps the one with which the newest producer began.
        self._timeout_ms = TRANSACTION_MS + secrets.randbelow(SPREAD_MS)
        self._opened = ExitStack()
        self.transactions: Transactions
        self.consumer: Consumer

    def __enter__(self) -> Session:
        self.renew()
        return self

    def __exit__(self, *exception: object) -> None:
        self._opened.close()

    def renew(self) -> None:
        """Ends the clients that there are, and makes new ones."""
        self._opened.close()
        with ExitStack() as opened:
            self.transactions = self._transactions(opened)
            self.consumer = self._consumer(opened)
            self._opened = opened.pop_all()

    def is_another(self) -> bool:
        """Has another process begun with this name since? Raises PenstockError."""
        return transaction_timeouts(self._project.config, ids(self._name)) != {self._timeout_ms}

    def _transactions(self, opened: ExitStack) -> Transactions:
        timeouts = {
            "transaction_timeout_ms": self._timeout_ms,
            "delivery_timeout_ms": DELIVERY_MS,
            "request_timeout_ms": DELIVERY_MS,
        }
        make = partial(producer, self._project.config, **timeouts)
        with ExitStack() as begun:
            producers = [begun.enter_context(make(transactional_id=id)) for id in ids(self._name)]
            begun.pop_all()
        transactions = Transactions(*producers)
        opened.callback(transactions.close)
        transactions.start()
        return transactions

    def _consumer(self, opened: ExitStack) -> Consumer:
        """Committed offsets and committed requests only; a fixed name in the group: a restart waits for nobody."""
        reader = consumer(
            self._project.config,
            self._topics,
            group_id=self._group,
            group_instance_id=self._name,
            auto_offset_reset="none",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=SESSION_MS // 4,
            max_poll_interval_ms=READING_MS + self._project.config.inference.wait_ms,
        )
        opened.callback(reader.close, CLOSE_MS)  # there may be no broker to say good-bye to
        return reader


class Renewal:
    """Decides whether a session is renewed after a failure, and renews it.

    ``committed``: how many transactions have been committed so far. It gives up, with the first error, when ``stop``
    is set, when another process has the name, after ``PATIENCE_S`` without a commit, and after ``MOST`` renewals
    within ``WITHIN_S``.
    """

    def __init__(
        self, session: Session, stop: Event, told: Callable[[str], None], committed: Callable[[], int]
    ) -> None:
        self._session, self._stop, self._told, self._committed = session, stop, told, committed
        self._renewed: deque[float] = deque(maxlen=MOST)
        self._last_committed, self._since, self._last_told = 0, 0.0, ""

    def renew(self, error: KafkaFailure | KafkaAway) -> None:
        """Returns with new clients in the session. Raises the error, or what else prevents them."""
        now = time.monotonic()
        if self._committed() > self._last_committed or not self._renewed:
            self._last_committed, self._since = self._committed(), now
        if len(self._renewed) == MOST and now < self._renewed[0] + WITHIN_S:
            raise error
        why = str(error).splitlines()[0]
        self._told(f"the Kafka clients are made anew, and go on from the committed offsets: {why}")
        self._last_told = ""
        while not self._attempt(error):
            self._stop.wait(PAUSE_S)
        self._renewed.append(time.monotonic())

    def _tell(self, line: str) -> None:
        """The reason of one attempt may be that of many."""
        if line != self._last_told:
            self._last_told = line
            self._told(line)

    def _attempt(self, error: KafkaFailure | KafkaAway) -> bool:
        if self._stop.is_set() or time.monotonic() > self._since + PATIENCE_S:
            raise error
        try:
            another = self._session.is_another()
            if not another:
                self._session.renew()
        except PASSING as again:
            self._tell(f"new Kafka clients cannot begin yet: {str(again).splitlines()[0]}")
            return False
        except PenstockError:  # the first error says more
            raise error from None
        if another:
            raise Fenced("another process has the same name") from error
        return True
