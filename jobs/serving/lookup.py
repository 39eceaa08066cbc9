"""The features of requests: one read of the store for all inputs of all requests, and the wait for one's own event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from penstock.jobs.serving.inputs import Input, Rows
from penstock.jobs.serving.requests import Found, Request
from penstock.jobs.store.bulk import Request as StoreRequest
from penstock.jobs.store.columns import Columns


class Rowed(Protocol):
    """What has rows: the online store, or its mirror."""

    def read_rows(self, requests: Sequence[StoreRequest]) -> list[Columns]:
        """As ``BulkStore.read_rows``."""


class Featured(Protocol):
    """What gives requests their rows. ``bounded``: does a request wait for a limited time only?"""

    bounded: bool

    def read(self, fresh: Sequence[Request], waiting: Sequence[Request], now: float) -> None:
        """As ``Lookup.read``."""


class MakeLookup(Protocol):
    """Makes what gives features. ``numbers``: by topic, the inputs of its requests."""

    def __call__(self, inputs: Sequence[Input], *, numbers: Mapping[str, Sequence[int]]) -> Featured:
        """Makes it."""


class Lookup:
    """Reads the inputs' rows from the store. ``numbers``: by topic, the inputs of its requests; None: all of them."""

    bounded = True

    def __init__(
        self, inputs: Sequence[Input], store: Rowed, numbers: Mapping[str, Sequence[int]] | None = None
    ) -> None:
        self._inputs, self._store, self._numbers = inputs, store, numbers
        self._own = {number for number, item in enumerate(inputs) if item.own}

    def read(self, fresh: Sequence[Request], waiting: Sequence[Request], now: float) -> None:
        """Fills ``found`` of fresh requests, and anew what waiting ones await, in one round trip.

        Sets ``awaited``; a request whose time is up (``now``, monotonic seconds) awaits nothing and is stale.
        """
        asked: dict[int, list[Request]] = {}
        for numbers, requests in self._by_inputs(fresh):
            for number in numbers:
                asked.setdefault(number, []).extend(requests)
        for request in waiting:
            for number in request.awaited:
                asked.setdefault(number, []).append(request)
        for number, found in self._found(dict(sorted(asked.items()))):
            for request, one in zip(asked[number], found, strict=True):
                request.found[number] = one
        for numbers, requests in self._by_inputs(fresh):
            own = [number for number in numbers if number in self._own]
            for request in requests:
                request.awaited = [i for i in own if not _knows(request, i) and self._feeds(request, i)]
        for request in waiting:
            request.awaited = [i for i in request.awaited if not _knows(request, i)]
        for request in (*fresh, *waiting):
            if request.awaited and now >= request.until:
                request.missed, request.awaited, request.stale = request.awaited, [], True

    def _by_inputs(self, requests: Sequence[Request]) -> list[tuple[Sequence[int], Sequence[Request]]]:
        """The requests of each topic, and the inputs that they have."""
        if self._numbers is None:
            return [(range(len(self._inputs)), requests)] if requests else []
        topics: dict[str, list[Request]] = {}
        for request in requests:
            topics.setdefault(request.record.topic, []).append(request)
        return [(self._numbers[topic], some) for topic, some in topics.items()]

    def _found(self, asked: Mapping[int, Sequence[Request]]) -> Iterator[tuple[int, list[Found]]]:
        """By input: what its requests find. A row for which several ask is read once, also by several inputs."""
        keys = {number: self._inputs[number].keys([request.row for request in asked[number]]) for number in asked}
        different = {number: list(dict.fromkeys(keys[number])) for number in asked}
        reads = {self._inputs[number].schema.name: (self._inputs[number].schema, _Union()) for number in asked}
        places = {number: reads[self._inputs[number].schema.name][1].add(different[number]) for number in asked}
        tables = self._store.read_rows([(schema, list(union)) for schema, union in reads.values()])
        by_view = dict(zip(reads, tables, strict=True))
        for number in asked:
            view = self._inputs[number].schema.name
            columns, union = by_view[view], reads[view][1]
            own = _at(columns, places[number], len(union))
            rows = Rows(self._inputs[number], different[number], own)
            found = {key: Found(rows, place) for place, key in enumerate(rows.keys)}
            yield number, [found[key] for key in keys[number]]

    def _feeds(self, request: Request, number: int) -> bool:
        return self._inputs[number].feeds(request.row, request.found[number].key)


def _at(columns: Columns, places: Sequence[int], rows: int) -> Columns:
    """The rows at some places, of so many."""
    return columns if places == list(range(rows)) else columns.at(np.array(places, dtype=np.int64))


def _knows(request: Request, number: int) -> bool:
    t = request.found[number].t
    return t is not None and t >= request.t


class _Union(dict[tuple[Any, ...], int]):
    """The keys of a view that are asked for, and their places."""

    def add(self, keys: Sequence[tuple[Any, ...]]) -> list[int]:
        """The places of these keys."""
        return [self.setdefault(key, len(self)) for key in keys]
