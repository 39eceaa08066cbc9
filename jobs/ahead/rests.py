"""Which rows an answer rests on: it holds as long as the store has these very rows, and no longer.

Each change point of a view, by an event or by time, is a new row with a new clock. So the clocks say exactly whether an
answer would still be computed from the same values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.jobs.serving.inputs import Input
from penstock.jobs.serving.lookup import Lookup
from penstock.jobs.serving.requests import Request
from penstock.jobs.store.bulk import BulkStore
from penstock.jobs.store.bulk import Request as StoreRequest
from penstock.jobs.store.clock import ABSENT, unpack_clocks
from penstock.jobs.store.columns import Columns


@dataclass(frozen=True)
class Clocks(Columns):
    """Rows without their features: ``packed`` tells each row from every other one of its key."""

    packed: Sequence[bytes]


class ClockRows:
    """Gives the clocks of rows in the place of the rows."""

    def __init__(self, store: BulkStore) -> None:
        self._store = store

    def read_rows(self, requests: Sequence[StoreRequest]) -> list[Columns]:
        """As ``BulkStore.read_rows``, without features."""
        clocks = self._store.read_clocks(requests)
        return [_columns(request, packed) for request, packed in zip(requests, clocks, strict=True)]


def _columns(request: StoreRequest, packed: Sequence[bytes]) -> Columns:
    schema, _ = request
    t, seq = unpack_clocks(packed)
    return Clocks(schema, t, seq, t != ABSENT, (), packed)


class Rests:
    """Finds out what requests rest on now."""

    def __init__(self, inputs: Sequence[Input], store: BulkStore) -> None:
        self._lookup = Lookup(inputs, ClockRows(store))
        self._inputs = range(len(inputs))

    def look(self, requests: Sequence[Request], now: float) -> list[str]:
        """A text for each request, which is another one when any of its rows is. Fills ``found``, without features."""
        self._lookup.read(requests, [], now)
        return [" ".join(self._text(request, number) for number in self._inputs) for request in requests]

    def _text(self, request: Request, number: int) -> str:
        found = request.found[number]
        columns = found.rows.columns
        assert isinstance(columns, Clocks)
        return columns.packed[found.place].hex() or "-"
