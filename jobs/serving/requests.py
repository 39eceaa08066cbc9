"""Requests: records of a model's request topic, parsed, and in the order in which they must be answered."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, NamedTuple

from penstock.features.ingest import BadEvent, Row
from penstock.jobs.kafka.interface import Place, Record
from penstock.jobs.serving.inputs import Rows
from penstock.jobs.serving.parse import Parser


class Found(NamedTuple):
    """What the store held for one input: the row at ``place`` among those that were read together."""

    rows: Rows
    place: int

    @property
    def key(self) -> tuple[Any, ...]:
        """The key that was asked for."""
        return self.rows.keys[self.place]

    @property
    def t(self) -> int | None:
        """The row's clock; None without a row."""
        return self.rows.t[self.place]


class Damaged(NamedTuple):
    """A record that cannot be read, and why; as a ``Record`` it has nothing but its place."""

    topic: str
    partition: int
    offset: int
    why: str
    timestamp: int = -1
    key: bytes | None = None
    value: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()

    def carries(self, name: str, value: bytes) -> bool:
        """No header is known."""
        return False


@dataclass(slots=True, eq=False)
class Request:
    """One record: its row and event time, and in ``found`` what the store held, by the input's number. Or ``bad``: why
    it cannot be answered.

    ``awaited``: inputs (by number) that do not know the request's own event yet; ``until``: the moment (monotonic
    seconds) from which it is answered without them, ``stale`` then, and ``missed`` are those inputs.
    """

    record: Record
    row: Row
    t: int
    until: float
    bad: BadEvent | None = None
    found: dict[int, Found] = field(default_factory=dict)
    awaited: list[int] = field(default_factory=list)
    stale: bool = False
    missed: Sequence[int] = ()

    def of(self, numbers: Sequence[int]) -> Request:
        """The same for one of several models, whose inputs have these numbers: from 0 on they are its own."""
        found = {own: self.found[number] for own, number in enumerate(numbers) if number in self.found}
        stale = any(number in self.missed for number in numbers)
        return Request(self.record, self.row, self.t, self.until, self.bad, found, stale=stale)

    @property
    def id(self) -> str:
        """``topic-partition-offset``."""
        return f"{self.record.topic}-{self.record.partition}-{self.record.offset}"

    @property
    def place(self) -> Place:
        """The partition that it came from."""
        return Place(self.record.topic, self.record.partition)


def read_requests(parser: Parser, records: Sequence[Any], until: float) -> list[Request]:
    """The requests in records. One without a timestamp of its own is held against the wall clock alone."""
    return [
        Request(record, {}, 0, until, row)
        if isinstance(row, BadEvent)
        else Request(record, row, row[parser.time], until)
        for record, row in zip(records, _rows(parser, records), strict=True)
    ]


def _rows(parser: Parser, records: Sequence[Any]) -> list[Row | BadEvent]:
    if not any(isinstance(record, Damaged) for record in records):
        return parser.rows(records)
    rows = iter(parser.rows([record for record in records if not isinstance(record, Damaged)]))
    return [BadEvent("unreadable", record.why) if isinstance(record, Damaged) else next(rows) for record in records]


class Queue:
    """Requests that are not answered yet. Each partition's are answered in order: its offset is one number."""

    def __init__(self) -> None:
        self._partitions: dict[Place, deque[Request]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._partitions.values()))

    def __iter__(self) -> Iterator[Request]:
        for requests in self._partitions.values():
            yield from requests

    def add(self, requests: Iterable[Request]) -> None:
        """Behind those of the same partition."""
        for request in requests:
            self._partitions.setdefault(request.place, deque()).append(request)

    def take_ready(self) -> list[Request]:
        """Removes, of each partition, the first ones that wait for nothing."""
        ready = []
        for requests in self._partitions.values():
            first = list(takewhile(lambda request: not request.awaited, requests))
            for _ in first:
                requests.popleft()
            ready += first
        return ready

    def clear(self) -> None:
        """Forgets all of them."""
        self._partitions.clear()
