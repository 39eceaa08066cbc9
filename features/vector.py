"""A model's vector from request columns and features: one implementation, for training and for serving.

Expressions are evaluated over whole columns with the meaning of ``penstock.features.oracle.evaluate``, to the bit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.features.dimensions import dimensions
from penstock.features.expressions import INT64_MIN, Expr
from penstock.features.logarithm_columns import exp, log
from penstock.features.plan import ModelPlan
from penstock.features.vector_functions import function

Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]

#: Type → numpy's dtype, and what lies under a null.
DTYPES: dict[str, tuple[Any, Any]] = {
    "int64": (np.int64, 0),
    "timestamp": (np.int64, 0),
    "float64": (np.float64, np.nan),
    "bool": (np.bool_, False),
    "string": (object, None),
}


#: What an expression ends in: values that are given.
LEAVES = ("column", "feature")


@dataclass(frozen=True)
class Values:
    """n values of one type: ``values`` (n,), and ``null`` (n,), True where there is none.

    dtype int64 (timestamps too, in milliseconds), float64, bool, or object for strings; of vectors float32, with
    ``values`` (n, dimensions). What lies under a null means nothing.
    """

    type: str
    values: Array
    null: Mask

    @staticmethod
    def of(type: str, items: Sequence[Any]) -> Values:
        """From Python values, None for null."""
        null = np.fromiter((item is None for item in items), np.bool_, len(items))
        size = dimensions(type)
        if size is not None:
            rows = [[np.nan] * size if item is None else item for item in items]
            return Values(type, np.array(rows, np.float32).reshape(len(items), size), null)
        dtype, under = DTYPES[type]
        filled = [under if item is None else item for item in items] if null.any() else list(items)
        values = np.empty(len(items), dtype)
        values[:] = filled
        return Values(type, values, null)

    def tolist(self) -> list[Any]:
        """As Python values, None for null."""
        items: list[Any] = self.values.tolist()
        if not self.null.any():
            return items
        return [None if null else item for item, null in zip(items, self.null.tolist(), strict=True)]

    def __len__(self) -> int:
        return len(self.null)


@dataclass(frozen=True)
class Vectors:
    """n vectors as columns, by name, in the plan's order; ``overflow`` (n,): by item, rows that its int64 leave.

    Only items with such a row are in ``overflow``. A row that is in it is bad: its vector means nothing.
    """

    columns: dict[str, Values]
    overflow: dict[str, Mask]


def vectors(plan: ModelPlan, leaves: Mapping[str, Values], n: int) -> Vectors:
    """The vectors of n requests. ``leaves``: request columns by name, features as ``<input>.<feature>``."""
    columns: dict[str, Values] = {}
    overflow: dict[str, Mask] = {}
    for item in plan.vector:
        if item.expr.op in LEAVES:
            columns[item.name] = leaves[str(item.expr.name)]
            continue
        columns[item.name], lost = evaluate(item.expr, leaves, n)
        if lost.any():
            overflow[item.name] = lost
    return Vectors(columns, overflow)


def leaf_names(plan: ModelPlan, op: str) -> list[str]:
    """The names of the vector's leaves, ``column`` or ``feature``, each once, in order of first use."""
    return list(dict.fromkeys(str(leaf.name) for item in plan.vector for leaf in item.expr.leaves(op)))


def evaluate(expr: Expr, leaves: Mapping[str, Values], n: int) -> tuple[Values, Mask]:
    """The expression's n values, and (n,) True where an int64 overflows anywhere in it: such a row is bad."""
    lost = np.zeros(n, np.bool_)
    with np.errstate(all="ignore"):
        return _node(expr, leaves, lost), lost


def _node(expr: Expr, leaves: Mapping[str, Values], lost: Mask) -> Values:
    if expr.op in LEAVES:
        return leaves[str(expr.name)]
    if expr.op == "literal":
        return _constant(expr, len(lost))
    args = [_node(arg, leaves, lost) for arg in expr.args]
    if expr.op == "is_null":
        return Values("bool", args[0].null, np.zeros(len(lost), np.bool_))
    if expr.op == "coalesce":
        return _coalesce(args)
    if expr.op == "when":
        return _when(expr.type, args)
    if expr.op in ("and", "or"):
        return _three_valued(expr.op, *args)
    null = functools.reduce(np.logical_or, (arg.null for arg in args))
    return _apply(expr, args, null, lost)


def _constant(expr: Expr, n: int) -> Values:
    dtype, under = DTYPES[expr.type]
    none = expr.value is None
    return Values(expr.type, np.full(n, under if none else expr.value, dtype), np.full(n, none))


def _coalesce(args: list[Values]) -> Values:
    values, null = args[0].values, args[0].null
    for arg in args[1:]:
        values = np.where(null, arg.values, values)
        null = null & arg.null
    return Values(args[0].type, values, null)


def _when(type: str, args: list[Values]) -> Values:
    """From the last condition to the first: an earlier one has its way."""
    values, null = args[-1].values, args[-1].null
    for condition, chosen in zip(args[-3::-2], args[-2::-2], strict=True):
        holds = condition.values & ~condition.null
        values, null = np.where(holds, chosen.values, values), np.where(holds, chosen.null, null)
    return Values(type, values, null)


def _three_valued(op: str, a: Values, b: Values) -> Values:
    """``decides`` in either operand settles it; else a null leaves it open."""
    decides = op == "or"
    settled = (~a.null & (a.values == decides)) | (~b.null & (b.values == decides))
    return Values("bool", settled == decides, ~settled & (a.null | b.null))


def _apply(expr: Expr, args: list[Values], null: Mask, lost: Mask) -> Values:
    operands = [arg.values for arg in args]
    found = function(expr)
    if found is not None:
        result, none = found(operands, null)
        return _float64(result, null | none) if expr.type == "float64" else Values(expr.type, result, null | none)
    if expr.type == "int64":
        return _int64(expr, operands, null, lost)
    if expr.type == "float64":
        return _float64(_FLOATS[expr.op](*operands), null)
    if args[0].type == "string":
        return _strings(expr.op, operands, null)
    return Values("bool", _BOOLS[expr.op](*operands), null)


def _float64(result: Array, null: Mask) -> Values:
    null = null | ~np.isfinite(result)
    # adding zero turns -0.0 into 0.0
    return Values("float64", np.where(null, np.nan, result + 0.0), null)


def _int64(expr: Expr, operands: list[Array], null: Mask, lost: Mask) -> Values:
    operation, overflows = _INTS[expr.op]
    if expr.op in _QUOTIENTS:
        null = null | (operands[1] == 0)
    result = operation(*operands)
    beyond = overflows(*operands, result) & ~null
    lost |= beyond
    null = null | beyond
    return Values("int64", np.where(null, 0, result), null)


def _strings(op: str, operands: list[Array], null: Mask) -> Values:
    """By code point, as Python compares; None cannot be compared."""
    result = np.zeros(len(null), np.bool_)
    result[~null] = _BOOLS[op](*(operand[~null] for operand in operands))
    return Values("bool", result, null)


def _add_overflows(a: Array, b: Array, sum: Array) -> Array:
    return ((a ^ sum) & (b ^ sum)) < 0  # type: ignore[no-any-return]


def _subtract_overflows(a: Array, b: Array, difference: Array) -> Array:
    return ((a ^ b) & (a ^ difference)) < 0  # type: ignore[no-any-return]


def _multiply_overflows(a: Array, b: Array, product: Array) -> Array:
    """A product that wrapped is off by a multiple of 2**64, so dividing it again misses ``b`` by 2 or more."""
    divisor = np.where((a == 0) | (a == -1), 1, a)
    quotient = np.where(a == 0, b, product // divisor)
    return np.where(a == -1, b == INT64_MIN, quotient != b)


def _negate_overflows(a: Array, negative: Array) -> Array:
    return a == INT64_MIN  # type: ignore[no-any-return]


def _floor_divide_overflows(a: Array, b: Array, quotient: Array) -> Array:
    return (a == INT64_MIN) & (b == -1)  # type: ignore[no-any-return]


def _never(a: Array, b: Array, result: Array) -> Array:
    return np.zeros(len(a), np.bool_)


#: By zero they are null.
_QUOTIENTS = ("floor_divide", "modulo")

#: Integer operators wrap in numpy: each has its test for a result that does not fit.
_INTS: dict[str, tuple[Callable[..., Array], Callable[..., Array]]] = {
    "add": (np.add, _add_overflows),
    "subtract": (np.subtract, _subtract_overflows),
    "multiply": (np.multiply, _multiply_overflows),
    "floor_divide": (np.floor_divide, _floor_divide_overflows),
    "modulo": (np.remainder, _never),
    "negate": (np.negative, _negate_overflows),
    "abs": (np.abs, _negate_overflows),
}

_FLOATS: dict[str, Callable[..., Array]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "negate": np.negative,
    "abs": np.abs,
    "round": np.rint,
    "floor": np.floor,
    "ceil": np.ceil,
    "sqrt": np.sqrt,
    "log": log,
    "exp": exp,
}

_BOOLS: dict[str, Callable[..., Array]] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "not": np.logical_not,
}
