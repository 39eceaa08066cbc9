"""Which rows an answer rests on: it holds as long as the store has these very rows, and no longer.

Each change point of a view, by an event or by time, is a new row with a new clock. So the clocks say exactly whether an
answer would still be computed from the same values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.features.ingest import Row
from penstock.jobs.serving.inputs import Input, Rows
from penstock.jobs.serving.requests import Found
from penstock.jobs.store.bulk import BulkStore
from penstock.jobs.store.clock import ABSENT, unpack_clocks
from penstock.jobs.store.columns import Columns

#: Of each input the packed clock of its row; empty without a row.
Clocks = tuple[bytes, ...]


def clocks_of(inputs: Sequence[Input], store: BulkStore, rows: Sequence[Row]) -> list[Clocks]:
    """What requests rest on now, in one read of the store. Raises PenstockError."""
    packed = store.read_clocks([(item.schema, item.keys(rows)) for item in inputs])
    return list(zip(*packed, strict=True))


def text_of(clocks: Clocks) -> str:
    """As it is kept: hex, ``-`` without a row."""
    return " ".join(clock.hex() or "-" for clock in clocks)


def read_text(text: str) -> Clocks:
    """The inverse of ``text_of``."""
    return tuple(b"" if part == "-" else bytes.fromhex(part) for part in text.split(" "))


def rows_of(inputs: Sequence[Input], row: Row, clocks: Clocks) -> dict[int, Found]:
    """The rows of one request without their features, as ``Request.found`` has them."""
    return {number: _row(item, row, clock) for number, (item, clock) in enumerate(zip(inputs, clocks, strict=True))}


def _row(item: Input, row: Row, clock: bytes) -> Found:
    t, seq = unpack_clocks([clock])
    present = np.array([bool(clock) and t[0] != ABSENT])
    return Found(Rows(item, item.keys([row]), Columns(item.schema, t, seq, present, ())), 0)
