"""The functions of expressions over whole columns: what ``penstock.features.scalars`` says of one value, to the bit.

Each takes the operands' arrays and ``null`` (n,), True where an operand is null and what lies there means nothing, and
gives the results and (n,) True where there is none although every operand has a value.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.features import scalars
from penstock.features.expressions import Expr
from penstock.features.ingest import TIME_MAX, TIME_MIN
from penstock.features.zones import Zone

Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]
Result = tuple[Array, Mask | bool]


@functools.cache
def _columns(zone: Zone) -> tuple[Array, Array, Mask]:
    """Of a zone's table: starts, offsets (0 where not known), and which are known."""
    starts, offsets = zip(*zone.offsets, strict=True)
    known = np.array([offset is not None for offset in offsets])
    return np.array(starts, np.int64), np.array([offset or 0 for offset in offsets], np.int64), known


def local(zone: Zone, times: Array) -> Result:
    """What clocks of the zone show, in milliseconds as if it were UTC."""
    starts, offsets, known = _columns(zone)
    places = np.maximum(np.searchsorted(starts, times, side="right") - 1, 0)
    return times + offsets[places], ~known[places]


def _month(times: Array) -> Array:
    return times.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64) % 12 + 1


def _weekday(times: Array) -> Array:
    # the epoch was a Thursday
    return (times // scalars.DAY_MS + 3) % 7


def _by_value(function: Callable[..., Any], dtype: type, under: Any) -> Callable[[list[Array], Mask], Result]:
    """Texts have no arithmetic of whole columns: one value after the other."""

    def apply(operands: list[Array], null: Mask) -> Result:
        present = ~null
        found = [function(*values) for values in zip(*(o[present].tolist() for o in operands), strict=True)]
        values: Array = np.full(len(null), under, dtype)
        none = np.zeros(len(null), np.bool_)
        values[present] = [under if value is None else value for value in found]
        none[present] = [value is None for value in found]
        return values, none

    return apply


def _text_to(type: str) -> Callable[[list[Array], Mask], Result]:
    return _by_value(scalars.SCALARS[f"to_{type}"], np.int64 if type == "int64" else np.float64, 0)


def _whole(operands: list[Array], null: Mask) -> Result:
    """float64 to int64, without the fraction."""
    x = operands[0]
    # 2**63 is a double, the greatest int64 is not
    fits = (x >= -(2.0**63)) & (x < 2.0**63)
    return np.where(fits, x, 0.0).astype(np.int64), ~fits


def _times(operands: list[Array], null: Mask) -> Result:
    return operands[0], (operands[0] < TIME_MIN) | (operands[0] > TIME_MAX)


def _as(dtype: type) -> Callable[[list[Array], Mask], Result]:
    return lambda operands, null: (operands[0].astype(dtype), False)


_TEXTS: dict[str, tuple[type, Any]] = {
    "lower": (object, None),
    "upper": (object, None),
    "concat": (object, None),
    "substring": (object, None),
    "to_string": (object, None),
    "length": (np.int64, 0),
    "contains": (np.bool_, False),
    "starts_with": (np.bool_, False),
}

_FUNCTIONS: dict[str, Callable[[list[Array], Mask], Result]] = {
    **{op: _by_value(scalars.SCALARS[op], *kind) for op, kind in _TEXTS.items()},
    "hour": lambda operands, null: (operands[0] % scalars.DAY_MS // scalars.HOUR_MS, False),
    "weekday": lambda operands, null: (_weekday(operands[0]), False),
    "month": lambda operands, null: (_month(operands[0]), False),
    "to_timestamp": _times,
}

#: Casts to numbers by the type that they are from.
_CASTS: dict[tuple[str, str], Callable[[list[Array], Mask], Result]] = {
    ("to_int64", "string"): _text_to("int64"),
    ("to_int64", "float64"): _whole,
    ("to_int64", "bool"): _as(np.int64),
    ("to_int64", "timestamp"): _as(np.int64),
    ("to_float64", "string"): _text_to("float64"),
    ("to_float64", "bool"): _as(np.float64),
    ("to_float64", "int64"): _as(np.float64),
}


def function(expr: Expr) -> Callable[[list[Array], Mask], Result] | None:
    """The function of an expression's operator, None where the operator is no function but arithmetic or comparison."""
    table = expr.zone
    if table is not None:
        return lambda operands, null: local(table, operands[0])
    return _FUNCTIONS.get(expr.op) or _CASTS.get((expr.op, expr.args[0].type))
