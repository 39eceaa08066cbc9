"""Row expressions as SQL: every operator one named column, so that no text is written twice.

The names refer to each other within one SELECT, which DuckDB allows in order.
"""

from __future__ import annotations

from collections.abc import Callable

from features.canonical import canonical_json
from features.compilers.duckdb.types import literal, quote
from features.expressions import Expr

_SYMBOLS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "eq": "=",
    "ne": "<>",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "and": "AND",
    "or": "OR",
}
_ARITHMETIC = ("add", "subtract", "multiply", "negate")


def _infix(op: str) -> Callable[[list[str]], str]:
    return lambda args: f" {_SYMBOLS[op]} ".join(args)


#: Operator → SQL for its operands. Arithmetic is written by ``_arithmetic``.
_SQL: dict[str, Callable[[list[str]], str]] = {
    **{op: _infix(op) for op in _SYMBOLS if op not in _ARITHMETIC},
    "divide": lambda args: f"finite(CASE WHEN {args[1]} <> 0 THEN {args[0]} / {args[1]} END)",
    "to_float64": lambda args: f"CAST({args[0]} AS DOUBLE)",
    "not": lambda args: f"NOT {args[0]}",
    "is_null": lambda args: f"{args[0]} IS NULL",
    "coalesce": lambda args: f"coalesce({', '.join(args)})",
}


class Expressions:
    """Collects the columns that some expressions need: ``columns`` as (name, SQL), each operator once."""

    def __init__(self) -> None:
        self.columns: list[tuple[str, str]] = []
        self._known: dict[str, str] = {}
        self._overflow: dict[str, str] = {}

    def add(self, expr: Expr) -> str:
        """The SQL (a name or a literal) that stands for the expression's value."""
        if expr.op == "column":
            return quote(str(expr.name))
        if expr.op == "literal":
            return literal(expr.value, expr.type)
        node = canonical_json(expr.to_json())
        if node not in self._known:
            self._known[node] = self._operator(expr, node)
        return self._known[node]

    def _operator(self, expr: Expr, node: str) -> str:
        args = [self.add(arg) for arg in expr.args]
        name = f"_v{len(self.columns)}"
        sql = _arithmetic(expr, args) if expr.op in _ARITHMETIC else _SQL[expr.op](args)
        self.columns.append((name, sql))
        if expr.op in _ARITHMETIC and expr.type == "int64":
            present = " AND ".join(f"{arg} IS NOT NULL" for arg in args)
            self._overflow[node] = f"({present} AND {name} IS NULL)"
        return name

    def overflow(self, expr: Expr) -> list[str]:
        """The conditions under which an int64 of the expression overflows, whatever becomes of it."""
        nodes = dict.fromkeys(canonical_json(node.to_json()) for node in expr.walk())
        return [self._overflow[node] for node in nodes if node in self._overflow]


def _arithmetic(expr: Expr, args: list[str]) -> str:
    if expr.type == "int64":
        # a product of two int64 fits HUGEINT; what does not come back into int64 is null, and its row is bad
        wide = [f"CAST({args[0]} AS HUGEINT)", *args[1:]]
        return f"TRY_CAST({_signed(expr.op, wide)} AS BIGINT)"
    return f"finite({_signed(expr.op, args)})"


def _signed(op: str, args: list[str]) -> str:
    return f"-{args[0]}" if op == "negate" else _infix(op)(args)
