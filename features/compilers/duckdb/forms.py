"""Columns of files in the forms that a cast takes, in SQL.

What SQL does not read to the bit is read by Python's own casts, with a few thousand values at a time.
"""

from __future__ import annotations

import json
import re

from penstock.features.plan import ColumnPlan
from penstock.features.records.casts import PLAIN, Cast
from penstock.features.records.times import ISO, UNITS

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_DECIMAL = re.compile(r"DECIMAL\([0-9]+,[0-9]+\)")

#: Integers and text beside a type's own; what a double or a decimal is read as.
_NUMBERS, _DECIMALS, _TEXT = "numbers", "decimals", "text"

#: A plain number, which SQL reads as Python does.
_PLAIN_NUMBER = r"-?[0-9]{1,15}(\.[0-9]{1,15})?"


def form_sql(column: ColumnPlan, x: str, found: str) -> tuple[str, str] | None:
    """How a file's column ``x`` of type ``found`` is read by the column's cast, and the code of a value that it does
    not take (null where all is well); None where the cast says nothing of such a column.
    """
    cast = column.cast
    if cast == PLAIN:
        return None
    kind = _kind(found)
    if kind not in _taken(column.type, cast):
        return None
    if kind == _TEXT:
        text = x
    elif kind == _DECIMALS and not _DECIMAL.fullmatch(found):
        text = f"CASE WHEN isfinite({x}) THEN CAST(CAST({x} AS DOUBLE) AS VARCHAR) END"
    else:
        text = f"CAST({x} AS VARCHAR)"
    arguments = f"{text}, {'TRUE' if kind != _TEXT else 'FALSE'}, {_quoted(_spec(column.type, cast))}"
    read = f"read_{column.type}({arguments})"
    # the error of a null is null
    return _quickly(column.type, cast, x, found, read), f"read_error({arguments})"


def _quickly(type: str, cast: Cast, x: str, found: str, read: str) -> str:
    """The same, with SQL for the values that it reads to the bit."""
    if type == "int64" and found in ("FLOAT", "DOUBLE"):
        return f"CASE WHEN abs({x}) < 1e15 AND {x} = floor({x}) THEN CAST({x} AS BIGINT) ELSE {read} END"
    if type == "float64" and found == "VARCHAR" and cast.decimal is None:
        plain = f"regexp_full_match({x}, {_quoted(_PLAIN_NUMBER)})"
        return f"CASE WHEN {plain} THEN CAST({x} AS DOUBLE) + 0.0 ELSE {read} END"
    if type == "timestamp" and found == "BIGINT":
        power = UNITS[cast.unit]
        if power < 0:
            return f"floor_by({x}, {10**-power})"
        return f"CASE WHEN abs(CAST({x} AS DOUBLE)) < 1e12 THEN {x} * {10**power} ELSE {read} END"
    return read


def _kind(found: str) -> str | None:
    if found in _INTEGERS:
        return _NUMBERS
    if found in ("FLOAT", "DOUBLE") or _DECIMAL.fullmatch(found):
        return _DECIMALS
    return _TEXT if found == "VARCHAR" else None


def _taken(type: str, cast: Cast) -> set[str]:
    """The kinds of columns that the cast is for."""
    if type == "int64":
        return _chosen((cast.text, _TEXT), (cast.fraction, _DECIMALS))
    if type == "float64":
        exact = cast.decimal is not None
        return _chosen((cast.text, _TEXT), (exact, _DECIMALS), (exact, _NUMBERS))
    if type == "string":
        numbers = cast.number or cast.fraction
        return _chosen((cast.values is not None, _TEXT), (numbers, _NUMBERS), (cast.fraction, _DECIMALS))
    if type == "bool":
        return _chosen((cast.text, _TEXT), (cast.number, _NUMBERS), (cast.number, _DECIMALS))
    iso = cast.unit == ISO
    other = not iso and cast.unit != "ms"
    return _chosen((iso or cast.text, _TEXT), (other, _NUMBERS), (other, _DECIMALS))


def _chosen(*each: tuple[bool, str]) -> set[str]:
    return {kind for taken, kind in each if taken}


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _spec(type: str, cast: Cast) -> str:
    return json.dumps([type, cast.to_json()], ensure_ascii=False)
