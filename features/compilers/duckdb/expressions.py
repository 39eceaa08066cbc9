"""Row expressions as SQL: every operator one named column, so that no text is written twice.

A column stands in a later layer than those that it reads, and each layer is a SELECT of its own: within one SELECT,
DuckDB would write out a name wherever it stands, and a text that names its operand twice doubles with each operator.
"""

from __future__ import annotations

from penstock.features.canonical import canonical_json
from penstock.features.compilers.duckdb.functions import function
from penstock.features.compilers.duckdb.types import literal, quote
from penstock.features.expressions import Expr

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
_ARITHMETIC = ("add", "subtract", "multiply", "floor_divide", "modulo", "negate", "abs")
#: By zero they are null. SQL's own are cut towards zero, Python's and ours rounded down.
_QUOTIENTS = ("floor_divide", "modulo")


class Expressions:
    """Collects the columns that some expressions need: ``layers`` of (name, SQL), each operator once."""

    def __init__(self) -> None:
        self.layers: list[list[tuple[str, str]]] = []
        self._depth: dict[str, int] = {}
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
        name = f"_v{len(self._depth)}"
        made = function(expr)
        sql = made(args) if made else _arithmetic(expr, args) if expr.op in _ARITHMETIC else _infix(expr.op, args)
        self._place(name, sql, args)
        if expr.op in _ARITHMETIC and expr.type == "int64":
            self._overflow[node] = f"({_defined(expr, args)} AND {name} IS NULL)"
        return name

    def _place(self, name: str, sql: str, args: list[str]) -> None:
        depth = max((self._depth.get(arg, 0) for arg in args), default=0)
        if depth == len(self.layers):
            self.layers.append([])
        self.layers[depth].append((name, sql))
        self._depth[name] = depth + 1

    def overflow(self, expr: Expr) -> list[str]:
        """The conditions under which an int64 of the expression overflows, whatever becomes of it."""
        nodes = dict.fromkeys(canonical_json(node.to_json()) for node in expr.walk())
        return [self._overflow[node] for node in nodes if node in self._overflow]


def _infix(op: str, args: list[str]) -> str:
    return f" {_SYMBOLS[op]} ".join(args)


def _defined(expr: Expr, args: list[str]) -> str:
    """The condition under which integer arithmetic has a result, were there room for it."""
    present = " AND ".join(f"{arg} IS NOT NULL" for arg in args)
    return f"{present} AND {args[1]} <> 0" if expr.op in _QUOTIENTS else present


def _arithmetic(expr: Expr, args: list[str]) -> str:
    if expr.type == "int64":
        # a product of two int64 fits HUGEINT; what does not come back into int64 is null, and its row is bad
        wide = [f"CAST({args[0]} AS HUGEINT)", *args[1:]]
        return f"TRY_CAST({_signed(expr.op, wide)} AS BIGINT)"
    return f"finite({_signed(expr.op, args)})"


def _signed(op: str, args: list[str]) -> str:
    if op in _QUOTIENTS:
        return f"{op}({', '.join(args)})"
    if op == "abs":
        return f"abs({args[0]})"
    return f"-{args[0]}" if op == "negate" else _infix(op, args)
