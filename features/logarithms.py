"""``log`` and ``exp`` of doubles, the same bits everywhere.

The libraries of C, Java, numpy and DuckDB differ in the last bit. So this is one algorithm, in IEEE additions,
multiplications and divisions alone, done in one order: that of Sun's fdlibm, which Java's ``StrictMath`` must follow to
the bit. The oracle runs this module; training, serving and DuckDB run
``penstock.features.logarithm_columns``, and Flink runs ``StrictMath``. Errors stay below 1 ulp.
"""

from __future__ import annotations

import math
import struct

#: ln 2 in two parts: multiples of the first, up to 2**11, are exact.
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
PER_LN2 = 1.44269504088896338700e00

#: Of the series of log(1+f) in ``s*s``, where ``s = f/(2+f)``; and of exp's in ``r*r``.
L = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
P = (
    1.66666666666666019037e-01,
    -2.77777777770155933842e-03,
    6.61375632143793436117e-05,
    -1.65339022054652515390e-06,
    4.13813679705723846039e-08,
)
OVERFLOWS, UNDERFLOWS = 7.09782712893383973096e02, -7.45133219101941108420e02
_BITS, _DOUBLE = struct.Struct("<q"), struct.Struct("<d")


def log(x: float) -> float:
    """The natural logarithm; NaN for what is not above zero. ``x`` is finite."""
    return _log(x) if x > 0 else math.nan


def exp(x: float) -> float:
    """The power of e; infinite where it is beyond float64. ``x`` is finite."""
    if x > OVERFLOWS:
        return math.inf
    return 0.0 if x < UNDERFLOWS else _exp(x)


def _log(x: float) -> float:
    """``x = 2**k * (1+f)`` with 1+f between sqrt(1/2) and sqrt(2); then ``k * ln2 + log(1+f)``."""
    tiny = x < 2.0**-1022
    bits = _bits(x * 2.0**54 if tiny else x)
    high = bits >> 32
    fraction = high & 0xFFFFF
    # 1 where the fraction is above sqrt(2)
    up = ((fraction + 0x95F64) >> 20) & 1
    k = float((high >> 20) - 1023 + up - (54 if tiny else 0))
    exponent = 0x3FE00000 if up else 0x3FF00000
    f = _double((fraction | exponent) << 32 | (bits & 0xFFFFFFFF)) - 1.0
    if (0xFFFFF & (2 + fraction)) < 3:
        return _log_near(f, k)
    return _log_series(f, k, fraction)


def _log_near(f: float, k: float) -> float:
    """For |f| < 2**-20."""
    if f == 0:
        return 0.0 if k == 0 else k * LN2_HIGH + k * LN2_LOW
    r = f * f * (0.5 - 0.33333333333333333 * f)
    return f - r if k == 0 else k * LN2_HIGH - ((r - k * LN2_LOW) - f)


def _log_series(f: float, k: float, fraction: int) -> float:
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = w * (L[1] + w * (L[3] + w * L[5]))
    even = z * (L[0] + w * (L[2] + w * (L[4] + w * L[6])))
    r = even + odd
    if ((fraction - 0x6147A) | (0x6B851 - fraction)) > 0:
        half = 0.5 * f * f
        if k == 0:
            return f - (half - s * (half + r))
        return k * LN2_HIGH - ((half - (s * (half + r) + k * LN2_LOW)) - f)
    if k == 0:
        return f - s * (f - r)
    return k * LN2_HIGH - ((s * (f - r) - k * LN2_LOW) - f)


def _exp(x: float) -> float:
    """``x = k * ln2 + r`` with |r| below ln2 / 2; then ``2**k * exp(r)``."""
    bits = _bits(x)
    high = (bits >> 32) & 0x7FFFFFFF
    if high < 0x3E300000:
        return 1.0 + x
    k = 0.0
    if high > 0x3FD62E42:
        one = -1.0 if bits < 0 else 1.0
        k = one if high < 0x3FF0A2B2 else float(math.trunc(PER_LN2 * x + 0.5 * one))
    upper, lower = x - k * LN2_HIGH, k * LN2_LOW
    r = upper - lower if k else x
    t = r * r
    c = r - t * (P[0] + t * (P[1] + t * (P[2] + t * (P[3] + t * P[4]))))
    if k == 0:
        return 1.0 - ((r * c) / (c - 2.0) - r)
    reduced = 1.0 - ((lower - (r * c) / (2.0 - c)) - upper)
    # below the normal numbers the last product rounds
    if k < -1021:
        return _double(_bits(reduced) + ((int(k) + 1000) << 52)) * 9.33263618503218878990e-302
    return _double(_bits(reduced) + (int(k) << 52))


def _bits(x: float) -> int:
    bits: int = _BITS.unpack(_DOUBLE.pack(x))[0]
    return bits


def _double(bits: int) -> float:
    double: float = _DOUBLE.unpack(_BITS.pack(bits))[0]
    return double
