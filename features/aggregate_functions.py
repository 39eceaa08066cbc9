"""The functions by which a definition asks for aggregates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from penstock.features.aggregates import (
    Aggregate,
    AnyAggregate,
    Argmax,
    Argmin,
    Chosen,
    Count,
    DecayedMean,
    DecayedSum,
    Distinct,
    First,
    FirstK,
    Histogram,
    Kurtosis,
    Last,
    LastK,
    Max,
    Mean,
    Min,
    Percentile,
    Skew,
    Std,
    Sum,
    TopK,
    Var,
)
from penstock.features.durations import parse_duration
from penstock.features.errors import DefinitionError
from penstock.features.expressions import INT64_MAX, INT64_MIN, Expr
from penstock.features.feature import Feature
from penstock.features.location import caller
from penstock.features.types import TYPES

#: Decimal places of a percentile's p: the rank is then one product of int64s, however many values there are.
PERCENT_PLACES = 6

#: The longest list: every row of a view carries it.
MOST_K = 1000


def feature_of(aggregate: AnyAggregate, arg: object, where: object, by: Expr | None = None) -> Feature:
    """The checked feature. Raises DefinitionError for an argument or condition that does not fit."""
    return Feature(aggregate, _argument(type(aggregate), arg), _condition(where), by=by)


def _argument(aggregate: type[Aggregate], arg: object) -> Expr | None:
    if (arg is None and aggregate is Count) or (isinstance(arg, Expr) and arg.type in aggregate.takes):
        return arg
    kind = arg.type if isinstance(arg, Expr) else type(arg).__name__
    raise DefinitionError(
        f"{aggregate.name} does not take {kind}",
        where=caller(),
        allowed=f"a column or expression of type {' '.join(aggregate.takes)}",
        hint=_nearest(kind),
    )


def _condition(where: object) -> Expr | None:
    if where is None or (isinstance(where, Expr) and where.type == "bool"):
        return where
    raise DefinitionError("where= is not a condition", where=caller(), allowed="an expression of type bool")


def _nearest(kind: str) -> str | None:
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
    return feature_of(Count(), x, where)


def sum(x: Expr, *, where: Expr | None = None) -> Feature:
    """Exact sum. int64 of int64 (null where it does not fit), float64 of float64; 0 over nothing."""
    return feature_of(Sum(), x, where)


def mean(x: Expr, *, where: Expr | None = None) -> Feature:
    """Arithmetic mean, float64, ``S1 / (n * 10**places)`` rounded once; null over nothing."""
    return feature_of(Mean(), x, where)


def var(x: Expr, *, where: Expr | None = None) -> Feature:
    """Sample variance, float64, ``(n*S2 - S1*S1) / (n*(n-1)*10**(2*places))`` rounded once; null below two values."""
    return feature_of(Var(), x, where)


def std(x: Expr, *, where: Expr | None = None) -> Feature:
    """Sample standard deviation: the IEEE square root of ``var``."""
    return feature_of(Std(), x, where)


def skew(x: Expr, *, where: Expr | None = None) -> Feature:
    """Sample skewness (G1, as pandas has it), float64; null below three values and where all are equal.

    With the exact integers ``A = n*S2 - S1**2`` and ``B = n**2*S3 - 3*n*S1*S2 + 2*S1**3`` it is the IEEE square root
    of ``B**2*n*(n-1) / (A**3*(n-2)**2)``, rounded once, with the sign of B.
    """
    return feature_of(Skew(), x, where)


def kurtosis(x: Expr, *, where: Expr | None = None) -> Feature:
    """Sample excess kurtosis (G2, as pandas has it), float64; null below four values and where all are equal.

    With the exact integers ``A = n*S2 - S1**2`` and ``C = n**3*S4 - 4*n**2*S1*S3 + 6*n*S1**2*S2 - 3*S1**4`` it is
    ``(n-1)*((n+1)*C - 3*(n-1)*A**2) / ((n-2)*(n-3)*A**2)``, rounded once.
    """
    return feature_of(Kurtosis(), x, where)


def decayed_sum(x: Expr, half_life: str, *, where: Expr | None = None) -> Feature:
    """Exact sum in which a value weighs half as much after each half-life: ``2**-floor(age / half_life)``.

    float64 of int64, too, because a half of a whole number need not be one; 0 over nothing. ``half_life``: a duration.
    Its windows are sliding ones of at most 32 whole half-lives.
    """
    return feature_of(DecayedSum(parse_duration(half_life)), x, where)


def decayed_mean(x: Expr, half_life: str, *, where: Expr | None = None) -> Feature:
    """The mean weighed as in ``decayed_sum``, float64: that sum by the sum of the weights; null over nothing."""
    return feature_of(DecayedMean(parse_duration(half_life)), x, where)


def min(x: Expr, *, where: Expr | None = None) -> Feature:
    """The least value, of the column's type; null over nothing."""
    return feature_of(Min(), x, where)


def max(x: Expr, *, where: Expr | None = None) -> Feature:
    """The greatest value, of the column's type; null over nothing."""
    return feature_of(Max(), x, where)


def first(x: Expr, *, where: Expr | None = None) -> Feature:
    """The earliest non-null value; at one time the least; null over nothing."""
    return feature_of(First(), x, where)


def last(x: Expr, *, where: Expr | None = None) -> Feature:
    """The newest non-null value; at one time the greatest; null over nothing."""
    return feature_of(Last(), x, where)


def distinct(x: Expr, *, where: Expr | None = None) -> Feature:
    """How many different non-null values ``x`` has, exactly. int64, 0 over nothing."""
    return feature_of(Distinct(), x, where)


def percentile(x: Expr, p: int | float | str, *, where: Expr | None = None) -> Feature:
    """The value at rank ``ceil(p * n / 100)`` of n values, counted from 1 and at least 1; null over nothing.

    ``p``: 0 to 100 with at most 6 decimal places, taken as it is written: 99.9 is 999/1000. Nearest rank: always a
    value that is there, so it takes every type.
    """
    return feature_of(Percentile(_share(p)), x, where)


def argmax(x: Expr, *, by: Expr, where: Expr | None = None) -> Feature:
    """``x`` of the row with the greatest ``by``; of those the latest, and at one time the greatest ``x``.

    Of the type of ``x``; null over nothing. Rows in which ``x`` or ``by`` is null are skipped.
    """
    return feature_of(Argmax(), x, where, _by(Argmax, by))


def argmin(x: Expr, *, by: Expr, where: Expr | None = None) -> Feature:
    """``x`` of the row with the least ``by``; of those the earliest, and at one time the least ``x``.

    Of the type of ``x``; null over nothing. Rows in which ``x`` or ``by`` is null are skipped.
    """
    return feature_of(Argmin(), x, where, _by(Argmin, by))


def _by(aggregate: type[Chosen], by: object) -> Expr:
    if not isinstance(by, Expr) or by.type not in TYPES:
        most = "greatest" if aggregate.greatest else "least"
        raise DefinitionError(
            f"{aggregate.name} cannot go by {by.type if isinstance(by, Expr) else type(by).__name__}",
            where=caller(),
            allowed=f"by= with a column or expression of type {' '.join(TYPES)}",
            hint=f"{aggregate.name}(x, by=y) is x of the row with the {most} y",
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
    return feature_of(LastK(_most(k)), x, where)


def first_k(x: Expr, k: int, *, where: Expr | None = None) -> Feature:
    """The ``k`` oldest non-null values, oldest first, at one time the least first. A list; [] over nothing."""
    return feature_of(FirstK(_most(k)), x, where)


def top_k(x: Expr, k: int, *, where: Expr | None = None) -> Feature:
    """The ``k`` most frequent non-null values, of equally frequent ones the least first. A list; [] over nothing."""
    return feature_of(TopK(_most(k)), x, where)


def histogram(x: Expr, edges: Sequence[int | float], *, where: Expr | None = None) -> Feature:
    """How many values lie in each half-open bin ``[edges[i], edges[i + 1])``. list<int64>, all 0 over nothing.

    m + 1 rising edges make m bins; a value outside of all of them is not counted.
    """
    arg = _argument(Histogram, x)
    assert arg is not None
    return feature_of(Histogram(_edges(edges, arg.type)), arg, where)


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
