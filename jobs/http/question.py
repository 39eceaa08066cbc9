"""What one HTTP request asks of a model, and how its answer is written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

from penstock.jobs.http.body import BodyRecord
from penstock.jobs.http.version import Answers


class Spelling(Protocol):
    """Writes the answer to the requests from ``start`` to ``stop`` of a batch."""

    def __call__(self, batch: Answers, start: int, stop: int) -> bytes: ...


class Question:
    """The requests of one body. ``until``: the moment, in monotonic seconds, after which nobody waits for an answer.

    ``many``: they came as an array; ``vector``: the answer has vectors. To be made in the event loop that waits.
    """

    __slots__ = ("answer", "asked", "many", "records", "spell", "until", "vector")

    def __init__(
        self, records: Sequence[BodyRecord], many: bool, spell: Spelling, patience_s: float, *, vector: bool = False
    ) -> None:
        self.records, self.many, self.spell, self.vector = records, many, spell, vector
        self.asked = time.monotonic()
        self.until = self.asked + patience_s
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
