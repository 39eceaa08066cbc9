"""The functions of expressions as SQL, over operands that are columns or constants: an operand may be written often.

No function raises, whatever its operand: rows that are bad already are computed too, and what a CASE leaves out DuckDB
may compute all the same, for the entries of a file's dictionary.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.features.compilers.duckdb.types import literal, text
from penstock.features.expressions import Expr
from penstock.features.ingest import TIME_MAX, TIME_MIN

Operands = list[str]

_LOWER = text("abcdefghijklmnopqrstuvwxyz")
_UPPER = text("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_INTEGER = text("-?[0-9]+")
_DECIMAL = text(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")

#: SQL counts from 1, and takes no place beyond 32 bits; no text is as long as that.
_FAR = 2**31

#: The calendar repeats after 400 years, so any time has the fields of one near the epoch.
_CYCLE_MS = 146_097 * 86_400_000


def _divide(args: Operands) -> str:
    return f"finite(CASE WHEN {args[1]} <> 0 THEN {args[0]} / {args[1]} END)"


def _substring(args: Operands) -> str:
    string, start, length = args
    return (
        f"CASE WHEN {start} >= 0 AND {length} >= 0 THEN "
        f"substring({string}, least(greatest({start}, 0), {_FAR}) + 1, least(greatest({length}, 0), {_FAR})) END"
    )


def _field(name: str) -> Callable[[Operands], str]:
    return lambda args: f"{name}(epoch_ms({args[0]} % {_CYCLE_MS}))"


def _when(args: Operands) -> str:
    cases = " ".join(f"WHEN {args[i]} THEN {args[i + 1]}" for i in range(0, len(args) - 1, 2))
    return f"CASE {cases} ELSE {args[-1]} END"


FUNCTIONS: dict[str, Callable[[Operands], str]] = {
    "divide": _divide,
    "round": lambda args: f"finite(rint({args[0]}))",
    "floor": lambda args: f"finite(floor({args[0]}))",
    "ceil": lambda args: f"finite(ceil({args[0]}))",
    "sqrt": lambda args: f"CASE WHEN {args[0]} >= 0 THEN sqrt(greatest({args[0]}, 0)) END",
    "log": lambda args: f"natural_log({args[0]})",
    "exp": lambda args: f"natural_exp({args[0]})",
    "not": lambda args: f"NOT {args[0]}",
    "is_null": lambda args: f"{args[0]} IS NULL",
    "coalesce": lambda args: f"coalesce({', '.join(args)})",
    "when": _when,
    "lower": lambda args: f"translate({args[0]}, {_UPPER}, {_LOWER})",
    "upper": lambda args: f"translate({args[0]}, {_LOWER}, {_UPPER})",
    "length": lambda args: f"length({args[0]})",
    "contains": lambda args: f"contains({args[0]}, {args[1]})",
    "starts_with": lambda args: f"starts_with({args[0]}, {args[1]})",
    "concat": lambda args: " || ".join(args),
    "substring": _substring,
    "hour": _field("hour"),
    "weekday": lambda args: f"{_field('isodow')(args)} - 1",
    "month": _field("month"),
    "to_string": lambda args: f"CAST({args[0]} AS VARCHAR)",
    "to_timestamp": lambda args: f"CASE WHEN {args[0]} BETWEEN {TIME_MIN} AND {TIME_MAX} THEN {args[0]} END",
}

#: Casts to numbers by the type that they are from.
CASTS: dict[tuple[str, str], Callable[[Operands], str]] = {
    ("to_int64", "bool"): lambda args: f"CAST({args[0]} AS BIGINT)",
    ("to_int64", "timestamp"): lambda args: args[0],
    ("to_int64", "string"): lambda args: (
        f"CASE WHEN regexp_full_match({args[0]}, {_INTEGER}) THEN TRY_CAST({args[0]} AS BIGINT) END"
    ),
    # the greatest int64 is no double: from 2**63 on nothing fits
    ("to_int64", "float64"): lambda args: (
        f"CASE WHEN {args[0]} >= {literal(-(2.0**63), 'float64')} AND {args[0]} < {literal(2.0**63, 'float64')} "
        f"THEN TRY_CAST(trunc({args[0]}) AS BIGINT) END"
    ),
    ("to_float64", "int64"): lambda args: f"CAST({args[0]} AS DOUBLE)",
    ("to_float64", "bool"): lambda args: f"CAST({args[0]} AS DOUBLE)",
    ("to_float64", "string"): lambda args: (
        f"finite(CASE WHEN regexp_full_match({args[0]}, {_DECIMAL}) THEN TRY_CAST({args[0]} AS DOUBLE) END)"
    ),
}


def function(expr: Expr) -> Callable[[Operands], str] | None:
    """The SQL of an expression's operator, None where the operator is arithmetic or a comparison."""
    table = expr.zone
    if table is not None:
        return lambda args: f"TRY_CAST(CAST({args[0]} AS HUGEINT) + {_offset(args[0], table.offsets)} AS BIGINT)"
    return FUNCTIONS.get(expr.op) or CASTS.get((expr.op, expr.args[0].type))


def _offset(time: str, offsets: tuple[tuple[int, int | None], ...]) -> str:
    """The zone's table as a tree of comparisons: as many for a time as the table's length has bits."""
    if len(offsets) == 1:
        offset = offsets[0][1]
        return "NULL" if offset is None else str(offset)
    middle = len(offsets) // 2
    before, after = _offset(time, offsets[:middle]), _offset(time, offsets[middle:])
    return f"CASE WHEN {time} < {offsets[middle][0]} THEN {before} ELSE {after} END"
