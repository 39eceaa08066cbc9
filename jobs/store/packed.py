"""A row of one view in one piece, so that a store finds, reads and gives it whole, whatever the number of features.

All numbers are little-endian, and features stand in the order of their names, those of one kind together:

    layout   uint32          a checksum of the names and types
    t, seq   int64 each
    null     a byte for each feature: 1 for a null
    int64    8 bytes each, timestamps too (milliseconds)
    float64  8 bytes each
    bool     a byte each
    others   uint32 and so many bytes: the feature's cell, as Feast keeps it
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from penstock.features.dimensions import kept_as
from penstock.jobs.store.bulk import EncodedRows
from penstock.jobs.store.clock import ABSENT
from penstock.jobs.store.columns import Columns, filled
from penstock.jobs.store.encoding import NULL, Cell, Decoded, Mask, decode_column
from penstock.jobs.store.rows import ViewSchema

Features = tuple[tuple[str, str], ...]

#: Type → the group of the fixed part that its values stand in.
_GROUPS = {"int64": "int64", "timestamp": "int64", "float64": "float64", "bool": "bool"}
_DTYPES = {"int64": "<i8", "float64": "<f8", "bool": "?"}
_NOTHING = {"int64": 0, "float64": np.nan, "bool": False}
_LENGTH = struct.Struct("<I")


class OtherLayout(Exception):
    """Rows that were packed for other features."""


@dataclass(frozen=True)
class Layout:
    """Where the features of a view stand. ``order``: them in the order of the null bytes.

    ``fixed`` is the part that every row has, ``groups`` its groups' features, ``others`` those that follow it;
    ``blank`` and ``blank_fixed`` stand for a key without a row.
    """

    order: Features
    checksum: int
    fixed: np.dtype[np.void]
    groups: dict[str, Features]
    others: Features
    blank: bytes
    blank_fixed: bytes

    def pack(self, rows: EncodedRows) -> list[bytes]:
        """n rows, each in one piece. Raises PenstockError for a cell of another type."""
        heads = self.pack_fixed(rows)
        if not self.others:
            return heads
        cells = dict(zip(rows.names, rows.columns, strict=True))
        tails = zip(*(map(_with_length, cells[name]) for name, _ in self.others), strict=True)
        return [b"".join((head, *tail)) for head, tail in zip(heads, tails, strict=True)]

    def pack_fixed(self, rows: EncodedRows) -> list[bytes]:
        """The fixed part of each of n rows. Raises PenstockError for a cell of another type."""
        cells = dict(zip(rows.names, rows.columns, strict=True))
        table = np.zeros(len(rows.keys), dtype=self.fixed)
        table["layout"], table["t"], table["seq"] = self.checksum, rows.t, rows.seq
        null: dict[str, Any] = {name: [not cell for cell in cells[name]] for name, _ in self.others}
        for group, features in self.groups.items():
            for place, (name, type) in enumerate(features):
                table[group][:, place], null[name] = decode_column(type, cells[name], where=name)
        for place, (name, _) in enumerate(self.order):
            table["null"][:, place] = null[name]
        return split(table.tobytes(), self.fixed.itemsize)

    def unpack(self, schema: ViewSchema, rows: Sequence[bytes]) -> Columns:
        """The rows as columns. Raises OtherLayout."""
        size = self.fixed.itemsize
        table = self._table([row[:size] for row in rows] if self.others else rows)
        return self._columns(schema, table, _tails(rows, size, len(self.others)))

    def unpack_fixed(self, schema: ViewSchema, heads: Sequence[bytes], others: Sequence[Sequence[Cell]]) -> Columns:
        """The fixed parts, and for each of ``self.others`` a column of cells, as ``unpack`` gives them."""
        return self._columns(schema, self._table(heads), others)

    def _table(self, heads: Sequence[bytes]) -> npt.NDArray[np.void]:
        joined = b"".join(heads)
        if len(joined) != self.fixed.itemsize * len(heads):
            raise OtherLayout
        table = np.frombuffer(joined, dtype=self.fixed)
        if not np.all(table["layout"] == self.checksum):
            raise OtherLayout
        return table

    def _columns(self, schema: ViewSchema, table: npt.NDArray[np.void], others: Sequence[Sequence[Cell]]) -> Columns:
        decoded = dict(self._decoded(table, others))
        return filled(schema, table["t"].copy(), table["seq"].copy(), [decoded[name] for name in schema.feature_names])

    def _decoded(self, table: npt.NDArray[np.void], others: Sequence[Sequence[Cell]]) -> Iterator[tuple[str, Decoded]]:
        masks = table["null"].T.copy("C").view(np.bool_)
        null: dict[str, Mask] = {name: mask for (name, _), mask in zip(self.order, masks, strict=True)}
        for group, features in self.groups.items():
            values = table[group].T.copy("C")
            for (name, _), column in zip(features, values, strict=True):
                yield name, (column, null[name])
        for (name, type), cells in zip(self.others, others, strict=True):
            yield name, decode_column(type, cells, where=name)


@lru_cache(maxsize=1024)
def layout_of(features: Features) -> Layout:
    """The layout of these features, in whatever order they are given."""
    order = tuple(sorted(features))
    groups = {
        group: tuple(feature for feature in order if _GROUPS.get(feature[1]) == group)
        for group in dict.fromkeys(_GROUPS.values())
    }
    others = tuple(feature for feature in order if feature[1] not in _GROUPS)
    # Feast's own ways in know a vector as a list
    checksum = crc32(repr(tuple((name, kept_as(type)) for name, type in order)).encode())
    fixed = np.dtype(
        [
            ("layout", "<u4"),
            ("t", "<i8"),
            ("seq", "<i8"),
            ("null", "u1", (len(order),)),
            *((group, _DTYPES[group], (len(chosen),)) for group, chosen in groups.items()),
        ]
    )
    blank = _blank_fixed(fixed, checksum)
    return Layout(order, checksum, fixed, groups, others, blank + _with_length(NULL) * len(others), blank)


def _blank_fixed(fixed: np.dtype[np.void], checksum: int) -> bytes:
    row = np.zeros(1, dtype=fixed)
    row["layout"], row["t"], row["seq"], row["null"] = checksum, ABSENT, ABSENT, 1
    for group, nothing in _NOTHING.items():
        row[group] = nothing
    return row.tobytes()


def _with_length(cell: Cell) -> bytes:
    return _LENGTH.pack(len(cell or NULL)) + (cell or NULL)


def split(joined: bytes, size: int) -> list[bytes]:
    """Parts of so many bytes; the last one may have less."""
    return [joined[start : start + size] for start in range(0, len(joined), size)]


def _tails(rows: Sequence[bytes], start: int, count: int) -> list[list[bytes]]:
    """The cells after the fixed part: for each of ``count`` features a column."""
    columns: list[list[bytes]] = [[] for _ in range(count)]
    length: Callable[..., tuple[Any, ...]] = _LENGTH.unpack_from
    for row in rows:
        end = start
        for column in columns:
            begin = end + _LENGTH.size
            end = begin + length(row, end)[0]
            column.append(row[begin:end])
    return columns
