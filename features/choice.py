"""``when(condition).then(value).otherwise(value)``: the value of the first condition that is true."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.features.errors import DefinitionError
from penstock.features.expressions import Expr, literal, operate, promoted
from penstock.features.location import caller

#: Conditions and values (None: null) by turns.
_Said = tuple[object, ...]


@dataclass(frozen=True, repr=False)
class Condition:
    """A condition that waits for its value."""

    _said: _Said

    def then(self, value: object) -> Choice:
        """The value where this condition is the first that is true; None is null."""
        return Choice((*self._said, value))

    def __repr__(self) -> str:
        return "a when(…) without its .then(…)"


@dataclass(frozen=True, repr=False)
class Choice:
    """Conditions with their values, waiting for more or for the last word."""

    _said: _Said

    def when(self, condition: object) -> Condition:
        """One more condition, asked where none before is true."""
        return Condition((*self._said, _condition(condition)))

    def otherwise(self, value: object) -> Expr:
        """The value where no condition is true; None is null. Values have one type; mixed numbers are float64."""
        said = (*self._said, value)
        places = [*range(1, len(said), 2), len(said) - 1]
        values = {place: _value(said[place]) for place in places if said[place] is not None}
        if not values:
            raise DefinitionError(
                "when() has no value but null", where=caller(), allowed="at least one value that is not None"
            )
        typed = dict(zip(values, promoted("when", tuple(values.values())), strict=True))
        null = Expr("literal", next(iter(typed.values())).type)
        return operate("when", *(typed.get(i, null if i in places else said[i]) for i in range(len(said))))

    def __repr__(self) -> str:
        return "a when(…).then(…) without its .otherwise(…)"


def when(condition: object) -> Condition:
    """``when(x > 5).then("high").otherwise("low")``. A condition that is null counts as false."""
    return Condition((_condition(condition),))


def _condition(given: object) -> Expr:
    if not isinstance(given, Expr) or given.type != "bool":
        raise DefinitionError(
            f"when() does not take {given.type if isinstance(given, Expr) else repr(given)}",
            where=caller(),
            allowed="a condition: an expression of type bool",
            hint="compare: when(x > 0), when(~x.is_null())",
        )
    return given


def _value(given: object) -> Expr:
    return given if isinstance(given, Expr) else literal(given)
