"""``log`` and ``exp`` of columns: the algorithm of ``penstock.features.logarithms``, in the same order."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.features.logarithms import LN2_HIGH, LN2_LOW, OVERFLOWS, PER_LN2, UNDERFLOWS, L, P

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def log(x: Doubles) -> Doubles:
    """(n,) natural logarithms; NaN for what is not above zero. ``x``: (n,), finite."""
    with np.errstate(all="ignore"):
        good = np.where(x > 0, x, 1.0)
        return np.where(x > 0, _log(good), np.nan)


def exp(x: Doubles) -> Doubles:
    """(n,) powers of e; infinite where they are beyond float64. ``x``: (n,), finite."""
    with np.errstate(all="ignore"):
        good = np.where((x >= UNDERFLOWS) & (x <= OVERFLOWS), x, 0.0)
        return np.select([x > OVERFLOWS, x < UNDERFLOWS], [np.inf, 0.0], _exp(good))


def _log(x: Doubles) -> Doubles:
    """``x = 2**k * (1+f)`` with 1+f between sqrt(1/2) and sqrt(2); then ``k * ln2 + log(1+f)``."""
    tiny = x < 2.0**-1022
    bits = np.where(tiny, x * 2.0**54, x).view(np.int64)
    high = bits >> 32
    fraction = high & 0xFFFFF
    # 1 where the fraction is above sqrt(2)
    up = ((fraction + 0x95F64) >> 20) & 1
    k = ((high >> 20) - 1023 + up - np.where(tiny, 54, 0)).astype(np.float64)
    f = _double((fraction | ((up ^ 1) * 0x3FF00000) | (up * 0x3FE00000)) << 32 | (bits & 0xFFFFFFFF)) - 1.0
    near = (0xFFFFF & (2 + fraction)) < 3
    return np.where(near, _log_near(f, k), _log_series(f, k, fraction))


def _log_near(f: Doubles, k: Doubles) -> Doubles:
    """For |f| < 2**-20."""
    r = f * f * (0.5 - 0.33333333333333333 * f)
    whole = k * LN2_HIGH + k * LN2_LOW
    series = np.where(k == 0, f - r, k * LN2_HIGH - ((r - k * LN2_LOW) - f))
    return np.where(f == 0, np.where(k == 0, 0.0, whole), series)


def _log_series(f: Doubles, k: Doubles, fraction: Ints) -> Doubles:
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = w * (L[1] + w * (L[3] + w * L[5]))
    even = z * (L[0] + w * (L[2] + w * (L[4] + w * L[6])))
    r = even + odd
    half = 0.5 * f * f
    split = ((fraction - 0x6147A) | (0x6B851 - fraction)) > 0
    near_one = np.where(split, f - (half - s * (half + r)), f - s * (f - r))
    with_half = k * LN2_HIGH - ((half - (s * (half + r) + k * LN2_LOW)) - f)
    without = k * LN2_HIGH - ((s * (f - r) - k * LN2_LOW) - f)
    return np.where(k == 0, near_one, np.where(split, with_half, without))


def _exp(x: Doubles) -> Doubles:
    """``x = k * ln2 + r`` with |r| below ln2 / 2; then ``2**k * exp(r)``."""
    bits = x.view(np.int64)
    high = (bits >> 32) & 0x7FFFFFFF
    negative = bits < 0
    one = np.where(negative, -1.0, 1.0)
    far = np.trunc(PER_LN2 * x + 0.5 * one)
    k = np.where(high < 0x3FF0A2B2, one, far)
    k = np.where(high > 0x3FD62E42, k, 0.0)
    upper, lower = x - k * LN2_HIGH, k * LN2_LOW
    r = np.where(k == 0, x, upper - lower)
    t = r * r
    c = r - t * (P[0] + t * (P[1] + t * (P[2] + t * (P[3] + t * P[4]))))
    unscaled = 1.0 - ((r * c) / (c - 2.0) - r)
    reduced = 1.0 - ((lower - (r * c) / (2.0 - c)) - upper)
    power = k.astype(np.int64)
    # below the normal numbers the last product rounds
    deep = power < -1021
    scaled = _double(reduced.view(np.int64) + ((power + np.where(deep, 1000, 0)) << 52))
    scaled = np.where(deep, scaled * 9.33263618503218878990e-302, scaled)
    return np.where(high < 0x3E300000, 1.0 + x, np.where(k == 0, unscaled, scaled))


def _double(bits: Any) -> Doubles:
    doubles: Doubles = bits.view(np.float64)
    return doubles
