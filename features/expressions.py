"""Expressions over the columns of a source, or over features: a typed tree, built by Python's operators.

Types are checked and mixed numbers promoted when the tree is built, so that the engines see only
operators between equal types. ``OPERATORS`` is the whole language of expressions, as data.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from features.errors import DefinitionError
from features.location import caller
from features.types import NUMBERS, TYPES

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def _same_number(types: tuple[str, ...]) -> str | None:
    return types[0] if types[0] in NUMBERS and len(set(types)) == 1 else None


def _difference(types: tuple[str, ...]) -> str | None:
    return "int64" if types == ("timestamp", "timestamp") else _same_number(types)


def _floats(types: tuple[str, ...]) -> str | None:
    return "float64" if set(types) == {"float64"} else None


def _ints_to_float(types: tuple[str, ...]) -> str | None:
    return "float64" if types == ("int64",) else None


def _comparable(types: tuple[str, ...]) -> str | None:
    return "bool" if len(set(types)) == 1 else None


def _bools(types: tuple[str, ...]) -> str | None:
    return "bool" if set(types) == {"bool"} else None


def _anything(types: tuple[str, ...]) -> str | None:
    return "bool"


def _same(types: tuple[str, ...]) -> str | None:
    return types[0] if len(set(types)) == 1 else None


@dataclass(frozen=True)
class Operator:
    """``result`` gives the type for the argument types, or None where the operator does not apply."""

    symbol: str
    arity: int | None
    takes: str
    result: Callable[[tuple[str, ...]], str | None]


OPERATORS: dict[str, Operator] = {
    "add": Operator("+", 2, "two numbers", _same_number),
    "subtract": Operator("-", 2, "two numbers, or two timestamps (milliseconds between them)", _difference),
    "multiply": Operator("*", 2, "two numbers", _same_number),
    "divide": Operator("/", 2, "two numbers", _floats),
    "negate": Operator("-", 1, "a number", _same_number),
    "to_float64": Operator("float", 1, "an int64", _ints_to_float),
    "eq": Operator("==", 2, "two values of one type", _comparable),
    "ne": Operator("!=", 2, "two values of one type", _comparable),
    "lt": Operator("<", 2, "two values of one type", _comparable),
    "le": Operator("<=", 2, "two values of one type", _comparable),
    "gt": Operator(">", 2, "two values of one type", _comparable),
    "ge": Operator(">=", 2, "two values of one type", _comparable),
    "and": Operator("&", 2, "two bools", _bools),
    "or": Operator("|", 2, "two bools", _bools),
    "not": Operator("~", 1, "a bool", _bools),
    "is_null": Operator("is_null", 1, "any value", _anything),
    "coalesce": Operator("coalesce", None, "two or more values of one type", _same),
}

LEAVES = ("column", "feature", "literal")


@dataclass(frozen=True, eq=False)
class Expr:
    """A node: a leaf (column, feature, literal) or an operator over nodes.

    ``owner`` names the source or the model input that a leaf belongs to; it is checked when a view or a
    model is built and is no part of the plan.
    """

    op: str
    type: str
    args: tuple[Expr, ...] = ()
    name: str | None = None
    value: Any = None
    owner: object | None = None
    places: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The node as the plan holds it."""
        if self.op == "literal":
            return {"op": "literal", "value": self.value, "type": self.type}
        if self.op in LEAVES:
            return {"op": self.op, "name": self.name, "type": self.type}
        return {"op": self.op, "args": [arg.to_json() for arg in self.args], "type": self.type}

    @staticmethod
    def from_json(node: dict[str, Any]) -> Expr:
        """The inverse of ``to_json``."""
        if node["op"] in LEAVES:
            return Expr(node["op"], node["type"], name=node.get("name"), value=node.get("value"))
        return Expr(node["op"], node["type"], tuple(Expr.from_json(arg) for arg in node["args"]))

    def walk(self) -> Iterator[Expr]:
        """This node and all below it."""
        yield self
        for arg in self.args:
            yield from arg.walk()

    def leaves(self, op: str) -> list[Expr]:
        """All leaves of one kind, in order."""
        return [node for node in self.walk() if node.op == op]

    def __add__(self, other: object) -> Expr:
        return operate("add", self, other)

    def __radd__(self, other: object) -> Expr:
        return operate("add", other, self)

    def __sub__(self, other: object) -> Expr:
        return operate("subtract", self, other)

    def __rsub__(self, other: object) -> Expr:
        return operate("subtract", other, self)

    def __mul__(self, other: object) -> Expr:
        return operate("multiply", self, other)

    def __rmul__(self, other: object) -> Expr:
        return operate("multiply", other, self)

    def __truediv__(self, other: object) -> Expr:
        return operate("divide", self, other)

    def __rtruediv__(self, other: object) -> Expr:
        return operate("divide", other, self)

    def __neg__(self) -> Expr:
        return operate("negate", self)

    def __eq__(self, other: object) -> Expr:  # type: ignore[override]
        return operate("eq", self, other)

    def __ne__(self, other: object) -> Expr:  # type: ignore[override]
        return operate("ne", self, other)

    def __lt__(self, other: object) -> Expr:
        return operate("lt", self, other)

    def __le__(self, other: object) -> Expr:
        return operate("le", self, other)

    def __gt__(self, other: object) -> Expr:
        return operate("gt", self, other)

    def __ge__(self, other: object) -> Expr:
        return operate("ge", self, other)

    def __and__(self, other: object) -> Expr:
        return operate("and", self, other)

    def __rand__(self, other: object) -> Expr:
        return operate("and", other, self)

    def __or__(self, other: object) -> Expr:
        return operate("or", self, other)

    def __ror__(self, other: object) -> Expr:
        return operate("or", other, self)

    def __invert__(self) -> Expr:
        return operate("not", self)

    def is_null(self) -> Expr:
        """True where the value is null, never null itself."""
        return operate("is_null", self)

    def __hash__(self) -> int:
        return id(self)

    def __bool__(self) -> bool:
        raise DefinitionError(
            "an expression has no truth value while it is being defined",
            where=caller(),
            allowed="& | ~ between expressions",
            hint="write (a > 1) & (b < 2) instead of 'and', and one comparison at a time instead of 1 < a < 2",
        )


#: Half a surrogate pair is no text, and SQL takes no NUL.
_UNFIT = re.compile("[\x00\ud800-\udfff]")


class OwnText(str):
    """A text of a definition's own, such as its name. It is no constant: ``stream.name`` may be meant as a column."""


def coalesce(*values: object) -> Expr:
    """The first value that is not null."""
    return operate("coalesce", *values)


def literal(value: object) -> Expr:
    """A constant. NaN and infinities are not values; integers are int64."""
    if isinstance(value, OwnText):
        raise DefinitionError(
            f"{value!r} is a text of the definition's own",
            where=caller(),
            allowed="columns, int64, finite float, str, bool",
            hint="stream['name'] is the column of that name; stream.name is what the stream is called",
        )
    # subclasses (enumerations, numpy's own) become what they stand for
    if isinstance(value, bool):
        return Expr("literal", "bool", value=value)
    if isinstance(value, int) and INT64_MIN <= value <= INT64_MAX:
        return Expr("literal", "int64", value=int(value))
    if isinstance(value, float) and math.isfinite(value):
        return Expr("literal", "float64", value=float(value) + 0.0)
    if isinstance(value, str) and not _UNFIT.search(value):
        return Expr("literal", "string", value=str.__str__(value))
    raise DefinitionError(
        f"{value!r} cannot stand in an expression",
        where=caller(),
        allowed="columns, int64, finite float, str, bool",
        hint="use x.is_null() to ask for null" if value is None else None,
    )


def operate(op: str, *operands: object) -> Expr:
    """An operator's node, its numbers promoted to one type; refused where the types do not fit."""
    args = tuple(value if isinstance(value, Expr) else literal(value) for value in operands)
    operator = OPERATORS[op]
    args = _promoted(op, args)
    types = tuple(arg.type for arg in args)
    fits = len(args) == operator.arity if operator.arity is not None else len(args) >= 2
    result = operator.result(types) if fits else None
    if result is None:
        raise DefinitionError(
            f"{operator.symbol} does not take {' and '.join(types)}", where=caller(), allowed=operator.takes
        )
    places = max((arg.places for arg in args if arg.places is not None), default=None)
    return Expr(op, result, args, places=places if result == "float64" else None)


def _promoted(op: str, args: tuple[Expr, ...]) -> tuple[Expr, ...]:
    types = {arg.type for arg in args}
    if op in ("to_float64", "is_null") or not types <= set(NUMBERS):
        return args
    if types == {"int64"} and op != "divide":
        return args
    return tuple(_as_float(arg) for arg in args)


def _as_float(arg: Expr) -> Expr:
    if arg.type == "float64":
        return arg
    if arg.op == "literal":
        return Expr("literal", "float64", value=float(arg.value))
    return Expr("to_float64", "float64", (arg,))


assert all(name in TYPES for name in NUMBERS)
