from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from penstock.features.compilers.duckdb.columns import column_of, column_of_flags, filled, flags, valid, words_of
from penstock.features.compilers.duckdb.words import to_integers

skips = st.integers(0, 3)


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=3), skips)
def test_integers_are_read_by_their_buffers_and_written_back(values: list[int | None], skip: int) -> None:
    column = pa.array(values, pa.int64())[skip:]
    assert filled(column).tolist() == [value or 0 for value in values[skip:]]
    known = valid(column)
    assert (known is None and None not in values[skip:]) or known.tolist() == [v is not None for v in values[skip:]]
    assert column_of(filled(column).copy(), known, pa.int64()).equals(column)


@given(st.lists(st.booleans(), min_size=3, max_size=40), skips)
def test_flags_are_read_and_written_bit_by_bit(values: list[bool], skip: int) -> None:
    column = pa.array(values)[skip:]
    assert flags(column).tolist() == values[skip:]
    assert column_of_flags(flags(column)).equals(column)
    assert column_of_flags(flags(column), ~flags(column)).null_count == sum(values[skip:])


@given(st.lists(st.none() | st.integers(-(10**37), 10**37), min_size=3), skips)
def test_wide_integers_come_from_decimals(values: list[int | None], skip: int) -> None:
    column = pa.array([None if v is None else Decimal(v) for v in values], pa.decimal128(38, 0))[skip:]
    assert to_integers(words_of(column)) == [value or 0 for value in values[skip:]]


def test_a_column_that_knows_all_has_no_nulls() -> None:
    assert column_of(np.arange(3), np.ones(3, np.bool_), pa.int64()).null_count == 0
