"""Numbers by their digits: exact, whatever their length."""

from __future__ import annotations

import re

#: A number as text: JSON's grammar, and leading zeros.
_NUMERAL = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")

#: A whole number has at most so many digits; what has more is as good as infinite.
MOST_DIGITS = 38
HUGE = 10**MOST_DIGITS

#: A decimal with so many units of its last place is kept exactly by a float64, its sums too.
DECIMAL_LIMIT = 2**51

_FAR = 10**8


def is_numeral(text: str) -> bool:
    """Is the text a number, without blanks, plus or NaN?"""
    return _NUMERAL.fullmatch(text) is not None


def scaled(numeral: str, places: int = 0) -> int | None:
    """``numeral * 10**places`` where that is whole, else None; ``HUGE`` or ``-HUGE`` where it is beyond them."""
    match = _NUMERAL.fullmatch(numeral)
    assert match is not None
    fraction = match[3] or ""
    digits = (match[2] + fraction).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return 0
    exponent = _exponent(match[4] or "0") - len(fraction) + len(digits) - len(significant) + places
    if exponent < 0:
        return None
    size: int = HUGE if len(significant) + exponent > MOST_DIGITS else int(significant + "0" * exponent)
    return -size if match[1] else size


def _exponent(text: str) -> int:
    digits = text.lstrip("+-").lstrip("0")
    size = _FAR if len(digits) > 8 else int(digits or 0)
    return -size if text[0] == "-" else size
