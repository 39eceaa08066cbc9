from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.features.aggregates import Extreme, First, Last, Max, Min
from penstock.features.compilers.duckdb.extremes import better_of, extremes
from tests.features.compilers.duckdb.test_sums import range_of

FUNCTIONS = {Min(): min, Max(): max, First(): lambda v: v[0], Last(): lambda v: v[-1]}
values = st.sampled_from([-(2**63), 2**63 - 1, 0, 1]) | st.integers(-9, 9)


@st.composite
def tied(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int]], list[int], list[bool] | None]:
    """Values, ranges that keep what is of one time together, where each time begins, and what takes part."""
    groups = draw(st.lists(st.lists(values, min_size=1, max_size=4), min_size=1, max_size=15))
    ties = np.cumsum([0, *(len(group) for group in groups)]).tolist()
    places = st.sampled_from(ties)
    ranges = draw(st.lists(st.tuples(places, places).map(lambda p: (min(p), max(p))), min_size=1, max_size=10))
    known = st.none() | st.lists(st.booleans(), min_size=ties[-1], max_size=ties[-1])
    return [value for group in groups for value in group], ranges, ties, draw(known)


@pytest.mark.parametrize("extreme", FUNCTIONS)
@pytest.mark.parametrize("type", [np.int64, np.float64])
@given(case=tied())
def test_extremes_are_of_the_known_values_in_order_of_time_and_value(
    extreme: Extreme, type: type, case: tuple[list[int], list[tuple[int, int]], list[int], list[bool] | None]
) -> None:
    given_, ranges, ties, known = case
    flags = None if known is None else np.array(known)
    # a range that begins after its last event does not occur
    ranges = [(a, b) for a, b in ranges if b > 0]
    (found,) = extremes(extreme, np.array(given_, type), flags, np.array(ties), [range_of(ranges)])
    times = np.repeat(np.arange(len(ties) - 1), np.diff(ties)).tolist()
    for (a, b), value in zip(ranges, found.tolist(), strict=True):
        alive = sorted((times[i], given_[i]) for i in range(a, b) if known is None or known[i])
        if alive:
            assert value == type(FUNCTIONS[extreme]([v for _, v in alive]))


def test_what_is_earlier_decides_for_first_and_last_only() -> None:
    earlier, later = np.array([1, 5]), np.array([3, 2])
    found = {extreme.name: better_of(extreme, earlier, later).tolist() for extreme in FUNCTIONS}
    assert found == {"min": [1, 2], "max": [3, 5], "first": [1, 5], "last": [3, 2]}
