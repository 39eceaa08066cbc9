from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penstock.features.compilers.duckdb.ranks import count_below, kth

numbers = st.lists(st.integers(0, 9) | st.integers(0, 2**40), max_size=60)


@st.composite
def asked(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int, int]]]:
    values = draw(numbers)
    places = st.integers(0, len(values))
    query = st.tuples(places, places, st.integers(0, 2**41) | st.integers(0, 11))
    return values, draw(st.lists(query.map(lambda q: (min(q[:2]), max(q[:2]), q[2])), max_size=20))


def columns(queries: list[tuple[int, int, int]]) -> list[np.typing.NDArray[np.int64]]:
    return [np.array([query[i] for query in queries], dtype=np.int64) for i in range(3)]


@given(asked())
def test_how_many_of_a_range_are_below_a_bound(case: tuple[list[int], list[tuple[int, int, int]]]) -> None:
    values, queries = case
    found = count_below(np.array(values, dtype=np.int64), *columns(queries))
    assert found.tolist() == [sum(v < bound for v in values[a:b]) for a, b, bound in queries]


@given(asked())
def test_the_kth_least_of_a_range(case: tuple[list[int], list[tuple[int, int, int]]]) -> None:
    values, queries = case
    queries = [(a, b, k % (b - a)) for a, b, k in queries if b > a]
    found = kth(np.array(values, dtype=np.int64), *columns(queries))
    assert found.tolist() == [sorted(values[a:b])[k] for a, b, k in queries]
