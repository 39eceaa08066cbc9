from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from penstock.features.compilers.duckdb.chunks import chunks_of_keys, key_starts

batches_of = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), max_size=40).map(sorted)


def batch(rows: list[tuple[int, int]]) -> pa.RecordBatch:
    columns = [pa.array([str(k) for k, _ in rows], pa.string()), pa.array([g for _, g in rows], pa.int64())]
    return pa.RecordBatch.from_arrays([*columns, pa.array(range(len(rows)), pa.int64())], names=["k", "g", "n"])


@given(batches_of, st.integers(1, 9), st.integers(1, 10), st.integers(1, 5))
def test_chunks_hold_whole_keys_and_every_row_in_order(
    rows: list[tuple[int, int]], size: int, wanted: int, most_keys: int
) -> None:
    whole = batch(rows)
    batches = [whole[i : i + size] for i in range(0, len(rows), size)]
    chunks = list(chunks_of_keys(batches, ["k", "g"], wanted, most_keys))
    assert [n for chunk in chunks for n in chunk.column("n").to_pylist()] == list(range(len(rows)))
    keys = [set(zip(*(chunk.column(name).to_pylist() for name in "kg"), strict=True)) for chunk in chunks]
    assert all(0 < len(of) <= most_keys for of in keys)
    assert sum(map(len, keys)) == len(set(rows))
    assert all(len(of) == 1 or len(chunk) <= 2 * wanted for of, chunk in zip(keys, chunks, strict=True))


def test_keys_begin_where_any_of_their_columns_changes() -> None:
    assert key_starts(batch([(0, 0), (0, 0), (0, 1), (1, 1)]), ["k", "g"]).tolist() == [0, 2, 3]
    assert key_starts(batch([]), ["k", "g"]).tolist() == []
