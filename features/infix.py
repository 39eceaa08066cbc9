"""An expression as a reader writes it: ``(dep_delay > 15) & ~is_null(tailnum)``."""

from __future__ import annotations

import json

from penstock.features.expressions import LEAVES, Expr
from penstock.features.operators import OPERATORS


def infix(expr: Expr) -> str:
    """The expression as text, operators between what they join; inner ones in brackets."""
    if expr.op == "literal":
        return json.dumps(expr.value, ensure_ascii=False)
    if expr.op in LEAVES:
        return str(expr.name)
    symbol = OPERATORS[expr.op].symbol
    if symbol.isidentifier():
        return f"{symbol}({', '.join(map(infix, expr.args))})"
    if len(expr.args) == 1:
        return symbol + _inner(expr.args[0])
    return f" {symbol} ".join(map(_inner, expr.args))


def _inner(expr: Expr) -> str:
    simple = expr.op in LEAVES or OPERATORS[expr.op].symbol.isidentifier()
    return infix(expr) if simple else f"({infix(expr)})"
