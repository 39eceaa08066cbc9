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


class Matrices:
    """The matrices of n vectors for several versions, which differ in the codes of strings alone."""

    def __init__(self, features: Sequence[tuple[str, str]], columns: Mapping[str, Values]) -> None:
        self._columns = columns
        self._texts = [(place, name) for place, (name, type) in enumerate(features) if type == "string"]
        #: Without the strings' codes.
        numbers = [(name, type) for name, type in features if type != "string"]
        self._rows, self._width = len(columns[features[0][0]]), len(features)
        self._numbers = matrix(numbers, {}, columns) if numbers else np.empty((self._rows, 0))
        self._others = [place for place, (_, type) in enumerate(features) if type != "string"]

    def of(self, categories: Mapping[str, Sequence[str]], places: npt.NDArray[np.int64]) -> Matrix:
        """As ``matrix``, of the vectors at ``places``. Shape (places, features)."""
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


def _codes(column: Values, categories: Sequence[str]) -> npt.NDArray[np.float64]:
    places = {category: place for place, category in enumerate(categories)}
    return np.fromiter((places.get(value, np.nan) for value in column.tolist()), np.float64, len(column))
