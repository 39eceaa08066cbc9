"""The newest row of each key of one view, in memory: what the store would give, without asking it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from penstock.jobs.store.bulk import encode_rows
from penstock.jobs.store.columns import Cells, Columns, Int64s, decode
from penstock.jobs.store.rows import FeatureRow, ViewSchema

Keys = Sequence[tuple[Any, ...]]

#: Room for so many keys at first; it doubles when it is full.
ROOM = 1_024
#: The slot of a key that has no row: numpy reads the last one.
_NOWHERE = -1

_Scalar = TypeVar("_Scalar", bound=np.generic)


def as_stored(schema: ViewSchema, rows: Sequence[FeatureRow]) -> Columns:
    """The rows as the store would give them back: through its own bytes, so that they are the same bits.

    Raises PenstockError for a value that does not fit the schema.
    """
    encoded = encode_rows(schema, rows)
    clocks = np.array([encoded.t, encoded.seq], dtype=np.int64)
    (columns,) = decode([Cells(schema, clocks[0], clocks[1], encoded.columns)])
    return columns


class Table:
    """Columns with a slot for each key. Not for several threads without a lock."""

    def __init__(self, schema: ViewSchema) -> None:
        self.schema = schema
        self._slots: dict[tuple[Any, ...], int] = {}
        #: Slots that no key has any more, and the keys that none is given to.
        self._emptied, self._left_out = 0, set[tuple[Any, ...]]()
        (self._columns,) = decode([Cells.nothing(schema, ROOM)])

    def __len__(self) -> int:
        return len(self._slots)

    def keys(self) -> list[tuple[Any, ...]]:
        """All keys that have a row."""
        return list(self._slots)

    def put(self, keys: Keys, rows: Columns) -> None:
        """Takes each of n rows that replaces what the table has for its key (``Columns.replaces``).

        The keys differ. Only a key that the table knows may come with a row that is not ``present``: then a row of
        batch is forgotten.
        """
        if not self._left_out.isdisjoint(keys):
            taken = [place for place, key in enumerate(keys) if key not in self._left_out]
            keys, rows = [keys[place] for place in taken], rows.at(np.array(taken, dtype=np.int64))
        slots = self._make_slots(keys)
        newer = np.flatnonzero(rows.replaces(self._columns.t[slots], self._columns.seq[slots]))
        overlay(self._columns, slots[newer], rows, newer)

    def leave_out(self, keys: Keys) -> None:
        """Drops these keys' rows, and takes none of them again.

        They were erased, and only who has erased them knows what comes after: the clocks do not tell.
        """
        self._left_out.update(keys)
        gone = [self._slots.pop(key) for key in set(keys) if key in self._slots]
        if gone:
            (nothing,) = decode([Cells.nothing(self.schema, len(gone))])
            overlay(self._columns, np.array(gone, dtype=np.int64), nothing)
            self._emptied += len(gone)

    def take(self, keys: Keys) -> Columns:
        """The rows of n keys, copied. Of a key that is not ``present`` the rest means nothing, defaults included."""
        get = self._slots.get
        slots = np.array([get(key, _NOWHERE) for key in keys], dtype=np.int64)
        rows = self._columns.at(slots)
        return replace(rows, present=rows.present & (slots != _NOWHERE))

    def _make_slots(self, keys: Keys) -> Int64s:
        # what a default is given for has its own length: the next one
        slots = [self._slots.setdefault(key, len(self._slots) + self._emptied) for key in keys]
        while len(self._slots) + self._emptied > len(self._columns):
            self._columns = _doubled(self._columns)
        return np.array(slots, dtype=np.int64)


def overlay(under: Columns, places: Int64s, over: Columns, chosen: Int64s | slice = slice(None)) -> None:
    """Writes the ``chosen`` rows of ``over`` to the ``places`` of ``under``, which has the same schema."""
    for name in ("t", "seq", "present"):
        getattr(under, name)[places] = getattr(over, name)[chosen]
    for mine, other in zip(under.features, over.features, strict=True):
        mine.values[places] = other.values[chosen]
        mine.null[places] = other.null[chosen]


def _doubled(columns: Columns) -> Columns:
    (more,) = decode([Cells.nothing(columns.schema, len(columns))])
    features = tuple(
        mine._replace(values=_joined(mine.values, other.values), null=_joined(mine.null, other.null))
        for mine, other in zip(columns.features, more.features, strict=True)
    )
    t, seq, present = (_joined(getattr(columns, name), getattr(more, name)) for name in ("t", "seq", "present"))
    return Columns(columns.schema, t, seq, present, features)


def _joined(first: npt.NDArray[_Scalar], second: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
    return np.concatenate([first, second])
