"""The features of requests: one read of the store for all inputs of all requests, and the wait for one's own event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from penstock.jobs.serving.inputs import Input, Rows
from penstock.jobs.serving.requests import Found, Request
from penstock.jobs.store.bulk import Request as StoreRequest
from penstock.jobs.store.columns import Columns


class Rowed(Protocol):
    """What has rows: the online store, or its mirror."""

    def read_rows(self, requests: Sequence[StoreRequest]) -> list[Columns]:
        """As ``BulkStore.read_rows``."""


class Lookup:
    """Reads the inputs' rows from the store."""

    def __init__(self, inputs: Sequence[Input], store: Rowed) -> None:
        self._inputs, self._store = inputs, store
        self._own = [number for number, item in enumerate(inputs) if item.own]

    def read(self, fresh: Sequence[Request], waiting: Sequence[Request], now: float) -> None:
        """Fills ``found`` of fresh requests, and anew what waiting ones await, in one round trip.

        Sets ``awaited``; a request whose time is up (``now``, monotonic seconds) awaits nothing and is stale.
        """
        asked = {i: [*fresh, *(r for r in waiting if i in r.awaited)] for i in range(len(self._inputs))}
        for number, found in self._found({number: requests for number, requests in asked.items() if requests}):
            for request, one in zip(asked[number], found, strict=True):
                request.found[number] = one
        for request in fresh:
            request.awaited = [i for i in self._own if not _knows(request, i) and self._feeds(request, i)]
        for request in waiting:
            request.awaited = [i for i in request.awaited if not _knows(request, i)]
        for request in (*fresh, *waiting):
            if request.awaited and now >= request.until:
                request.awaited, request.stale = [], True

    def _found(self, asked: Mapping[int, Sequence[Request]]) -> Iterator[tuple[int, list[Found]]]:
        """By input: what its requests find. A key that several ask for is read once."""
        keys = {number: self._inputs[number].keys([request.row for request in asked[number]]) for number in asked}
        different = {number: list(dict.fromkeys(keys[number])) for number in asked}
        reads = [(self._inputs[number].schema, different[number]) for number in asked]
        for number, columns in zip(asked, self._store.read_rows(reads), strict=True):
            rows = Rows(self._inputs[number], different[number], columns)
            found = {key: Found(rows, place) for place, key in enumerate(rows.keys)}
            yield number, [found[key] for key in keys[number]]

    def _feeds(self, request: Request, number: int) -> bool:
        return self._inputs[number].feeds(request.row, request.found[number].key)


def _knows(request: Request, number: int) -> bool:
    t = request.found[number].t
    return t is not None and t >= request.t
