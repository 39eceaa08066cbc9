from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.features.compilers.duckdb import numbers as module
from penstock.features.compilers.duckdb.numbers import quotients, ratios
from tests.features.compilers.duckdb.test_words import words_of

PLACES = [0, 2, 6, 12, 15, 16, 22, 44]
numerators = (
    st.integers(-(2**188), 2**188)
    | st.integers(-(2**66), 2**66)
    | st.integers(-1000, 1000)
    | st.sampled_from([2**53, -(2**53), 2**53 - 1, 2**63])
)
counts = st.integers(0, 100) | st.integers(0, 2**62 - 1) | st.sampled_from([1, 2**53, 2**53 + 1])


@given(st.lists(st.tuples(numerators, counts), min_size=1), st.sampled_from(PLACES))
def test_a_quotient_is_the_nearest_double(rows: list[tuple[int, int]], places: int) -> None:
    rows = [(number if count else 0, count) for number, count in rows]
    found = quotients(words_of([n for n, _ in rows]), np.array([c for _, c in rows]), places)
    for (number, count), value in zip(rows, found.tolist(), strict=True):
        if count:
            assert value.hex() == float(Fraction(number, count * 10**places)).hex()
        else:
            assert np.isnan(value)


@given(st.integers(2**52, 2**53 - 1), st.integers(-3, 3), st.integers(0, 60), st.integers(1, 2**62 - 1))
def test_next_to_the_middle_of_two_doubles_it_is_still_the_nearest(head: int, off: int, tail: int, count: int) -> None:
    # (2 * head + 1) * 2**tail lies in the middle of two doubles; the numerator is as near as an integer can be
    number = (2 * head + 1) * 2**tail * count + off
    found = quotients(words_of([number, -number]), np.array([count, count]), 0).tolist()
    assert found == [float(Fraction(number, count)), -float(Fraction(number, count))]


@given(st.lists(st.tuples(st.integers(-(2**600), 2**600) | numerators, st.integers(0, 2**600) | counts), min_size=1))
def test_a_ratio_of_wide_integers_is_the_nearest_double(rows: list[tuple[int, int]]) -> None:
    found = ratios(words_of([n for n, _ in rows], 10), words_of([d for _, d in rows], 10))
    for (number, divisor), value in zip(rows, found.tolist(), strict=True):
        assert np.isnan(value) if divisor == 0 else value.hex() == float(Fraction(number, divisor)).hex()


def test_common_quotients_need_no_slow_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "to_integers", lambda values: pytest.fail("slow"))
    rand = np.random.default_rng(0)
    numbers = [int(n) * 10**9 + 7 for n in rand.integers(-(2**62), 2**62, 1000)]
    quotients(words_of(numbers), rand.integers(1, 10**6, 1000), 12)
