"""Penstock's types in DuckDB: names, literals, and how a column of a Parquet file is read."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from penstock.features.compilers.duckdb.forms import form_sql
from penstock.features.dimensions import VECTORS, dimensions, kept_as
from penstock.features.errors import UsageError
from penstock.features.ingest import TIME_MAX, TIME_MIN
from penstock.features.plan import ColumnPlan
from penstock.features.types import list_of

#: Timestamps are milliseconds since the epoch in every query.
SQL_TYPES = {"int64": "BIGINT", "float64": "DOUBLE", "string": "VARCHAR", "bool": "BOOLEAN", "timestamp": "BIGINT"}
SQL_TYPES |= {list_of(name): f"{type}[]" for name, type in SQL_TYPES.items()}
SQL_TYPES[VECTORS] = "FLOAT[]"

#: Functions that every query may call. ``ceil_to`` and ``floor_to`` are on the epoch grid, below zero too, and
#: ``floor_by`` is a division that no integer overflows. ``rint``
#: rounds halves to the even side as IEEE 754 does: ``round_even`` does not above 2**53 / 10, and adding 2**52 leaves
#: no room for a fraction. ``floor_divide`` and ``modulo`` are Python's, of HUGEINT; by zero they are null.
MACROS = (
    "CREATE OR REPLACE TEMP MACRO floor_to(x, step) AS x - ((x % step) + step) % step",
    "CREATE OR REPLACE TEMP MACRO ceil_to(x, step) AS -floor_to(-x, step)",
    "CREATE OR REPLACE TEMP MACRO floor_by(x, step) AS x // step - CAST(x % step < 0 AS BIGINT)",
    "CREATE OR REPLACE TEMP MACRO finite(x) AS CASE WHEN isfinite(x) THEN x + 0.0 END",
    "CREATE OR REPLACE TEMP MACRO rint(x) AS CASE WHEN x >= 4503599627370496::DOUBLE OR x <= -4503599627370496::DOUBLE "
    "THEN x WHEN x < 0 THEN (x - 4503599627370496::DOUBLE) + 4503599627370496::DOUBLE "
    "ELSE (x + 4503599627370496::DOUBLE) - 4503599627370496::DOUBLE END",
    "CREATE OR REPLACE TEMP MACRO modulo(a, b) AS (a % b + b) % b",
    "CREATE OR REPLACE TEMP MACRO floor_divide(a, b) AS (a - modulo(a, b)) // b",
)

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")

#: Types of a file that DuckDB gives other names: a column of nothing but nulls, and nanoseconds with a zone, which it
#: reads as microseconds, cut towards 1970.
ALL_NULL, ZONED_NANOSECONDS = "NULL", "TIMESTAMP_NS WITH TIME ZONE"

#: Type → the file's type → how it is read; ``{x}`` is the file's column.
READ: dict[str, dict[str, str]] = {
    "int64": {**dict.fromkeys(_INTEGERS, "CAST({x} AS BIGINT)"), "UBIGINT": "TRY_CAST({x} AS BIGINT)"},
    "float64": dict.fromkeys((*_INTEGERS, "UBIGINT", "FLOAT", "DOUBLE"), "finite(CAST({x} AS DOUBLE))"),
    "string": {"VARCHAR": "{x}"},
    "bool": {"BOOLEAN": "{x}"},
    "timestamp": {
        **dict.fromkeys(("TIMESTAMP_S", "TIMESTAMP_MS"), "floor_by(epoch_us(CAST({x} AS TIMESTAMP)), 1000)"),
        # a cast would ask a calendar for every row
        **dict.fromkeys(("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", ZONED_NANOSECONDS), "floor_by(epoch_us({x}), 1000)"),
        "TIMESTAMP_NS": "floor_by(epoch_ns({x}), 1000000)",
        # the days of every date fit, a timestamp of each would not
        "DATE": "CAST({x} - DATE '1970-01-01' AS BIGINT) * 86400000",
        "BIGINT": "{x}",
    },
}


@dataclass(frozen=True)
class FileColumn:
    """A column of a file: its name in DuckDB and its type. ``earlier``: of a time, the numbers of the rows that lie a
    millisecond before what DuckDB reads. ``sql``: of one inside another column, how it is reached.
    """

    name: str
    type: str
    earlier: Collection[int] = ()
    sql: str | None = None


@dataclass(frozen=True)
class ReadColumn:
    """A column as it is read. ``lost``: when a value of the file does not fit its type; None: never. ``code``: of the
    bad event that it is then; None: it is out of range.
    """

    sql: str
    lost: str | None
    code: str | None = None


def read_column(column: ColumnPlan, found: FileColumn, where: str) -> ReadColumn:
    """How a column is read from a file's. Raises UsageError, naming ``where``, for one of an unlike type."""
    if found.type == ALL_NULL:
        return ReadColumn(f"CAST(NULL AS {sql_type(column.type)})", None)
    x = quote(found.name) if found.sql is None else found.sql
    size = dimensions(column.type)
    if size is not None:
        return _read_vector(column, size, x, found.type, where)
    form = form_sql(column, x, found.type)
    if form is not None:
        return _by_form(column, x, *form)
    ways = _ways(column)
    if found.type not in ways:
        raise UsageError(
            f"the file's column {column.name!r} is {found.type}, not {column.type}",
            where=where,
            allowed=" ".join(ways),
            hint="write the file with that type, or change the definition: cast= names forms that a column takes, too",
        )
    sql = ways[found.type].format(x=x)
    if found.earlier:
        sql = f"{sql} - CAST(file_row_number IN ({', '.join(map(str, found.earlier))}) AS BIGINT)"
    return ReadColumn(sql, _lost(column, x, sql))


#: Of lists, and of those of a fixed length.
_LISTS = re.compile(r"(FLOAT|DOUBLE)\[[0-9]*\]")


def _read_vector(column: ColumnPlan, size: int, x: str, found: str, where: str) -> ReadColumn:
    """A vector of a list; a row with another length, or with an element that is none, is bad."""
    if not _LISTS.fullmatch(found):
        raise UsageError(
            f"the file's column {column.name!r} is {found}, not {column.type}",
            where=where,
            allowed="a list of floats or doubles",
        )
    # NaN and infinities are no values, and a comparison with them would not say so
    flawed = f"len(list_filter({x}, _each -> NOT coalesce(isfinite(_each), FALSE))) > 0"
    wrong = f"len({x}) <> {size} OR {flawed}"
    each = "TRY_CAST(_each AS FLOAT) + 0.0::FLOAT"
    # what TRY_CAST makes null is beyond float32
    beyond = f"len(list_filter({x}, _each -> TRY_CAST(_each AS FLOAT) IS NULL)) > 0"
    code = f"CASE WHEN {wrong} THEN 'wrong type' WHEN {beyond} THEN 'out of range' END"
    return ReadColumn(f"[{each} FOR _each IN {x}]", f"{x} IS NOT NULL AND ({wrong} OR {beyond})", code)


def _by_form(column: ColumnPlan, x: str, sql: str, code: str) -> ReadColumn:
    # a double that is no number is null
    lost = f"{x} IS NOT NULL AND ({sql}) IS NULL AND {code} IS NOT NULL"
    if column.type == "timestamp":
        lost = f"{x} IS NOT NULL AND coalesce(({sql}) NOT BETWEEN {TIME_MIN} AND {TIME_MAX}, {code} IS NOT NULL)"
    return ReadColumn(sql, lost, f"coalesce({code}, 'out of range')")


def _ways(column: ColumnPlan) -> dict[str, str]:
    """How each type of a file is read, but for what would be a guess: numbers that are times in another unit, and times
    without a zone where the column names one.
    """
    ways, cast = READ[column.type], column.cast
    if column.type == "timestamp" and cast.unit != "ms":
        ways = {type: way for type, way in ways.items() if type != "BIGINT"}
    if cast.zone is not None and not cast.zone.utc:
        ways = {type: way for type, way in ways.items() if "WITH TIME ZONE" in type}
    return ways


def _lost(column: ColumnPlan, x: str, sql: str) -> str | None:
    if column.type == "timestamp":
        # DuckDB has infinite times, which are no number
        return f"{x} IS NOT NULL AND coalesce({sql} NOT BETWEEN {TIME_MIN} AND {TIME_MAX}, TRUE)"
    return f"{x} IS NOT NULL AND {sql} IS NULL" if sql.startswith("TRY_CAST") else None


def sql_type(type: str) -> str:
    """The type of a column in every query."""
    return SQL_TYPES[kept_as(type)]


def quote(name: str) -> str:
    """A name as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("'", "''") + "'"


def in_milliseconds(type: str, x: str) -> str:
    """A feature's column of change points, with timestamps as milliseconds."""
    if type == "timestamp":
        return f"epoch_ms({x})"
    return f"[epoch_ms(_each) FOR _each IN {x}]" if type == list_of("timestamp") else x


def literal(value: Any, type: str) -> str:
    """A constant of a type. Numbers go through text: SQL would take 0.1 for a decimal."""
    if value is None:
        return f"NULL::{sql_type(type)}"
    if type == "bool":
        return "TRUE" if value else "FALSE"
    if type == "string":
        return text(value)
    return f"{text(repr(list(value) if isinstance(value, tuple) else value))}::{sql_type(type)}"
