"""A column's values as numbers in their own order, and back: what extremes are taken of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.features.compilers.duckdb.columns import Bools, column_of, column_of_flags, flags, int64s
from penstock.features.compilers.duckdb.extremes import Values
from penstock.features.compilers.duckdb.words import Int64s


@dataclass(frozen=True)
class Codes:
    """``values``: a number per row, anything where the column is null. ``texts``: what the numbers of strings mean."""

    type: pa.DataType
    values: Values
    texts: pa.Array | None = None

    def column(self, values: Values, known: Bools | None) -> pa.Array:
        """The column that these numbers stand for; null where they are not known."""
        if self.texts is not None:
            return self.texts.take(column_of(values, known, pa.int64()))
        if pa.types.is_boolean(self.type):
            return column_of_flags(values != 0, known)
        return column_of(values, known, self.type)


def codes(column: pa.Array) -> Codes:
    """The numbers of a column of DOUBLE, BIGINT, BOOLEAN or VARCHAR."""
    if pa.types.is_string(column.type):
        return _ranks(column)
    if pa.types.is_boolean(column.type):
        return Codes(column.type, flags(column).astype(np.int64))
    if pa.types.is_float64(column.type):
        return Codes(column.type, int64s(column).view(np.float64))
    return Codes(column.type, int64s(column))


def _ranks(column: pa.Array) -> Codes:
    """Strings by their rank among all of the column: the order of UTF-8's bytes is that of code points."""
    encoded = column.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary)
    ranks: Int64s = np.zeros(max(len(order), 1), dtype=np.int64)
    ranks[int64s(order)] = np.arange(len(order))
    places = np.frombuffer(encoded.indices.buffers()[1], dtype=np.int32)[encoded.offset :][: len(column)]
    known = np.ones(len(column), np.bool_) if column.null_count == 0 else flags(column.is_valid())
    return Codes(column.type, ranks[np.where(known, places, 0)], encoded.dictionary.take(order))
