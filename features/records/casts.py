"""Casts at the door: which other forms of a value a column takes, and what becomes of them.

Without a cast a column takes its own type alone. A cast is meaning: the plan and its fingerprint hold it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from penstock.features.dimensions import as_float32, dimensions
from penstock.features.records.numerals import DECIMAL_LIMIT, HUGE, MOST_DIGITS, is_numeral, scaled
from penstock.features.records.times import ISO, UNITS, NoTime, NotOnce, iso_ms
from penstock.features.zones import Zone

#: Type → the forms that ``cast=`` can name for it.
FORMS = {
    "int64": ("text", "fraction"),
    "float64": ("text", "decimal"),
    "string": ("number", "fraction"),
    "bool": ("text", "number"),
    "timestamp": ("text",),
}

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1

#: Timestamps are those of the years 1 to 9999, in milliseconds since the epoch.
TIME_MIN, TIME_MAX = -62_135_596_800_000, 253_402_300_799_999

_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


@dataclass(frozen=True)
class Cast:
    """Which forms a column takes beside its own.

    ``text``: numbers and truths written as text. ``fraction``: whole numbers written with a fraction. ``number``:
    numbers as digits, or as truths. ``decimal``: the places of exact decimals. ``unit``: of numbers that are times, or
    ``iso8601``; ``zone``: of a text without one. ``values``: text → what it stands for, all that there are.
    """

    text: bool = False
    fraction: bool = False
    number: bool = False
    decimal: int | None = None
    unit: str = "ms"
    zone: Zone | None = None
    values: tuple[tuple[str, str], ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """As the plan holds it: what it does not have is left out."""
        said: dict[str, Any] = {name: True for name in ("text", "fraction", "number") if getattr(self, name)}
        if self.decimal is not None:
            said["decimal"] = self.decimal
        if self.unit != "ms":
            said["unit"] = self.unit
        if self.zone is not None:
            said["zone"] = self.zone.to_json()
        if self.values is not None:
            said["values"] = [list(pair) for pair in sorted(self.values)]
        return said

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Cast:
        """The inverse of ``to_json``."""
        zone = Zone.from_json(data["zone"]) if "zone" in data else None
        values = tuple((text, value) for text, value in data["values"]) if "values" in data else None
        return Cast(**{**data, "zone": zone, "values": values})


#: A column's own type alone.
PLAIN = Cast()


class Numeral(str):
    """A JSON number with a fraction or an exponent, kept as written."""


class Unfit(Exception):
    """A value that a column does not take: one of the codes of bad events, and what is wrong with it."""

    def __init__(self, code: str, what: str) -> None:
        super().__init__(code, what)
        self.code, self.what = code, what


def typed(type: str, cast: Cast, value: Any, *, text: bool = False) -> Any:
    """A JSON value (an int, a Numeral, a str, a bool, None, a container) as a column has it.

    ``text``: it comes from where there is nothing but text, so numbers and truths are read from it; a vector is not.
    Raises Unfit.
    """
    if value is None:
        return None
    read = _TYPED.get(type)
    return _vector(dimensions(type), value) if read is None else read(cast, value, text or cast.text)


def _wrong(wanted: str) -> Unfit:
    return Unfit("wrong type", f"not {wanted}")


def _numeral(value: Any, text: bool) -> int | str | None:
    if type(value) is int or type(value) is Numeral:
        return value
    return value if text and type(value) is str and is_numeral(value) else None


def _int64(cast: Cast, value: Any, text: bool) -> int:
    number = _numeral(value, text)
    if number is None:
        raise _wrong("int64")
    whole = _whole(number, cast.fraction)
    if whole is None:
        raise _wrong("int64")
    if not _INT64_MIN <= whole <= _INT64_MAX:
        raise Unfit("out of range", "beyond int64")
    return whole


def _whole(number: int | str, fraction: bool) -> int | None:
    if isinstance(number, int):
        return number
    return scaled(number) if fraction or number.lstrip("-").isdigit() else None


def _float64(cast: Cast, value: Any, text: bool) -> float:
    number = _numeral(value, text)
    if number is None:
        raise _wrong("float64")
    if cast.decimal is not None:
        units = scaled(_digits(number), cast.decimal)
        if units is None:
            raise Unfit("out of range", f"a decimal of more than {cast.decimal} places")
        if abs(units) >= DECIMAL_LIMIT:
            raise Unfit("out of range", f"a decimal beyond {DECIMAL_LIMIT} units of its last place")
    try:
        real = float(number)
    except OverflowError:
        real = math.inf
    if math.isinf(real):
        raise Unfit("not json", "beyond float64")
    return real + 0.0


def _digits(number: int | str) -> str:
    # a number of thousands of digits has no text in Python, and is as good as the greatest
    return number if isinstance(number, str) else str(max(-HUGE, min(number, HUGE)))


def _string(cast: Cast, value: Any, text: bool) -> str:
    if type(value) is str:
        # only a text that is not ASCII can hold one, and encoding it is the quickest way to know
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            raise Unfit("not json", "half a surrogate pair")
        word = value
    else:
        word = _word(cast, value)
    if cast.values is None:
        return word
    for written, meant in cast.values:
        if written == word:
            return meant
    raise _wrong(f"one of {', '.join(written for written, _ in cast.values)}")


def _word(cast: Cast, value: Any) -> str:
    number = _numeral(value, text=False) if cast.number or cast.fraction else None
    if number is None:
        raise _wrong("string")
    whole = _whole(number, cast.fraction)
    if whole is None:
        raise _wrong("string")
    if abs(whole) >= HUGE:
        raise Unfit("out of range", f"a number of more than {MOST_DIGITS} digits")
    return str(whole)


def _bool(cast: Cast, value: Any, text: bool) -> bool:
    if type(value) is bool:
        return value
    if text and type(value) is str and value in _BOOLS:
        return _BOOLS[value]
    number = _numeral(value, text) if cast.number else None
    truth = None if number is None else _whole(number, fraction=True)
    if truth not in (0, 1):
        raise _wrong("bool")
    return truth == 1


def _timestamp(cast: Cast, value: Any, text: bool) -> int:
    ms = _iso(cast, value) if cast.unit == ISO else _units(cast, value, text)
    if not TIME_MIN <= ms <= TIME_MAX:
        raise Unfit("out of range", "outside the years 1 to 9999")
    return ms


def _iso(cast: Cast, value: Any) -> int:
    if type(value) is not str:
        raise _wrong("a time in ISO 8601")
    try:
        return iso_ms(value, cast.zone)
    except NoTime as error:
        raise Unfit("wrong type", str(error)) from None
    except NotOnce as error:
        raise Unfit("out of range", str(error)) from None


def _units(cast: Cast, value: Any, text: bool) -> int:
    number = _numeral(value, text)
    if number is None:
        raise _wrong("timestamp")
    power = UNITS[cast.unit]
    if isinstance(number, int):
        return number * int(10**power) if power >= 0 else number // int(10**-power)
    return _floor(number, power)


def _floor(number: str, power: int) -> int:
    """The greatest whole number not above ``number * 10**power``; beyond the years some that is, too."""
    mantissa, _, exponent = number.lower().partition("e")
    if len(exponent) > 9:
        exponent = "-999999999" if exponent.startswith("-") else "999999999"
    exact = Decimal(f"{mantissa}e{int(exponent or 0) + power}")
    bounded = min(max(exact, Decimal(TIME_MIN - 1)), Decimal(TIME_MAX + 1))
    return int(bounded.to_integral_value(ROUND_FLOOR))


def _vector(size: int | None, value: Any) -> list[float]:
    if type(value) is not list:
        raise _wrong(f"an array of {size} numbers")
    if len(value) != size:
        raise Unfit("wrong type", f"of {len(value)} elements, not {size}")
    if any(_numeral(element, text=False) is None for element in value):
        raise Unfit("wrong type", "with an element that is no number")
    try:
        return as_float32(map(float, value))
    except OverflowError:
        raise Unfit("out of range", "with an element beyond float32") from None


_TYPED = {"int64": _int64, "float64": _float64, "string": _string, "bool": _bool, "timestamp": _timestamp}
