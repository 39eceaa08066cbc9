"""The operators of expressions, as data: what each takes and gives, how it is written, what it means.

``penstock.features.oracle.evaluate`` says what they mean; every engine has the same operators by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from penstock.features.types import NUMBERS

Types = tuple[str, ...]


def _same_number(types: Types) -> str | None:
    return types[0] if types[0] in NUMBERS and len(set(types)) == 1 else None


def _difference(types: Types) -> str | None:
    return "int64" if types == ("timestamp", "timestamp") else _same_number(types)


def _given(gives: str, *takes: str) -> Callable[[Types], str | None]:
    """One type for exactly these types."""
    return lambda types: gives if types == takes else None


def _cast(gives: str, *takes: str) -> Callable[[Types], str | None]:
    """One type for an argument of any of these types."""
    return lambda types: gives if types[0] in takes else None


def _comparable(types: Types) -> str | None:
    return "bool" if len(set(types)) == 1 else None


def _bools(types: Types) -> str | None:
    return "bool" if set(types) == {"bool"} else None


def _anything(types: Types) -> str | None:
    return "bool"


def _same(types: Types) -> str | None:
    return types[0] if len(types) >= 2 and len(set(types)) == 1 else None


def _strings(types: Types) -> str | None:
    return "string" if len(types) >= 2 and set(types) == {"string"} else None


def _chosen(types: Types) -> str | None:
    """Conditions and values by turns, and one more value."""
    conditions, values = types[:-1:2], {*types[1::2], types[-1]}
    return types[-1] if len(types) % 2 and set(conditions) == {"bool"} and len(values) == 1 else None


@dataclass(frozen=True)
class Operator:
    """``result`` gives the type for the argument types, or None where the operator does not apply.

    ``written`` is how a definition writes it (empty: only the compiler does), ``means`` what is not plain from that.
    """

    symbol: str
    arity: int | None
    takes: str
    result: Callable[[Types], str | None]
    written: str = ""
    means: str = ""


_double = _given("float64", "float64")
_text = _given("string", "string")
_test = _given("bool", "string", "string")
_whole = _given("int64", "int64", "int64")
_clock = _given("int64", "timestamp")

_COMPARED = "text by code point; false before true"

OPERATORS: dict[str, Operator] = {
    "add": Operator("+", 2, "two numbers", _same_number, "x + y"),
    "subtract": Operator(
        "-",
        2,
        "two numbers, or two timestamps (milliseconds between them)",
        _difference,
        "x - y",
        "of timestamps: an int64 of milliseconds",
    ),
    "multiply": Operator("*", 2, "two numbers", _same_number, "x * y"),
    "divide": Operator(
        "/", 2, "two numbers", _given("float64", "float64", "float64"), "x / y", "a double; by zero: null"
    ),
    "floor_divide": Operator("//", 2, "two int64", _whole, "x // y", "rounded down, as in Python; by zero: null"),
    "modulo": Operator("%", 2, "two int64", _whole, "x % y", "`x - x // y * y`: the sign of `y`; by zero: null"),
    "negate": Operator("-", 1, "a number", _same_number, "-x"),
    "abs": Operator("abs", 1, "a number", _same_number, "x.abs()"),
    "round": Operator("round", 1, "a float64", _double, "x.round()", "to the nearest whole; halves to the even one"),
    "floor": Operator("floor", 1, "a float64", _double, "x.floor()", "the greatest whole not above"),
    "ceil": Operator("ceil", 1, "a float64", _double, "x.ceil()", "the least whole not below"),
    "sqrt": Operator("sqrt", 1, "a number", _double, "x.sqrt()", "rounded once, as IEEE 754 has it; below zero: null"),
    "log": Operator("log", 1, "a number", _double, "x.log()", "natural; zero or below: null"),
    "exp": Operator("exp", 1, "a number", _double, "x.exp()", "beyond float64: null"),
    "eq": Operator("==", 2, "two values of one type", _comparable, "x == y", _COMPARED),
    "ne": Operator("!=", 2, "two values of one type", _comparable, "x != y", _COMPARED),
    "lt": Operator("<", 2, "two values of one type", _comparable, "x < y", _COMPARED),
    "le": Operator("<=", 2, "two values of one type", _comparable, "x <= y", _COMPARED),
    "gt": Operator(">", 2, "two values of one type", _comparable, "x > y", _COMPARED),
    "ge": Operator(">=", 2, "two values of one type", _comparable, "x >= y", _COMPARED),
    "and": Operator("&", 2, "two bools", _bools, "x & y", "three-valued: `null & False` is false"),
    "or": Operator("|", 2, "two bools", _bools, "x | y", "three-valued: `null | True` is true"),
    "not": Operator("~", 1, "a bool", _bools, "~x"),
    "is_null": Operator("is_null", 1, "any value", _anything, "x.is_null()", "never null itself"),
    "coalesce": Operator(
        "coalesce", None, "two or more values of one type", _same, "coalesce(x, y, …)", "the first that is not null"
    ),
    "when": Operator(
        "when",
        None,
        "conditions, and values of one type",
        _chosen,
        "when(b).then(x).otherwise(y)",
        "the value of the first condition that is true; a condition that is null counts as false. "
        "More `.when(…).then(…)` may stand between; a value may be `None`",
    ),
    "lower": Operator("lower", 1, "a string", _text, "s.lower()", "A to Z become a to z; all else stays"),
    "upper": Operator("upper", 1, "a string", _text, "s.upper()", "a to z become A to Z; all else stays"),
    "length": Operator("length", 1, "a string", _given("int64", "string"), "s.length()", "code points"),
    "contains": Operator("contains", 2, "two strings", _test, "s.contains(t)", "the empty text is in every text"),
    "starts_with": Operator("starts_with", 2, "two strings", _test, "s.starts_with(t)"),
    "concat": Operator("concat", None, "two or more strings", _strings, "concat(s, t, …)"),
    "substring": Operator(
        "substring",
        3,
        "a string, and two int64: where it starts, from 0, and its length",
        _given("string", "string", "int64", "int64"),
        "s.substring(start, length)",
        "code points, as Python's `s[start : start + length]`; a start or length below zero: null",
    ),
    "local": Operator("local", 1, "a timestamp", _given("timestamp", "timestamp")),
    "hour": Operator("hour", 1, "a timestamp", _clock, "t.hour(zone)", "0 to 23"),
    "weekday": Operator("weekday", 1, "a timestamp", _clock, "t.weekday(zone)", "0 is Monday, 6 is Sunday"),
    "month": Operator("month", 1, "a timestamp", _clock, "t.month(zone)", "1 to 12"),
    "to_int64": Operator(
        "int64",
        1,
        "a float64, bool, string or timestamp",
        _cast("int64", "float64", "bool", "string", "timestamp"),
        'x.cast("int64")',
        "a float64 loses its fraction; true is 1; text is `-?[0-9]+`; a timestamp is its milliseconds",
    ),
    "to_float64": Operator(
        "float",
        1,
        "an int64, bool or string",
        _cast("float64", "int64", "bool", "string"),
        'x.cast("float64")',
        "the nearest; true is 1.0; text is a decimal such as `-1.5e3`",
    ),
    "to_string": Operator("string", 1, "an int64", _cast("string", "int64"), 'x.cast("string")', "decimal"),
    "to_timestamp": Operator(
        "timestamp",
        1,
        "an int64",
        _cast("timestamp", "int64"),
        'x.cast("timestamp")',
        "milliseconds since the epoch; outside the years 1 to 9999: null",
    ),
}
