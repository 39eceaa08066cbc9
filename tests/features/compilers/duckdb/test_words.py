from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penstock.features.compilers.duckdb.words import (
    Words,
    absolute,
    add,
    bound,
    extend,
    fits_int64,
    multiply,
    negative,
    running,
    subtract,
    take,
    to_integers,
    widen,
    words_for,
)

int64s = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, -1, 2**32, -(2**32), -(2**63), 2**63 - 1])
wide = st.integers(-(2**189), 2**189) | st.integers(-(2**64), 2**64) | st.sampled_from([2**63, -(2**127), 2**128 - 1])


def words_of(numbers: list[int], words: int = 3) -> Words:
    return tuple(np.array([(n >> 64 * i) & (2**64 - 1) for n in numbers], dtype=np.uint64) for i in range(words))


@given(st.lists(wide))
def test_integers_go_in_and_come_back(numbers: list[int]) -> None:
    held = words_of(numbers)
    assert to_integers(held) == numbers
    assert to_integers(absolute(held)) == [abs(n) for n in numbers]
    assert negative(held).tolist() == [n < 0 for n in numbers]
    assert fits_int64(held).tolist() == [-(2**63) <= n < 2**63 for n in numbers]
    assert to_integers(take(held, np.arange(len(numbers))[::-1])) == numbers[::-1]
    assert all(abs(n) <= bound(absolute(held)) for n in numbers)


@given(st.lists(int64s), st.integers(1, 3))
def test_int64_is_widened_with_its_sign(numbers: list[int], words: int) -> None:
    held = widen(np.array(numbers, dtype=np.int64), words)
    assert len(held) == words and to_integers(held) == numbers
    assert to_integers(extend(held, 3)) == numbers
    assert to_integers(extend(extend(held, 3), 1)) == numbers


@given(st.lists(st.tuples(wide, wide)))
def test_sums_and_differences_carry(pairs: list[tuple[int, int]]) -> None:
    a, b = words_of([a for a, _ in pairs]), words_of([b for _, b in pairs])
    assert to_integers(add(a, b)) == [x + y for x, y in pairs]
    assert to_integers(subtract(a, b)) == [x - y for x, y in pairs]


@given(st.lists(st.tuples(st.integers(0, 2**127), st.integers(0, 2**62) | st.just(2**64 - 1))), st.integers(1, 3))
def test_a_product_is_exact_in_the_words_that_it_is_given(pairs: list[tuple[int, int]], words: int) -> None:
    a, b = words_of([a for a, _ in pairs], 2), words_of([b for _, b in pairs], 1)
    expected = [(x * y) % 2 ** (64 * words) for x, y in pairs]
    for found in (multiply(a, b, words), multiply(b, a, words)):
        assert [n % 2 ** (64 * words) for n in to_integers(found)] == expected


@given(st.lists(int64s | st.integers(0, 2**126).map(lambda n: n)), st.integers(2, 3))
def test_running_sums_carry_from_word_to_word(numbers: list[int], words: int) -> None:
    sums = [sum(numbers[:i]) for i in range(len(numbers) + 1)]
    found = to_integers(running(words_of(numbers, words)))
    assert [n % 2 ** (64 * words) for n in found] == [n % 2 ** (64 * words) for n in sums]


def test_how_many_words_a_bound_needs() -> None:
    assert [words_for(n) for n in (0, 2**63 - 1, 2**63, 2**127 - 1, 2**127)] == [1, 1, 2, 2, 3]
