"""Aggregates: what each takes, what it gives, and the functions that a definition calls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import NoReturn

from penstock.features.decay import check_decay
from penstock.features.durations import parse_duration
from penstock.features.errors import DefinitionError, for_each
from penstock.features.expressions import INT64_MAX, INT64_MIN, Expr
from penstock.features.location import caller
from penstock.features.types import NUMBERS, TYPES, list_of
from penstock.features.windows import Window, as_window


@dataclass(frozen=True)
class Aggregate:
    """``takes``: the types of its argument. ``gives``: its type, or None for the argument's own.

    ``sums``: a float64 argument is made an integer first. ``empty``: the value over nothing alive. ``lists``: it gives
    a list, and that is its elements' type.
    """

    takes: tuple[str, ...]
    gives: str | None
    sums: bool = False
    empty: int | None = None
    lists: bool = False

    def type(self, arg: str | None) -> str:
        """The result's type for an argument of this type (None: no argument)."""
        gives = self.gives or arg
        assert gives is not None
        return list_of(gives) if self.lists else gives

    def default(self, type: str, parameters: Parameters) -> Default:
        """The value over nothing alive, in the result's type."""
        if self.lists:
            return (0,) * (len(parameters.edges) - 1) if parameters.edges is not None else ()
        return float(self.empty) if self.empty is not None and type == "float64" else self.empty


#: The value of a feature over nothing alive. A list is a tuple here.
Default = int | float | tuple[int, ...] | None

AGGREGATES: dict[str, Aggregate] = {
    "count": Aggregate(TYPES, "int64", empty=0),
    "sum": Aggregate(NUMBERS, None, sums=True, empty=0),
    "mean": Aggregate(NUMBERS, "float64", sums=True),
    "var": Aggregate(NUMBERS, "float64", sums=True),
    "std": Aggregate(NUMBERS, "float64", sums=True),
    "skew": Aggregate(NUMBERS, "float64", sums=True),
    "kurtosis": Aggregate(NUMBERS, "float64", sums=True),
    "decayed_sum": Aggregate(NUMBERS, "float64", sums=True, empty=0),
    "decayed_mean": Aggregate(NUMBERS, "float64", sums=True),
    "min": Aggregate(TYPES, None),
    "max": Aggregate(TYPES, None),
    "first": Aggregate(TYPES, None),
    "last": Aggregate(TYPES, None),
    "distinct": Aggregate(TYPES, "int64", empty=0),
    "percentile": Aggregate(TYPES, None),
    "argmax": Aggregate(TYPES, None),
    "argmin": Aggregate(TYPES, None),
    "last_k": Aggregate(TYPES, None, lists=True),
    "first_k": Aggregate(TYPES, None, lists=True),
    "top_k": Aggregate(TYPES, None, lists=True),
    "histogram": Aggregate(NUMBERS, "int64", lists=True),
    "latest": Aggregate(TYPES, None),
}

#: Decimal places of a percentile's p: the rank is then one product of int64s, however many values there are.
PERCENT_PLACES = 6

#: The longest list: every row of a view carries it.
MOST_K = 1000


@dataclass(frozen=True)
class Parameters:
    """What some aggregates are given beside their argument; None where there is nothing.

    ``share``: p / 100 of a percentile, as the integers of a fraction in lowest terms. ``k``: the most elements of a
    list. ``edges``: the rising edges of a histogram's bins, of its argument's type.
    ``half_life_ms``: after which a value weighs half as much.
    """

    share: tuple[int, int] | None = None
    k: int | None = None
    edges: tuple[int | float, ...] | None = None
    half_life_ms: int | None = None


NO_PARAMETERS = Parameters()


@dataclass(frozen=True)
class Feature:
    """An aggregate over windows, before it has a name. ``over`` gives it its windows."""

    aggregate: str
    arg: Expr | None
    where: Expr | None
    windows: tuple[Window, ...] = ()
    place: str = field(default_factory=caller, compare=False)
    by: Expr | None = None
    parameters: Parameters = NO_PARAMETERS

    def over(self, *windows: str | Window) -> Feature:
        """The same aggregate over each of these windows: one feature for each."""
        return replace(self, windows=for_each(windows, self._window), place=caller())

    def _window(self, given: object) -> Window:
        window = as_window(given)
        if self.parameters.half_life_ms is not None:
            check_decay(self.aggregate, window, self.parameters.half_life_ms)
        return window


def _refused(self: Feature, *operands: object) -> NoReturn:
    raise DefinitionError(
        f"{self.aggregate} is a feature, and features are not combined in a view",
        where=caller(),
        allowed="expressions over columns inside the aggregate: sum(a - b)",
        hint="a model combines features: derived=dict(name=view.sum_1h / view.count_1h)",
    )


for _operator in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor"):
    setattr(Feature, f"__{_operator}__", _refused)
    setattr(Feature, f"__r{_operator}__", _refused)
for _operator in ("neg", "pos", "abs", "invert", "lt", "le", "gt", "ge", "bool"):
    setattr(Feature, f"__{_operator}__", _refused)


def _feature(
    aggregate: str, arg: object, where: object, by: Expr | None = None, parameters: Parameters = NO_PARAMETERS
) -> Feature:
    takes = AGGREGATES[aggregate].takes
    if arg is not None and (not isinstance(arg, Expr) or arg.type not in takes):
        kind = arg.type if isinstance(arg, Expr) else type(arg).__name__
        raise DefinitionError(
            f"{aggregate} does not take {kind}",
            where=caller(),
            allowed=f"a column or expression of type {' '.join(takes)}",
            hint=_nearest(aggregate, kind),
        )
    if where is not None and (not isinstance(where, Expr) or where.type != "bool"):
        raise DefinitionError("where= is not a condition", where=caller(), allowed="an expression of type bool")
    return Feature(
        aggregate,
        arg if isinstance(arg, Expr) else None,
        where if isinstance(where, Expr) else None,
        by=by,
        parameters=parameters,
    )


def _nearest(aggregate: str, kind: str) -> str | None:
    """What works instead."""
    if kind == "bool":
        return "count(where=…) counts the rows where it is true"
    if kind == "string":
        return "top_k(x, k) gives the most frequent values, distinct(x) counts them, count(where=x == …) counts one"
    if kind == "timestamp":
        return "the difference of two timestamps is an int64 of milliseconds; percentile(x, p) takes timestamps"
    return None


def count(x: Expr | None = None, *, where: Expr | None = None) -> Feature:
    """Rows, or non-null values of ``x``. int64, 0 over nothing."""
    return _feature("count", x, where)


def sum(x: Expr, *, where: Expr | None = None) -> Feature:
    """Exact sum. int64 of int64 (null where it does not fit), float64 of float64; 0 over nothing."""
    return _feature("sum", x, where)


def mean(x: Expr, *, where: Expr | None = None) -> Feature:
    """Arithmetic mean, float64, ``S1 / (n * 10**places)`` rounded once; null over nothing."""
    return _feature("mean", x, where)


def var(x: Expr, *, where: Expr | None = None) -> Feature:
    """Sample variance, float64, ``(n*S2 - S1*S1) / (n*(n-1)*10**(2*places))`` rounded once; null below two values."""
    return _feature("var", x, where)


def std(x: Expr, *, where: Expr | None = None) -> Feature:
    """Sample standard deviation: the IEEE square root of ``var``."""
    return _feature("std", x, where)


def skew(x: Expr, *, where: Expr | None = None) -> Feature:
    """Sample skewness (G1, as pandas has it), float64; null below three values and where all are equal.

    With the exact integers ``A = n*S2 - S1**2`` and ``B = n**2*S3 - 3*n*S1*S2 + 2*S1**3`` it is the IEEE square root
    of ``B**2*n*(n-1) / (A**3*(n-2)**2)``, rounded once, with the sign of B.
    """
    return _feature("skew", x, where)


def kurtosis(x: Expr, *, where: Expr | None = None) -> Feature:
    """Sample excess kurtosis (G2, as pandas has it), float64; null below four values and where all are equal.

    With the exact integers ``A = n*S2 - S1**2`` and ``C = n**3*S4 - 4*n**2*S1*S3 + 6*n*S1**2*S2 - 3*S1**4`` it is
    ``(n-1)*((n+1)*C - 3*(n-1)*A**2) / ((n-2)*(n-3)*A**2)``, rounded once.
    """
    return _feature("kurtosis", x, where)


def decayed_sum(x: Expr, half_life: str, *, where: Expr | None = None) -> Feature:
    """Exact sum in which a value weighs half as much after each half-life: ``2**-floor(age / half_life)``.

    float64 of int64, too, because a half of a whole number need not be one; 0 over nothing. ``half_life``: a duration.
    Its windows are sliding ones of at most 32 whole half-lives.
    """
    return _feature("decayed_sum", x, where, parameters=Parameters(half_life_ms=parse_duration(half_life)))


def decayed_mean(x: Expr, half_life: str, *, where: Expr | None = None) -> Feature:
    """The mean weighed as in ``decayed_sum``, float64: that sum by the sum of the weights; null over nothing."""
    return _feature("decayed_mean", x, where, parameters=Parameters(half_life_ms=parse_duration(half_life)))


def min(x: Expr, *, where: Expr | None = None) -> Feature:
    """The least value, of the column's type; null over nothing."""
    return _feature("min", x, where)


def max(x: Expr, *, where: Expr | None = None) -> Feature:
    """The greatest value, of the column's type; null over nothing."""
    return _feature("max", x, where)


def first(x: Expr, *, where: Expr | None = None) -> Feature:
    """The earliest non-null value; at one time the least; null over nothing."""
    return _feature("first", x, where)


def last(x: Expr, *, where: Expr | None = None) -> Feature:
    """The newest non-null value; at one time the greatest; null over nothing."""
    return _feature("last", x, where)


def distinct(x: Expr, *, where: Expr | None = None) -> Feature:
    """How many different non-null values ``x`` has, exactly. int64, 0 over nothing."""
    return _feature("distinct", x, where)


def percentile(x: Expr, p: int | float | str, *, where: Expr | None = None) -> Feature:
    """The value at rank ``ceil(p * n / 100)`` of n values, counted from 1 and at least 1; null over nothing.

    ``p``: 0 to 100 with at most 6 decimal places, taken as it is written: 99.9 is 999/1000. Nearest rank: always a
    value that is there, so it takes every type.
    """
    return _feature("percentile", x, where, parameters=Parameters(share=_share(p)))


def argmax(x: Expr, *, by: Expr, where: Expr | None = None) -> Feature:
    """``x`` of the row with the greatest ``by``; of those the latest, and at one time the greatest ``x``.

    Of the type of ``x``; null over nothing. Rows in which ``x`` or ``by`` is null are skipped.
    """
    return _feature("argmax", x, where, _by("argmax", by))


def argmin(x: Expr, *, by: Expr, where: Expr | None = None) -> Feature:
    """``x`` of the row with the least ``by``; of those the earliest, and at one time the least ``x``.

    Of the type of ``x``; null over nothing. Rows in which ``x`` or ``by`` is null are skipped.
    """
    return _feature("argmin", x, where, _by("argmin", by))


def _by(aggregate: str, by: object) -> Expr:
    if not isinstance(by, Expr) or by.type not in TYPES:
        raise DefinitionError(
            f"{aggregate} cannot go by {by.type if isinstance(by, Expr) else type(by).__name__}",
            where=caller(),
            allowed=f"by= with a column or expression of type {' '.join(TYPES)}",
            hint=f"{aggregate}(x, by=y) is x of the row with the {'greatest' if aggregate == 'argmax' else 'least'} y",
        )
    return by


def _share(p: object) -> tuple[int, int]:
    """p / 100 as a fraction in lowest terms."""
    share = None
    if isinstance(p, (int, float, str)) and not isinstance(p, bool):
        try:
            share = Fraction(str(p)) / 100
        except (ValueError, ZeroDivisionError):
            share = None
    if share is None or not 0 <= share <= 1 or share * 100 * 10**PERCENT_PLACES % 1 != 0:
        raise DefinitionError(
            f"{p!r} is not a percentage",
            where=caller(),
            allowed=f"a number from 0 to 100 with at most {PERCENT_PLACES} decimal places",
            hint="the median is percentile(x, 50)",
        )
    return share.numerator, share.denominator


def last_k(x: Expr, k: int, *, where: Expr | None = None) -> Feature:
    """The ``k`` newest non-null values, newest first, at one time the greatest first. A list; [] over nothing."""
    return _feature("last_k", x, where, parameters=Parameters(k=_most(k)))


def first_k(x: Expr, k: int, *, where: Expr | None = None) -> Feature:
    """The ``k`` oldest non-null values, oldest first, at one time the least first. A list; [] over nothing."""
    return _feature("first_k", x, where, parameters=Parameters(k=_most(k)))


def top_k(x: Expr, k: int, *, where: Expr | None = None) -> Feature:
    """The ``k`` most frequent non-null values, of equally frequent ones the least first. A list; [] over nothing."""
    return _feature("top_k", x, where, parameters=Parameters(k=_most(k)))


def histogram(x: Expr, edges: Sequence[int | float], *, where: Expr | None = None) -> Feature:
    """How many values lie in each half-open bin ``[edges[i], edges[i + 1])``. list<int64>, all 0 over nothing.

    m + 1 rising edges make m bins; a value outside of all of them is not counted.
    """
    feature = _feature("histogram", x, where)
    assert feature.arg is not None
    return replace(feature, parameters=Parameters(edges=_edges(edges, feature.arg.type)))


def _most(k: object) -> int:
    if type(k) is not int or not 1 <= k <= MOST_K:
        raise DefinitionError(
            f"k={k!r} is not a length",
            where=caller(),
            allowed=f"a whole number from 1 to {MOST_K}",
            hint="every row carries the whole list",
        )
    return k


def _edges(edges: object, kind: str) -> tuple[int | float, ...]:
    """The edges in the argument's type: whole numbers of int64, doubles that are the numbers given."""
    given = list(edges) if isinstance(edges, (list, tuple, range)) else []
    made = [_edge(edge, kind) for edge in given]
    known = [edge for edge in made if edge is not None]
    if not 2 <= len(given) <= MOST_K + 1 or len(known) < len(given) or any(a >= b for a, b in pairwise(known)):
        raise DefinitionError(
            f"{edges!r} are not the edges of bins",
            where=caller(),
            allowed=f"2 to {MOST_K + 1} rising {'whole numbers of int64' if kind == 'int64' else 'finite numbers'}",
            hint="histogram(x, [0, 10, 100]) counts [0, 10) and [10, 100)",
        )
    return tuple(known)


def _edge(edge: object, kind: str) -> int | float | None:
    if kind == "int64":
        return edge if type(edge) is int and INT64_MIN <= edge <= INT64_MAX else None
    if type(edge) is int:
        return float(edge) if abs(edge) <= 2**53 else None
    # -0.0 is no value, and 0.0 is where it stands
    return edge + 0.0 if type(edge) is float and math.isfinite(edge) else None
