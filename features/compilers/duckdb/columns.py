"""Columns between Arrow and numpy, by their buffers: pyarrow's own way would import pandas."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penstock.features.compilers.duckdb.words import Int64s, Words

Bools = npt.NDArray[np.bool_]


def int64s(column: pa.Array) -> Int64s:
    """The values of a column of int64, anything where they are null."""
    return np.frombuffer(column.buffers()[1], dtype=np.int64, count=column.offset + len(column))[column.offset :]


def filled(column: pa.Array) -> Int64s:
    """int64 values, 0 where they are null."""
    values, known = int64s(column), valid(column)
    return values if known is None else np.where(known, values, 0)


def flags(column: pa.Array) -> Bools:
    """Booleans, anything where they are null."""
    return _bits(column, 1)


def valid(column: pa.Array) -> Bools | None:
    """Which values are not null; None: all."""
    return None if column.null_count == 0 else _bits(column, 0)


def _bits(column: pa.Array, buffer: int) -> Bools:
    packed = np.frombuffer(column.buffers()[buffer], dtype=np.uint8)
    end = column.offset + len(column)
    return np.unpackbits(packed, count=end, bitorder="little")[column.offset :].view(np.bool_)


def words_of(column: pa.Array) -> Words:
    """Integers of 128 bits, as DuckDB gives HUGEINT (decimal(38, 0)), 0 where they are null."""
    pairs = np.frombuffer(column.buffers()[1], dtype=np.uint64).reshape(-1, 2)
    pairs = pairs[column.offset : column.offset + len(column)]
    known = valid(column)
    if known is not None:
        pairs = np.where(known[:, None], pairs, np.uint64(0))
    return pairs[:, 0].copy(), pairs[:, 1].copy()


def column_of(values: npt.NDArray[np.generic], known: Bools | None, type: pa.DataType) -> pa.Array:
    """A column of 64-bit numbers, null where they are not known; the buffers are shared."""
    if known is None or known.all():
        return pa.Array.from_buffers(type, len(values), [None, pa.py_buffer(values)], null_count=0)
    mask = pa.py_buffer(np.packbits(known, bitorder="little"))
    return pa.Array.from_buffers(type, len(values), [mask, pa.py_buffer(values)])


def column_of_flags(values: Bools, known: Bools | None = None) -> pa.Array:
    """A column of booleans, null where they are not known."""
    packed = (None if bits is None else pa.py_buffer(np.packbits(bits, bitorder="little")) for bits in (known, values))
    return pa.Array.from_buffers(pa.bool_(), len(values), list(packed))
