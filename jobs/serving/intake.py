"""When an inference job reads requests, and how long it waits for them.

A turn without a transaction under way waits for the first request, then ``deadline_ms`` for more. A turn beside a
transaction reads just before that ends: what is read earlier only waits for it. While requests await their events, a
turn waits a pause that grows as long as nothing comes.
"""

from __future__ import annotations

import time

from penstock.jobs.kafka.interface import Consumer, Record
from penstock.jobs.project.config import InferenceConfig
from penstock.jobs.serving.reader import Reader
from penstock.jobs.serving.transactions import WEIGHT, Transactions

#: How long a turn waits for requests when it has none, in milliseconds: what a signal waits for at most.
IDLE_MS = 100.0
#: The pause before the store is asked again for a request's own event, in milliseconds, and how it grows.
LEAST_MS, MOST_MS, GROWTH = 1.0, 8.0, 1.5


class Intake:
    """Gives each turn its records. ``reader`` has them, ``transactions`` tells when the one under way is due."""

    def __init__(self, config: InferenceConfig, reader: Reader, transactions: Transactions) -> None:
        self._config, self._reader, self._transactions = config, reader, transactions
        self._pause = LEAST_MS
        #: When the work of this turn began, in monotonic seconds, and how long it usually takes until its answers are
        #: ready: beside a transaction its reading belongs to it.
        self._began, self._work_s = 0.0, 0.0

    def go_on(self, consumer: Consumer, transactions: Transactions) -> None:
        """Reads with new clients, from what is committed."""
        self._transactions = transactions
        self._reader.go_on(consumer)

    def read(self, waiting: int, under_way: bool) -> list[Record]:
        """What has come, so that at most ``batch`` requests are in work. ``waiting``: those that await their events;
        ``under_way``: is a transaction being committed?
        """
        room = self._config.batch - waiting
        if room <= 0:
            self.rest()
            return []
        if waiting:
            records = self._reader.poll(self._pause, room)
        elif under_way:
            return self._read_beside(room)
        else:
            records = self._gather(room)
        self._began = time.monotonic()
        return records

    def rest(self) -> None:
        """Waits the pause."""
        time.sleep(self._pause / 1000)
        self._began = time.monotonic()

    def answered(self) -> None:
        """Takes note of the time from the turn's first record to its answers."""
        self._work_s += WEIGHT * (time.monotonic() - self._began - self._work_s)

    def turned(self, busy: bool) -> None:
        """Ends a turn: after a ``busy`` one the pause is short, after others it grows."""
        self._pause = LEAST_MS if busy else min(MOST_MS, self._pause * GROWTH)

    def _read_beside(self, room: int) -> list[Record]:
        due = self._transactions.due
        self._transactions.wait(due - self._work_s)
        self._began = time.monotonic()
        return self._reader.poll(max(self._pause, (due - self._began) * 1000), room)

    def _gather(self, room: int) -> list[Record]:
        records = self._reader.poll(IDLE_MS, room)
        deadline = time.monotonic() + self._config.deadline_ms / 1000
        while records and len(records) < room and (left := deadline - time.monotonic()) > 0:
            records += self._reader.poll(left * 1000, room - len(records))
        return records
