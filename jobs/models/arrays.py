"""Arrow columns as the vector's values and back, and the one matrix that training and serving give to LightGBM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from penstock.features.vector import DTYPES, Values

Matrix = npt.NDArray[np.float64]

#: Timestamps are milliseconds everywhere in Penstock: no value of theirs is out of reach.
ARROW_TYPES = {
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("ms", tz="UTC"),
}


def values_of(type: str, column: pa.Array | pa.ChunkedArray) -> Values:
    """A column as values of a type; timestamps of any unit, and plain integers, as milliseconds."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    null = np.asarray(whole.is_null(), dtype=np.bool_)
    if type == "timestamp" and pa.types.is_timestamp(whole.type):
        whole = whole.cast(ARROW_TYPES[type], safe=False)
    if type == "string":
        return Values(type, np.array(whole.to_pylist(), dtype=object), null)
    dtype, under = DTYPES[type]
    plain = whole.cast(pa.int64() if type == "timestamp" else ARROW_TYPES[type])
    return Values(type, np.asarray(pc.fill_null(plain, under)).astype(dtype, copy=False), null)


def array_of(values: Values) -> pa.Array:
    """Values as an Arrow array of their type."""
    plain = pa.int64() if values.type == "timestamp" else ARROW_TYPES[values.type]
    return pa.array(values.values, plain, mask=values.null).cast(ARROW_TYPES[values.type])


def matrix(
    features: Sequence[tuple[str, str]], categories: Mapping[str, Sequence[str]], columns: Mapping[str, Values]
) -> Matrix:
    """Shape (rows, features), float64, NaN for null. ``features``: name and type, in order.

    A bool is 0 or 1; an int64 or a timestamp (milliseconds) becomes the nearest double; a string its place among
    its sorted ``categories``, NaN where it is none of them.
    """
    numbers = [
        _codes(columns[name], categories.get(name, ())) if type == "string" else columns[name].values
        for name, type in features
    ]
    # rows as LightGBM takes them; a call for all columns, because for few rows it is calls that cost
    filled = np.ascontiguousarray(np.array(numbers, dtype=np.float64).T)
    filled[np.array([columns[name].null for name, _ in features]).T] = np.nan
    return filled


def _codes(column: Values, categories: Sequence[str]) -> npt.NDArray[np.float64]:
    places = {category: place for place, category in enumerate(categories)}
    return np.fromiter((places.get(value, np.nan) for value in column.tolist()), np.float64, len(column))
