"""What the functions of expressions mean for single values that are not null: plain Python, None for null."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date
from typing import Any

from penstock.features.ingest import TIME_MAX, TIME_MIN
from penstock.features.logarithms import exp, log
from penstock.features.zones import Zone

DAY_MS, HOUR_MS = 86_400_000, 3_600_000

#: The calendar repeats after this many days, which are whole weeks.
_CYCLE = 146_097
_EPOCH = date(1970, 1, 1).toordinal()

_LOWER = "abcdefghijklmnopqrstuvwxyz"
_TO_LOWER = str.maketrans(_LOWER.upper(), _LOWER)
_TO_UPPER = str.maketrans(_LOWER, _LOWER.upper())

_INTEGER = re.compile("-?[0-9]+")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def lower(text: str) -> str:
    """A to Z as a to z."""
    return text.translate(_TO_LOWER)


def upper(text: str) -> str:
    """A to Z for a to z."""
    return text.translate(_TO_UPPER)


def substring(text: str, start: int, length: int) -> str | None:
    """Code points ``[start, start + length)``, as far as there are any."""
    return text[start : start + length] if start >= 0 and length >= 0 else None


def local(zone: Zone, time: int) -> int | None:
    """What a clock of the zone shows, as if it were UTC: milliseconds. None beyond the zone's rules."""
    offset = zone.offsets[0][1]
    for start, later in zone.offsets:
        if start <= time:
            offset = later
    return time + offset if offset is not None else None


def hour(time: int) -> int:
    """0 to 23."""
    return time % DAY_MS // HOUR_MS


def _date(time: int) -> date:
    return date.fromordinal((time // DAY_MS + _EPOCH - 1) % _CYCLE + 1)


def weekday(time: int) -> int:
    """0 (Monday) to 6."""
    return _date(time).weekday()


def month(time: int) -> int:
    """1 to 12."""
    return _date(time).month


def to_int64(value: Any) -> int | None:
    """A float without its fraction, a bool as 0 or 1, a decimal text, a timestamp's milliseconds."""
    if isinstance(value, str):
        # int() refuses thousands of digits, and without zeros in front int64 has no more than 19
        found = _INTEGER.fullmatch(value)
        if not found or len(value.lstrip("-").lstrip("0")) > 19:
            return None
        value = int(value.replace("-", "").lstrip("0") or "0") * (-1 if value[0] == "-" else 1)
    whole = int(value)
    return whole if -(2**63) <= whole < 2**63 else None


def to_float64(value: Any) -> float | None:
    """The nearest double to an integer, a bool, or a decimal text."""
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        return None
    return float(value)


def to_timestamp(value: int) -> int | None:
    """Milliseconds in the years 1 to 9999."""
    return value if TIME_MIN <= value <= TIME_MAX else None


#: Operator → its value for values that are not null. Results still have to fit their type.
SCALARS: dict[str, Callable[..., Any]] = {
    "floor_divide": lambda a, b: a // b if b != 0 else None,
    "modulo": lambda a, b: a % b if b != 0 else None,
    "abs": abs,
    # Python rounds halves to the even side
    "round": lambda x: float(round(x)),
    "floor": lambda x: float(math.floor(x)),
    "ceil": lambda x: float(math.ceil(x)),
    "sqrt": lambda x: math.sqrt(x) if x >= 0 else None,
    "log": log,
    "exp": exp,
    "lower": lower,
    "upper": upper,
    "length": len,
    "contains": lambda text, part: part in text,
    "starts_with": lambda text, part: text.startswith(part),
    "concat": lambda *texts: "".join(texts),
    "substring": substring,
    "hour": hour,
    "weekday": weekday,
    "month": month,
    "to_int64": to_int64,
    "to_float64": to_float64,
    "to_string": str,
    "to_timestamp": to_timestamp,
}
