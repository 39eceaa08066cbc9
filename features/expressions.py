"""Expressions over the columns of a source, or over features: a typed tree, built by Python's operators.

Types are checked and mixed numbers promoted when the tree is built, so that the engines see only
operators between equal types. ``penstock.features.operators.OPERATORS`` is the whole language, as data.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from penstock.features.casts import cast_operator
from penstock.features.dimensions import dimensions
from penstock.features.errors import DefinitionError, did_you_mean
from penstock.features.location import caller
from penstock.features.operators import OPERATORS
from penstock.features.refusals import METHODS, PYTHON, instead
from penstock.features.types import NUMBERS, TYPES
from penstock.features.zones import Zone, zone

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


#: Functions of doubles: an int64 becomes one.
_OF_DOUBLES = ("divide", "sqrt", "log", "exp")

LEAVES = ("column", "feature", "literal")


@dataclass(frozen=True, eq=False)
class Expr:
    """A node: a leaf (column, feature, literal) or an operator over nodes.

    ``owner`` names the source or the model input that a leaf belongs to; it is checked when a view or a
    model is built and is no part of the plan. ``zone`` is that of a ``local``.
    """

    op: str
    type: str
    args: tuple[Expr, ...] = ()
    name: str | None = None
    value: Any = None
    owner: object | None = None
    places: int | None = None
    zone: Zone | None = None

    def to_json(self) -> dict[str, Any]:
        """The node as the plan holds it."""
        if self.op == "literal":
            return {"op": "literal", "value": self.value, "type": self.type}
        if self.op in LEAVES:
            return {"op": self.op, "name": self.name, "type": self.type}
        node = {"op": self.op, "args": [arg.to_json() for arg in self.args], "type": self.type}
        return node if self.zone is None else {**node, "zone": self.zone.to_json()}

    @staticmethod
    def from_json(node: dict[str, Any]) -> Expr:
        """The inverse of ``to_json``."""
        if node["op"] in LEAVES:
            return Expr(node["op"], node["type"], name=node.get("name"), value=node.get("value"))
        table = Zone.from_json(node["zone"]) if "zone" in node else None
        return Expr(node["op"], node["type"], tuple(Expr.from_json(arg) for arg in node["args"]), zone=table)

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

    def __floordiv__(self, other: object) -> Expr:
        return operate("floor_divide", self, other)

    def __rfloordiv__(self, other: object) -> Expr:
        return operate("floor_divide", other, self)

    def __mod__(self, other: object) -> Expr:
        return operate("modulo", self, other)

    def __rmod__(self, other: object) -> Expr:
        return operate("modulo", other, self)

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

    def abs(self) -> Expr:
        """The size of a number, of its type. The least int64 has none that fits: an overflow."""
        return operate("abs", self)

    def round(self) -> Expr:
        """float64: the nearest whole number, halves to the even one."""
        return operate("round", self)

    def floor(self) -> Expr:
        """float64: the greatest whole number that is not above."""
        return operate("floor", self)

    def ceil(self) -> Expr:
        """float64: the least whole number that is not below."""
        return operate("ceil", self)

    def sqrt(self) -> Expr:
        """float64: the square root, rounded once; null below zero."""
        return operate("sqrt", self)

    def log(self) -> Expr:
        """float64: the natural logarithm, as ``penstock.features.logarithms`` computes it; null for zero and below."""
        return operate("log", self)

    def exp(self) -> Expr:
        """float64: e to this power, as ``penstock.features.logarithms`` computes it; null beyond float64."""
        return operate("exp", self)

    def lower(self) -> Expr:
        """A text with a to z for A to Z. Other letters stay: what their cases are changes with Unicode's version."""
        return operate("lower", self)

    def upper(self) -> Expr:
        """A text with A to Z for a to z. Other letters stay: what their cases are changes with Unicode's version."""
        return operate("upper", self)

    def length(self) -> Expr:
        """int64: how many code points a text has."""
        return operate("length", self)

    def contains(self, part: object) -> Expr:
        """bool: is ``part`` somewhere in the text? The empty text is in every text."""
        return operate("contains", self, part)

    def starts_with(self, part: object) -> Expr:
        """bool: does the text begin with ``part``?"""
        return operate("starts_with", self, part)

    def substring(self, start: object, length: object) -> Expr:
        """``length`` code points from ``start`` (the first is 0), fewer where the text ends before.

        Null where ``start`` or ``length`` is below zero; a constant below zero is refused.
        """
        for what, value in (("start", start), ("length", length)):
            if isinstance(value, int) and value < 0:
                raise DefinitionError(
                    f"substring has no {what} {value}: places are counted from the beginning",
                    where=caller(),
                    allowed="0 or more",
                    hint=None if what == "length" else "s.substring(s.length() - 2, 2) is the last two characters",
                )
        return operate("substring", self, start, length)

    def hour(self, zone: str = "UTC") -> Expr:
        """int64, 0 to 23: the hour of a timestamp in a time zone of the IANA database; null from the year 2100 on.

        A zone that never changes, such as UTC, has no such end.
        """
        return _of_clock("hour", self, zone)

    def weekday(self, zone: str = "UTC") -> Expr:
        """int64, 0 (Monday) to 6 (Sunday): the day of the week of a timestamp in a time zone; null as for ``hour``."""
        return _of_clock("weekday", self, zone)

    def month(self, zone: str = "UTC") -> Expr:
        """int64, 1 to 12: the month of a timestamp in a time zone; null as for ``hour``."""
        return _of_clock("month", self, zone)

    def cast(self, type: str) -> Expr:
        """The value as another type; null where that type has no such value."""
        if type == self.type:
            return self
        _check_single("cast", (self,))
        return operate(cast_operator(self.type, type), self)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        methods = [each for each in dir(Expr) if not each.startswith("_")]
        raise DefinitionError(
            f"an expression has no {name!r}",
            where=caller(),
            allowed="the operators and methods of expressions",
            hint=METHODS.get(name) or did_you_mean(name, methods),
        )

    def __hash__(self) -> int:
        return id(self)

    def __bool__(self) -> bool:
        raise DefinitionError(
            "an expression has no truth value while it is being defined",
            where=caller(),
            allowed="& | ~ between expressions",
            hint="write (a > 1) & (b < 2) instead of 'and', and one comparison at a time instead of 1 < a < 2",
        )


def _refusing(method: str) -> Callable[..., NoReturn]:
    def refuse(*operands: object) -> NoReturn:
        raise DefinitionError(
            f"{PYTHON[method][0]} asks Python for a value, and an expression has none while it is being defined",
            where=caller(),
            allowed="the operators and methods of expressions",
            hint=PYTHON[method][1],
        )

    return refuse


for _method in PYTHON:
    setattr(Expr, _method, _refusing(_method))

#: Half a surrogate pair is no text, and SQL takes no NUL.
_UNFIT = re.compile("[\x00\ud800-\udfff]")


class OwnText(str):
    """A text of a definition's own, such as its name. It is no constant: ``stream.name`` may be meant as a column."""


def coalesce(*values: object) -> Expr:
    """The first value that is not null."""
    return operate("coalesce", *values)


def concat(*values: object) -> Expr:
    """Texts, one after the other; null where one of them is null."""
    return operate("concat", *values)


def _of_clock(op: str, time: Expr, name: str) -> Expr:
    table = zone(name)
    if time.type != "timestamp" or table.utc:
        return operate(op, time)
    return operate(op, operate("local", time, zone=table))


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


def operate(op: str, *operands: object, zone: Zone | None = None) -> Expr:
    """An operator's node, its numbers promoted to one type; refused where the types do not fit."""
    given = tuple(value if isinstance(value, Expr) else literal(value) for value in operands)
    operator = OPERATORS[op]
    _check_single(operator.symbol, given)
    args = promoted(op, given)
    fits = len(args) == (operator.arity or len(args))
    result = operator.result(tuple(arg.type for arg in args)) if fits else None
    if result is None:
        types = tuple(arg.type for arg in given)
        raise DefinitionError(
            f"{operator.symbol} does not take {' and '.join(types)}",
            where=caller(),
            allowed=operator.takes,
            hint=instead(op, types),
        )
    places = max((arg.places for arg in args if arg.places is not None), default=None)
    return Expr(op, result, args, places=places if result == "float64" else None, zone=zone)


def _check_single(symbol: str, args: tuple[Expr, ...]) -> None:
    """Raises DefinitionError for a vector among the operands."""
    for arg in args:
        if dimensions(arg.type) is not None:
            raise DefinitionError(
                f"{symbol} does not take {arg.name}, a vector ({arg.type})",
                where=caller(),
                allowed="a vector as it stands, in inputs= of a Model",
                hint="make what you need of it where the vector is made, as a column of its own",
            )


def promoted(op: str, args: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """Operands of ``op`` with mixed numbers made float64."""
    types = {arg.type for arg in args}
    if op in ("to_float64", "is_null") or not types <= set(NUMBERS):
        return args
    if types == {"int64"} and op not in _OF_DOUBLES:
        return args
    return tuple(_as_float(arg) for arg in args)


def _as_float(arg: Expr) -> Expr:
    if arg.type == "float64":
        return arg
    if arg.op == "literal":
        return Expr("literal", "float64", value=float(arg.value))
    return Expr("to_float64", "float64", (arg,))


assert all(name in TYPES for name in NUMBERS)
