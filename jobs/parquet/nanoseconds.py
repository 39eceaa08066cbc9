"""Nanoseconds with a zone, which DuckDB reads as microseconds cut towards 1970: before it, what is cut is a millisecond
too much where that is all that the time is off a whole one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.features.compilers.duckdb.parquet import FILE, placed_parquet
from penstock.features.compilers.duckdb.types import quote

_MILLISECOND, _MICROSECOND = 1_000_000, 1_000


def earlier_rows(
    db: duckdb.DuckDBPyConnection, files: Sequence[str], columns: Mapping[str, str]
) -> dict[str, dict[str, list[int]]]:
    """File → column → the numbers of its rows that lie in the millisecond before the one that DuckDB reads; files
    without such a row are left out. ``columns``: of these files, name → name in DuckDB.
    """
    doubtful = " OR ".join(_doubtful(quote(name)) for name in columns.values())
    query = f"SELECT DISTINCT {FILE} FROM {placed_parquet(files)} WHERE {doubtful} ORDER BY {FILE}"
    found = {file: _earlier(file, list(columns)) for (file,) in db.execute(query).fetchall()}
    return {file: rows for file, rows in found.items() if any(rows.values())}


def _doubtful(x: str) -> str:
    # first a bound, by which whole row groups are passed over
    return f"({x} <= TIMESTAMPTZ '1970-01-01 00:00:00+00' AND epoch_us({x}) % {_MICROSECOND} = 0)"


def _earlier(file: str, columns: Sequence[str]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {name: [] for name in columns}
    first = 0
    with pq.ParquetFile(file) as opened:
        for batch in opened.iter_batches(columns=list(columns)):
            for name in columns:
                rows[name] += (first + np.flatnonzero(_cut(batch.column(name)))).tolist()
            first += batch.num_rows
    return rows


def _cut(times: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Mask of the times that are less than a microsecond below a whole millisecond before 1970."""
    nanoseconds = np.asarray(times.cast(pa.int64()).fill_null(0))
    return (nanoseconds < 0) & (nanoseconds % _MILLISECOND > _MILLISECOND - _MICROSECOND)
