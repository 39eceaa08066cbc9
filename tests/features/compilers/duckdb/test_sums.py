from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penstock.features.compilers.duckdb.frames import Range
from penstock.features.compilers.duckdb.sums import range_counts, range_powers, range_squares, range_sums
from penstock.features.compilers.duckdb.words import to_integers

int64s = st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 9) | st.sampled_from([-(2**63), 2**63 - 1, 2**53])


@st.composite
def summed(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int]]]:
    values = draw(st.lists(int64s, min_size=1, max_size=40))
    places = st.integers(0, len(values))
    ranges = draw(st.lists(st.tuples(places, places).map(lambda p: (min(p), max(p))), max_size=20))
    return values, ranges


def range_of(ranges: list[tuple[int, int]]) -> Range:
    low, high = (np.array([r[i] for r in ranges], dtype=np.int64) for i in (0, 1))
    return Range(low, high)


@given(summed())
def test_sums_and_squares_are_exact_whatever_they_need(case: tuple[list[int], list[tuple[int, int]]]) -> None:
    values, ranges = case
    column, r = np.array(values, dtype=np.int64), range_of(ranges)
    for found in range_sums(column, [r, r]):
        assert to_integers(found) == [sum(values[a:b]) for a, b in ranges]
    (squares,) = range_squares(column, [r])
    assert to_integers(squares) == [sum(v * v for v in values[a:b]) for a, b in ranges]


@given(summed(), st.integers(1, 4))
def test_powers_are_exact_whatever_they_need(case: tuple[list[int], list[tuple[int, int]]], power: int) -> None:
    values, ranges = case
    sizes = [value % 2**64 for value in values]
    (found,) = range_powers(np.array(sizes, dtype=np.uint64), power, [range_of(ranges)])
    assert to_integers(found) == [sum(v**power for v in sizes[a:b]) for a, b in ranges]


@given(summed())
def test_counts_are_of_what_is_flagged(case: tuple[list[int], list[tuple[int, int]]]) -> None:
    values, ranges = case
    flags = np.array([value % 2 == 0 for value in values])
    assert range_counts(None, [range_of(ranges)])[0].tolist() == [b - a for a, b in ranges]
    assert range_counts(flags, [range_of(ranges)])[0].tolist() == [int(flags[a:b].sum()) for a, b in ranges]
