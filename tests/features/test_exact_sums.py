"""Exact sums of doubles."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.features.exact_sums import PLACES, exact_mean, exact_ratio, exact_sum

DOUBLES = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40)


@given(DOUBLES)
def test_a_sum_is_that_of_the_fractions(values: list[float]) -> None:
    assert exact_sum(np.array(values)) == sum(map(Fraction, values)) * 2**PLACES


@given(DOUBLES, st.integers(0, 40))
def test_parts_can_be_merged_and_taken_back(values: list[float], cut: int) -> None:
    whole, first, rest = (exact_sum(np.array(part)) for part in (values, values[:cut], values[cut:]))
    assert first + rest == whole
    assert whole - first == rest


@pytest.mark.parametrize(
    ("values", "mean"), [([0.1] * 10, 0.1), ([1e308, 1e308], 1e308), ([5e-324, 0.0, 5e-324], 5e-324), ([-0.0], 0.0)]
)
def test_a_mean_is_rounded_once(values: list[float], mean: float) -> None:
    assert exact_mean(exact_sum(np.array(values)), len(values)) == mean


def test_a_ratio_of_sums_is_rounded_once() -> None:
    assert exact_ratio(exact_sum(np.array([0.1, 0.2])), exact_sum(np.array([3.0]))) == float(
        (Fraction(0.1) + Fraction(0.2)) / 3
    )
    assert exact_sum(np.empty(0)) == 0
