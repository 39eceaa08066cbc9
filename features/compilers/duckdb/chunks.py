"""A stream of rows sorted by key, cut into chunks of whole keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.features.compilers.duckdb.columns import flags
from penstock.features.compilers.duckdb.words import Int64s


def key_starts(rows: pa.RecordBatch, keys: list[str]) -> Int64s:
    """Where each key's rows begin; keys are not null."""
    changed = np.zeros(max(len(rows) - 1, 0), dtype=np.bool_)
    for name in keys:
        column = rows.column(name)
        changed |= flags(pc.not_equal(column[1:], column[:-1]))
    starts = np.flatnonzero(changed) + 1
    return np.concatenate((np.zeros(min(len(rows), 1), np.int64), starts))


def chunks_of_keys(
    batches: Iterable[pa.RecordBatch], keys: list[str], rows: int, most_keys: int
) -> Iterator[pa.RecordBatch]:
    """Chunks of whole keys: of about so many rows, of more than twice as many only for a single key, and of no more
    than ``most_keys`` keys.
    """
    held: list[pa.RecordBatch] = []
    wanted = rows
    for batch in batches:
        held.append(batch)
        if sum(map(len, held)) >= wanted:
            whole = _joined(held)
            starts = key_starts(whole, keys)
            yield from _cut(whole, starts, 2 * rows, most_keys)
            held = [whole[starts[-1] :]]
            # a key that goes on and on is not copied with every batch
            wanted = max(rows, 2 * len(held[0]))
    if sum(map(len, held)):
        whole = _joined(held)
        yield from _cut(whole, np.append(key_starts(whole, keys), len(whole)), 2 * rows, most_keys)


def _cut(whole: pa.RecordBatch, starts: Int64s, rows: int, most_keys: int) -> Iterator[pa.RecordBatch]:
    """The rows up to the last of ``starts``."""
    begin = 0
    while begin + 1 < len(starts):
        end = int(np.searchsorted(starts, starts[begin] + rows, side="right")) - 1
        end = min(max(end, begin + 1), begin + most_keys)
        yield whole[starts[begin] : starts[end]]
        begin = end


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    (whole,) = pa.Table.from_batches(batches).combine_chunks().to_batches()
    return whole
