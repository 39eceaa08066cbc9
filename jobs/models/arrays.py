"""Arrow columns as the vector's values and back, and the one matrix that training and serving give to a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from penstock.features.dimensions import VECTORS, dimensions, entries, kept_as
from penstock.features.errors import PenstockError
from penstock.features.vector import DTYPES, Mask, Values

Matrix = npt.NDArray[np.float64]

#: Timestamps are milliseconds everywhere in Penstock: no value of theirs is out of reach.
ARROW_TYPES = {
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("ms", tz="UTC"),
    VECTORS: pa.list_(pa.float32()),
}


def arrow_type(type: str) -> pa.DataType:
    """Arrow's type for the vector's values of a type."""
    return ARROW_TYPES[kept_as(type)]


def values_of(type: str, column: pa.Array | pa.ChunkedArray) -> Values:
    """A column as values of a type; timestamps of any unit, and plain integers, as milliseconds.

    Raises PenstockError for a vector of another length.
    """
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    null = np.asarray(whole.is_null(), dtype=np.bool_)
    if type == "timestamp" and pa.types.is_timestamp(whole.type):
        whole = whole.cast(ARROW_TYPES[type], safe=False)
    size = dimensions(type)
    if size is not None:
        return _vectors_of(type, size, whole, null)
    if type == "string":
        return Values(type, np.array(whole.to_pylist(), dtype=object), null)
    dtype, under = DTYPES[type]
    plain = whole.cast(pa.int64() if type == "timestamp" else ARROW_TYPES[type])
    return Values(type, np.asarray(pc.fill_null(plain, under)).astype(dtype, copy=False), null)


def _vectors_of(type: str, size: int, lists: pa.Array, null: Mask) -> Values:
    values = np.full((len(lists), size), np.nan, np.float32)
    elements = lists.filter(pa.array(~null)).flatten().cast(pa.float32())
    lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), size))
    if (lengths != size).any() or elements.null_count:
        raise PenstockError(f"a vector of {lengths[lengths != size][:1]} elements, not of {size}", where=type)
    values[~null] = np.asarray(elements).reshape(-1, size)
    return Values(type, values, null)


def array_of(values: Values) -> pa.Array:
    """Values as an Arrow array of their type."""
    if dimensions(values.type) is not None:
        lengths = np.where(values.null, 0, values.values.shape[1])
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
        elements = pa.array(values.values[~values.null].ravel(), pa.float32())
        return pa.ListArray.from_arrays(offsets, elements, mask=pa.array(values.null))
    plain = pa.int64() if values.type == "timestamp" else ARROW_TYPES[values.type]
    return pa.array(values.values, plain, mask=values.null).cast(ARROW_TYPES[values.type])


def matrix(
    features: Sequence[tuple[str, str]], categories: Mapping[str, Sequence[str]], columns: Mapping[str, Values]
) -> Matrix:
    """Shape (rows, entries), float64, NaN for null. ``features``: name and type, in order.

    A bool is 0 or 1; an int64 or a timestamp (milliseconds) becomes the nearest double; a string its place among
    its sorted ``categories``, NaN where it is none of them; a vector has an entry for each element (``entries_of``).
    """
    numbers: list[npt.NDArray[Any]] = []
    null: list[Mask] = []
    for name, type in features:
        column = columns[name]
        if column.values.ndim > 1:
            numbers += list(column.values.T)
        else:
            numbers.append(_codes(column, categories.get(name, ())) if type == "string" else column.values)
        null += [column.null] * (len(numbers) - len(null))
    # rows as LightGBM takes them; a call for all columns, because for few rows it is calls that cost
    filled = np.ascontiguousarray(np.array(numbers, dtype=np.float64).T)
    filled[np.array(null).T] = np.nan
    return filled


class Matrices:
    """The matrices of n vectors for several versions, which differ in the codes of strings alone."""

    def __init__(self, features: Sequence[tuple[str, str]], columns: Mapping[str, Values]) -> None:
        self._columns = columns
        entries = entries_of(features)
        self._texts = [(place, name) for place, (name, type) in enumerate(entries) if type == "string"]
        #: Without the strings' codes.
        numbers = [(name, type) for name, type in features if type != "string"]
        self._rows, self._width = len(columns[features[0][0]]), len(entries)
        self._numbers = matrix(numbers, {}, columns) if numbers else np.empty((self._rows, 0))
        self._others = [place for place, (_, type) in enumerate(entries) if type != "string"]

    def of(self, categories: Mapping[str, Sequence[str]], places: npt.NDArray[np.int64]) -> Matrix:
        """As ``matrix``, of the vectors at ``places``. Shape (places, entries)."""
        whole = len(places) == self._rows
        numbers = self._numbers if whole else self._numbers[places]
        if not self._texts:
            return numbers
        filled = np.empty((len(places), self._width))
        filled[:, self._others] = numbers
        for place, name in self._texts:
            column = self._columns[name]
            some = column if whole else Values(column.type, column.values[places], column.null[places])
            filled[:, place] = _codes(some, categories.get(name, ()))
        return filled


def entries_of(features: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The matrix's columns, as name and type: of a vector its elements, each a float64."""
    return [
        (entry, type if dimensions(type) is None else "float64")
        for name, type in features
        for entry in entries(name, type)
    ]


def of_features(features: Sequence[tuple[str, str]], shares: Matrix) -> Matrix:
    """Shares of the matrix's columns, on the last axis, added up to those of the features."""
    sizes = [dimensions(type) or 1 for _, type in features]
    if len(sizes) == shares.shape[-1]:
        return shares
    return np.add.reduceat(shares, np.cumsum([0, *sizes[:-1]]), axis=-1)


def _codes(column: Values, categories: Sequence[str]) -> npt.NDArray[np.float64]:
    places = {category: place for place, category in enumerate(categories)}
    return np.fromiter((places.get(value, np.nan) for value in column.tolist()), np.float64, len(column))
