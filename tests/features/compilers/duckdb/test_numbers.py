from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from features.compilers.duckdb.numbers import Integers, ratio

numbers = st.integers(-(10**37), 10**37) | st.integers(-(2**64), 2**64) | st.sampled_from([2**53, -(2**53), 2**63])


def decimals(values: list[int]) -> pa.Array:
    return pa.array([Decimal(value) for value in values], pa.decimal128(38, 0))


@given(st.lists(numbers, min_size=1))
def test_integers_come_back_from_decimals(values: list[int]) -> None:
    column = Integers(decimals([7, *values]).slice(1))
    assert column.at(np.arange(len(values))) == values
    assert column.fits.tolist() == [-(2**63) <= value < 2**63 for value in values]
    assert column.small.tolist() == [abs(value) < 2**53 for value in values]


@given(st.lists(st.tuples(numbers, st.integers(0, 10**6)), min_size=1), st.sampled_from([0, 2, 6, 15, 16, 22]))
def test_a_ratio_is_the_nearest_double(rows: list[tuple[int, int]], places: int) -> None:
    counts = np.array([count for _, count in rows])
    found = ratio(Integers(decimals([number for number, _ in rows])), counts, 10**places)
    for (number, count), value in zip(rows, found.tolist(), strict=True):
        if count:
            assert value == float(Fraction(number, count * 10**places))
        else:
            assert np.isnan(value)
