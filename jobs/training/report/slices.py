"""A column's rows in parts: by value, or by quarters where it has many numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penstock.jobs.console.times import time_words

Rows = npt.NDArray[np.int64]

#: Values that have a part of their own; the others are one part.
MOST = 10
QUARTERS = (0.25, 0.5, 0.75)


def parts(column: pa.ChunkedArray, *, times: bool = False) -> Iterator[tuple[str, Rows]]:
    """The words for each part, and its rows; no part is empty. ``times``: whole numbers are times, in milliseconds."""
    times = times or pa.types.is_timestamp(column.type)
    values = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
    items = np.array(values.to_pylist(), dtype=object)
    null = np.array([item is None for item in items], dtype=np.bool_)
    counts = Counter(items[~null].tolist())
    if len(counts) > MOST and not isinstance(next(iter(counts)), str):
        yield from _quarters(items, ~null, times)
    else:
        yield from _values(items, counts)
    if null.any():
        yield "null", np.flatnonzero(null)


def _values(items: npt.NDArray[np.object_], counts: Counter[object]) -> Iterator[tuple[str, Rows]]:
    """The most frequent values, in their order, and the others together."""
    often = sorted(counts, key=lambda value: (-counts[value], value))[:MOST]
    for value in sorted(often):  # type: ignore[type-var]
        yield _words(value), np.flatnonzero(items == value)
    if len(counts) > MOST:
        others = set(counts) - set(often)
        yield f"{len(others):,} others", np.array([place for place, item in enumerate(items) if item in others])


def _words(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _quarters(items: npt.NDArray[np.object_], known: npt.NDArray[np.bool_], times: bool) -> Iterator[tuple[str, Rows]]:
    numbers = np.full(len(items), np.nan)
    numbers[known] = items[known].astype(np.float64)
    edges = np.unique(np.quantile(numbers[known], QUARTERS, method="lower"))
    said = [time_words(int(edge)) if times else f"{edge:g}" for edge in edges]
    between = [f"{low} to {high}" for low, high in pairwise(said)]
    names = [f"up to {said[0]}", *between, f"over {said[-1]}"]
    places = np.searchsorted(edges, numbers)
    for place, name in enumerate(names):
        rows = np.flatnonzero((places == place) & known)
        if len(rows):
            yield name, rows
