"""One raw Kafka record to one typed row, or the reason why not: the rules every engine's parser follows."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal
from typing import Any, NoReturn

from penstock.features.expressions import INT64_MAX, INT64_MIN
from penstock.features.plan import ColumnPlan, SourcePlan

#: Timestamps are those of the years 1 to 9999, in milliseconds since the epoch.
TIME_MIN, TIME_MAX = -62_135_596_800_000, 253_402_300_799_999

#: How many objects and arrays of a JSON record may stand one in another, the record itself among them.
NESTING = 256

#: What a row can do to its event; a null is an insert.
OPS = ("insert", "update", "delete")

#: What can become of an event; each is of one class.
CLASSES = ("applied", "too_late", "duplicate", "dead")

#: What every reader of a Kafka topic reads: records of transactions that were aborted are no events.
ISOLATION = "read_committed"

Row = dict[str, Any]


class BadEvent(Exception):
    """An event that cannot be applied. ``code`` is one of ``CODES``, ``view`` is set when only that view refuses it.

    ``source``: of a union's streams the one that it is from.
    """

    def __init__(self, code: str, detail: str, view: str | None = None, source: str | None = None) -> None:
        assert code in CODES, code
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.view, self.source = code, detail, view, source


CODES = (
    "not json",
    "wrong type",
    "out of range",
    "missing time",
    "missing value",
    "missing key",
    "too far ahead",
    "overflow",
    "too long",
    "unreadable",
)


def _constant(text: str) -> NoReturn:
    raise BadEvent("not json", f"{text} is not a value")


#: A bracket, or a string with those that are in it.
_BRACKETS = re.compile(r'[\[\]{}]|"(?:[^"\\]|\\.)*+"?', re.DOTALL)


class _Decimal(str):
    """A JSON number with a fraction or an exponent, kept as written."""


def _integer(text: str) -> int:
    # int() refuses thousands of digits; beyond float64, one number is as good as another
    return int(text) if len(text) < 400 else (-1) ** text.startswith("-") * 10**400


def parse(source: SourcePlan, raw: bytes | None, kafka_ms: int | None = None, now_ms: int | None = None) -> Row:
    """The typed and checked row of one JSON record. ``kafka_ms``: the record's own timestamp; ``now_ms``: the wall
    clock when it is read. None, or a negative timestamp: not known, and ``max_ahead`` is not held against it.

    Raises BadEvent.
    """
    row = decode(source, raw)
    check_row(source, row, kafka_ms, now_ms)
    return row


def decode(source: SourcePlan, raw: bytes | None) -> Row:
    """The typed row of one JSON record, before ``check_row``.

    Raises BadEvent. Fields that are not declared are ignored, absent ones are null.
    """
    try:
        text = (raw or b"").decode("utf-8")
        if may_be_deep(raw or b"") and _depth(text) > NESTING:
            raise BadEvent("not json", f"nested deeper than {NESTING} levels")
        # a byte order mark is no white space in JSON
        value = json.loads(text, parse_constant=_constant, parse_float=_Decimal, parse_int=_integer)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadEvent("not json", str(error)) from None
    if not isinstance(value, dict):
        raise BadEvent("not json", "a JSON object is wanted")
    return {column.name: _typed(column, value.get(column.name)) for column in source.columns}


def may_be_deep(raw: bytes) -> bool:
    """Could a record be nested deeper than ``NESTING``? Cheap, and true of all that are."""
    return raw.count(b"[") + raw.count(b"{") > NESTING


def _depth(text: str) -> int:
    """How deep brackets stand one in another, but for those in strings."""
    depth = deepest = 0
    for token in _BRACKETS.findall(text):
        depth += token in ("[", "{")
        depth -= token in ("]", "}")
        deepest = max(deepest, depth)
    return deepest


def check_row(source: SourcePlan, row: Row, kafka_ms: int | None = None, now_ms: int | None = None) -> None:
    """The rules that need no parsing: nulls, the range of timestamps, ``max_ahead``. Raises BadEvent."""
    for column in source.columns:
        if column.type == "timestamp" and row[column.name] is not None:
            _in_years(column.name, row[column.name])
    if source.time is not None:
        time = row[source.time]
        if time is None:
            raise BadEvent("missing time", f"{source.time} is null")
        for what, latest in (("its record", kafka_ms), ("the wall clock", now_ms)):
            if latest is not None and latest >= 0 and time > latest + source.max_ahead_ms:
                raise BadEvent(
                    "too far ahead", f"{source.time} {time} is later than {what} by over {source.max_ahead_ms} ms"
                )
    for column in source.columns:
        if not column.nullable and row[column.name] is None:
            raise BadEvent("missing value", f"{column.name} is null")
    if source.op is not None:
        _check_op(source, row)


def _check_op(source: SourcePlan, row: Row) -> None:
    op = row[str(source.op)]
    if op not in (None, *OPS):
        raise BadEvent("wrong type", f"{source.op} is {op[:20]!r}, one of {' '.join(OPS)} is wanted")
    if op in ("update", "delete") and row[str(source.id)] is None:
        raise BadEvent("missing value", f"{source.id} is null, and {op} names its event by it")


def _typed(column: ColumnPlan, value: Any) -> Any:
    return None if value is None else _TYPED[column.type](column.name, value)


def _wrong(name: str, value: Any, wanted: str) -> BadEvent:
    return BadEvent("wrong type", f"{name} is {type(value).__name__}, {wanted} is wanted")


def _int64(name: str, value: Any) -> int:
    if type(value) is not int:
        raise _wrong(name, value, "int64")
    if not INT64_MIN <= value <= INT64_MAX:
        raise BadEvent("out of range", f"{name} does not fit int64")
    return value


def _float64(name: str, value: Any) -> float:
    if type(value) is not int and type(value) is not _Decimal:
        raise _wrong(name, value, "float64")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise BadEvent("not json", f"{name} is beyond float64")
    return number + 0.0


def _timestamp(name: str, value: Any) -> int:
    if type(value) is _Decimal:
        return _in_years(name, _floor(value))
    return _in_years(name, _int64(name, value))


def _floor(number: str) -> int:
    """The greatest whole number not above a decimal number; beyond the years of a timestamp, some that is, too."""
    mantissa, _, exponent = number.lower().partition("e")
    if len(exponent) > 9:
        # of thousands of digits; it makes the number as good as nothing or endless
        exponent = "-999999999" if exponent.startswith("-") else "999999999"
    exact = Decimal(f"{mantissa}e{exponent or 0}")
    bounded = min(max(exact, Decimal(TIME_MIN - 1)), Decimal(TIME_MAX + 1))
    return int(bounded.to_integral_value(ROUND_FLOOR))


def _in_years(name: str, time: int) -> int:
    if not TIME_MIN <= time <= TIME_MAX:
        raise BadEvent("out of range", f"{name} {time} is outside the years 1 to 9999")
    return time


def _bool(name: str, value: Any) -> bool:
    if type(value) is not bool:
        raise _wrong(name, value, "bool")
    return value


def _string(name: str, value: Any) -> str:
    if type(value) is not str:
        raise _wrong(name, value, "string")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise BadEvent("not json", f"{name} holds half a surrogate pair")
    return value


_TYPED: dict[str, Callable[[str, Any], Any]] = {
    "int64": _int64,
    "float64": _float64,
    "string": _string,
    "bool": _bool,
    "timestamp": _timestamp,
}
