"""``log`` and ``exp`` of doubles, the same bits everywhere.

The libraries of C, Java, numpy and DuckDB differ in the last bit. So this is one algorithm, in IEEE additions,
multiplications and divisions alone, done in one order: that of Sun's fdlibm, which Java's ``StrictMath`` must follow to
the bit. The oracle, training, serving and DuckDB run this module; Flink runs ``StrictMath``. Errors stay below 1 ulp.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: ln 2 in two parts: multiples of the first, up to 2**11, are exact.
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_PER_LN2 = 1.44269504088896338700e00

#: Of the series of log(1+f) in ``s*s``, where ``s = f/(2+f)``; and of exp's in ``r*r``.
_L = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
_P = (
    1.66666666666666019037e-01,
    -2.77777777770155933842e-03,
    6.61375632143793436117e-05,
    -1.65339022054652515390e-06,
    4.13813679705723846039e-08,
)
_OVERFLOWS, _UNDERFLOWS = 7.09782712893383973096e02, -7.45133219101941108420e02


def log(x: Doubles) -> Doubles:
    """(n,) natural logarithms; NaN for what is not above zero. ``x``: (n,), finite."""
    with np.errstate(all="ignore"):
        good = np.where(x > 0, x, 1.0)
        return np.where(x > 0, _log(good), np.nan)


def exp(x: Doubles) -> Doubles:
    """(n,) powers of e; infinite where they are beyond float64. ``x``: (n,), finite."""
    with np.errstate(all="ignore"):
        good = np.where((x >= _UNDERFLOWS) & (x <= _OVERFLOWS), x, 0.0)
        return np.select([x > _OVERFLOWS, x < _UNDERFLOWS], [np.inf, 0.0], _exp(good))


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
    whole = k * _LN2_HIGH + k * _LN2_LOW
    series = np.where(k == 0, f - r, k * _LN2_HIGH - ((r - k * _LN2_LOW) - f))
    return np.where(f == 0, np.where(k == 0, 0.0, whole), series)


def _log_series(f: Doubles, k: Doubles, fraction: Ints) -> Doubles:
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = w * (_L[1] + w * (_L[3] + w * _L[5]))
    even = z * (_L[0] + w * (_L[2] + w * (_L[4] + w * _L[6])))
    r = even + odd
    half = 0.5 * f * f
    split = ((fraction - 0x6147A) | (0x6B851 - fraction)) > 0
    near_one = np.where(split, f - (half - s * (half + r)), f - s * (f - r))
    with_half = k * _LN2_HIGH - ((half - (s * (half + r) + k * _LN2_LOW)) - f)
    without = k * _LN2_HIGH - ((s * (f - r) - k * _LN2_LOW) - f)
    return np.where(k == 0, near_one, np.where(split, with_half, without))


def _exp(x: Doubles) -> Doubles:
    """``x = k * ln2 + r`` with |r| below ln2 / 2; then ``2**k * exp(r)``."""
    bits = x.view(np.int64)
    high = (bits >> 32) & 0x7FFFFFFF
    negative = bits < 0
    one = np.where(negative, -1.0, 1.0)
    far = np.trunc(_PER_LN2 * x + 0.5 * one)
    k = np.where(high < 0x3FF0A2B2, one, far)
    k = np.where(high > 0x3FD62E42, k, 0.0)
    upper, lower = x - k * _LN2_HIGH, k * _LN2_LOW
    r = np.where(k == 0, x, upper - lower)
    t = r * r
    c = r - t * (_P[0] + t * (_P[1] + t * (_P[2] + t * (_P[3] + t * _P[4]))))
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
