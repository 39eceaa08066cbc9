"""Exact sums of doubles: integers in units of 2**-1074, of which every finite double is a multiple.

Such sums do not depend on an order, can be merged and taken back, and lose nothing. A mean leaves them by one division,
which is rounded correctly.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: A sum counts units of two to the minus this: the least positive double.
PLACES = 1074
#: Bits of a double's fraction, and of the lower half of one: halves are added up in 64 bits without an overflow.
_BITS, _HALF = 53, 26


def exact_sum(values: npt.NDArray[np.float64]) -> int:
    """The sum of n finite doubles, in units of 2**-1074. Shape (n,), n below 2**36."""
    fraction, exponent = np.frexp(values)
    whole = (fraction * 2.0**_BITS).astype(np.int64)
    exponents, place = np.unique(exponent, return_inverse=True)
    high, low = np.zeros(len(exponents), np.int64), np.zeros(len(exponents), np.int64)
    np.add.at(high, place, whole >> _HALF)
    np.add.at(low, place, whole & ((1 << _HALF) - 1))
    parts = zip(high.tolist(), low.tolist(), exponents.tolist(), strict=True)
    return sum(_moved((upper << _HALF) + lower, power - _BITS + PLACES) for upper, lower, power in parts)


def exact_mean(total: int, count: int) -> float:
    """A sum divided by ``count``, at least 1: the double nearest to it."""
    return total / (count << PLACES)


def exact_ratio(total: int, weight: int) -> float:
    """One sum divided by another one, which is not 0: the double nearest to it."""
    return total / weight


def _moved(number: int, places: int) -> int:
    """Times two to ``places``. Below the least double there are no bits to lose."""
    return number << places if places >= 0 else number >> -places
