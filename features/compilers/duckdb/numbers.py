"""Where results leave the integers: one correctly rounded division (section 3 of the semantics), over columns.

Most quotients are of integers that doubles hold exactly, and then IEEE division is the correctly rounded one. The
others are computed with about 100 bits as the unevaluated sum of two doubles (Dekker's double-double); that decides the
rounding unless the quotient lies next to the middle between two doubles, which Python's integers then decide.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from penstock.features.compilers.duckdb.words import Int64s, Words, absolute, fits_int64, negative, take, to_integers

Doubles = npt.NDArray[np.float64]
#: An unevaluated sum ``high + low`` with ``|low| <= ulp(high) / 2``.
Pair = tuple[Doubles, Doubles]

_EXACT = 2**53
_SPLITTER = 2.0**27 + 1
#: A quotient of pairs is off by less than this part of itself. Numerator, denominator and their product are each within
#: 2**-101 of what they stand for, and so is the quotient of the rest; the sum of all that is below 2**-97.
_ERROR = 2.0**-90


def quotients(numerators: Words, counts: Int64s, power: int) -> Doubles:
    """``numerator / (count * 10**power)``, rounded once; NaN where the count is 0. Then the numerator is 0, too; counts
    are below 2**62.
    """
    values = np.full(len(counts), np.nan)
    exact = _exact(numerators, counts, power)
    if exact.all():
        return _divide_exact(numerators[0].view(np.int64), counts, power)
    values[exact] = _divide_exact(numerators[0][exact].view(np.int64), counts[exact], power)
    wide = np.flatnonzero(~exact & (counts > 0))
    values[wide] = _divide_wide(take(numerators, wide), counts[wide], power)
    return values


def ratios(numerators: Words, divisors: Words) -> Doubles:
    """``numerator / divisor``, rounded once; NaN where the divisor is 0. Divisors are not negative."""
    values = np.full(len(divisors[0]), np.nan)
    at = np.flatnonzero(np.bitwise_or.reduce(divisors))
    above, below = take(numerators, at), take(divisors, at)
    values[at] = _nearest(above, _pair_of_words(below), lambda places: to_integers(take(below, places)))
    return values


def _exact(numerators: Words, counts: Int64s, power: int) -> npt.NDArray[np.bool_]:
    """Where both sides are exact doubles."""
    low = numerators[0].view(np.int64)
    # one comparison: what is below zero becomes huge
    small = (low + (_EXACT - 1)).view(np.uint64) < np.uint64(2 * _EXACT - 1)
    exact: npt.NDArray[np.bool_] = small & fits_int64(numerators) & (counts <= (_EXACT - 1) // 10**power)
    return exact


def _divide_exact(numerators: Int64s, counts: Int64s, power: int) -> Doubles:
    divisors = counts.astype(np.float64) * float(10**power)
    with np.errstate(invalid="ignore"):
        # over nothing the sum is 0, and 0 / 0 is NaN
        values: Doubles = numerators.astype(np.float64) / divisors
    return values


def _divide_wide(numerators: Words, counts: Int64s, power: int) -> Doubles:
    divisors = _times_power(_pair_of_counts(counts), power)
    return _nearest(numerators, divisors, lambda places: [c * 10**power for c in counts[places].tolist()])


def _nearest(numerators: Words, divisors: Pair, exact: Callable[[Int64s], list[int]]) -> Doubles:
    """The nearest doubles of the quotients. ``exact``: the divisors at these places."""
    values, sure = _rounded(_pair_of_words(absolute(numerators)), divisors)
    values = np.where(negative(numerators), -values, values)
    unsure = np.flatnonzero(~sure)
    if len(unsure):
        # the quotient of two Python integers is correctly rounded
        numbers = to_integers(take(numerators, unsure))
        values[unsure] = [n / d for n, d in zip(numbers, exact(unsure), strict=True)]
    return values


# -- pairs ---------------------------------------------------------------------------------------------------------


def _pair_of_words(sizes: Words) -> Pair:
    """Integers that are not negative, by digits of 32 bits: what a step's ``high`` cannot hold is in ``low``."""
    high, low = np.zeros(len(sizes[0])), np.zeros(len(sizes[0]))
    for word in reversed(sizes):
        for digit in (word >> np.uint64(32), word & np.uint64(2**32 - 1)):
            high, rest = _fast_sum(high * 2.0**32, digit.astype(np.float64))
            low = low * 2.0**32 + rest
    return _fast_sum(high, low)


def _pair_of_counts(counts: Int64s) -> Pair:
    high = counts.astype(np.float64)
    return high, (counts - high.astype(np.int64)).astype(np.float64)


def _times_power(pair: Pair, power: int) -> Pair:
    high = float(10**power)
    low = float(10**power - int(high))
    product, rest = _product(pair[0], np.float64(high))
    return _fast_sum(product, rest + (pair[0] * low + pair[1] * high))


def _rounded(numerator: Pair, divisor: Pair) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """The nearest doubles of the quotients, and which are sure to be: both ends of the error round to them."""
    guess = numerator[0] / divisor[0]
    product, rest = _product(guess, divisor[0])
    remainder = ((numerator[0] - product) - rest) + (numerator[1] - guess * divisor[1])
    nearest, low = _fast_sum(guess, remainder / divisor[0])
    error = nearest * _ERROR
    return nearest, (nearest + (low + error) == nearest) & (nearest + (low - error) == nearest)


def _fast_sum(a: Doubles, b: Doubles) -> Pair:
    """``a + b`` exactly, for ``|a| >= |b|`` or ``a`` 0."""
    total = a + b
    return total, b - (total - a)


def _product(a: Doubles, b: Doubles | np.float64) -> Pair:
    """``a * b`` exactly (Veltkamp's splitting)."""
    (a1, a0), (b1, b0) = _split(a), _split(b)
    product = a * b
    return product, a0 * b0 - (((product - a1 * b1) - a0 * b1) - a1 * b0)


def _split(a: Doubles | np.float64) -> tuple[Doubles | np.float64, Doubles | np.float64]:
    """Two halves of 26 bits."""
    scaled = a * _SPLITTER
    high = scaled - (scaled - a)
    return high, a - high
