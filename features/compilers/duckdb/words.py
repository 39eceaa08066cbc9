"""Columns of exact integers wider than 64 bits: words of 64 bits, least first, in two's complement.

All arithmetic is modulo ``2**(64 * words)``, so any number of additions may wrap on the way: a result is exact as soon
as it fits. Who calls chooses the number of words by a bound on what comes out (``words_for``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]

#: One array of equal length per word.
Words = tuple[UInt64s, ...]

_HALF, _LOW = np.uint64(32), np.uint64(2**32 - 1)


def words_for(bound: int) -> int:
    """How many words hold every integer of this size or less, and its sign."""
    return bound.bit_length() // 64 + 1


def widen(values: Int64s, words: int) -> Words:
    """int64 as words."""
    sign = (values >> 63).view(np.uint64) if words > 1 else values.view(np.uint64)
    return (values.view(np.uint64), *(words - 1) * (sign,))


def unsigned(values: Words, words: int) -> Words:
    """Integers that are not negative in so many words, or fewer when they fit; their last word may be full."""
    return (*values, *(words - len(values)) * (np.zeros_like(values[0]),))[:words]


def extend(values: Words, words: int) -> Words:
    """The same integers in more words, or in fewer when they fit."""
    return (*values, *widen(values[-1].view(np.int64), 2)[1:] * (words - len(values)))[:words]


def bound(values: Words) -> int:
    """An integer that none of these, which are not negative, exceeds."""
    *rest, high = values
    return ((int(high.max(initial=0)) + 1) << (64 * len(rest))) - 1


def take(values: Words, places: Int64s) -> Words:
    """The integers at these places."""
    return tuple(word[places] for word in values)


def add(a: Words, b: Words) -> Words:
    """``a + b``, of as many words each."""
    total: list[UInt64s] = []
    carry: npt.NDArray[np.bool_] | None = None
    for x, y in zip(a, b, strict=True):
        word = x + y
        over = word < x
        if carry is not None:
            word = word + carry
            over |= word < carry
        total.append(word)
        carry = over
    return tuple(total)


def subtract(a: Words, b: Words) -> Words:
    """``a - b``, of as many words each."""
    rest: list[UInt64s] = []
    borrow: npt.NDArray[np.bool_] | None = None
    for x, y in zip(a, b, strict=True):
        word = x - y
        under = x < y
        if borrow is not None:
            under |= word < borrow
            word = word - borrow
        rest.append(word)
        borrow = under
    return tuple(rest)


def negative(values: Words) -> npt.NDArray[np.bool_]:
    """Which are below zero."""
    below: npt.NDArray[np.bool_] = values[-1].view(np.int64) < 0
    return below


def absolute(values: Words) -> Words:
    """Their sizes."""
    sign = (values[-1].view(np.int64) >> 63).view(np.uint64)
    flipped = tuple(word ^ sign for word in values)
    return subtract(flipped, len(values) * (sign,))


def multiply(a: Words, b: Words, words: int) -> Words:
    """``a * b`` for integers that are not negative, in so many words; ``a`` and ``b`` may have fewer."""
    total: list[UInt64s | None] = [None for _ in range(words)]
    for i, x in enumerate(a[:words]):
        for j, y in enumerate(b[: words - i]):
            _accumulate(total, i + j, x * y)
            if i + j + 1 < words:
                _accumulate(total, i + j + 1, _high(x, y))
    return tuple(np.zeros_like(a[0]) if word is None else word for word in total)


def _accumulate(total: list[UInt64s | None], place: int, word: UInt64s) -> None:
    """Adds a word at its place, and its carries above."""
    while place < len(total):
        held = total[place]
        if held is None:
            total[place] = word
            return
        total[place] = both = held + word
        word = (both < held).astype(np.uint64)
        place += 1


def _high(x: UInt64s, y: UInt64s) -> UInt64s:
    """The upper word of a product, by halves of 32 bits: no partial sum reaches 2**64."""
    x0, x1, y0, y1 = x & _LOW, x >> _HALF, y & _LOW, y >> _HALF
    first = x1 * y0 + (x0 * y0 >> _HALF)
    second = x0 * y1 + (first & _LOW)
    high: UInt64s = x1 * y1 + (first >> _HALF) + (second >> _HALF)
    return high


def running(values: Words) -> Words:
    """The sums of the first 0, 1, … n integers: n + 1 of them."""
    sums: list[UInt64s] = []
    carry: UInt64s | None = None
    for index, word in enumerate(values):
        added = word if carry is None else word + carry
        total = np.cumsum(added, dtype=np.uint64)
        sums.append(np.concatenate((np.zeros(1, np.uint64), total)))
        if index + 1 < len(values):
            over = (total < added).astype(np.uint64)
            carry = over if carry is None else over + (added < carry)
    return tuple(sums)


def to_integers(values: Words) -> list[int]:
    """Python's integers."""
    *low, high = values
    total: list[int] = high.view(np.int64).tolist()
    for word in reversed(low):
        total = [(t << 64) | w for t, w in zip(total, word.tolist(), strict=True)]
    return total


def fits_int64(values: Words) -> npt.NDArray[np.bool_]:
    """Which fit int64."""
    fits = np.ones(len(values[0]), dtype=np.bool_)
    for word, wanted in zip(values[1:], widen(values[0].view(np.int64), len(values))[1:], strict=True):
        fits &= word == wanted
    return fits
