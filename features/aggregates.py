"""Aggregates: what each takes and gives, and what it is made of.

An aggregate is a class, and its fields are what it is given beside its argument. Its family is its base class: that
tells the engines how it is computed. They go through all classes of ``AnyAggregate`` and end with ``assert_never``, so
mypy names each place that a new class is missing from.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import Any, ClassVar, get_args

from penstock.features.durations import duration
from penstock.features.types import NUMBERS, TYPES, list_of

#: The value of a feature over nothing alive. A list is a tuple here.
Default = int | float | tuple[int, ...] | None


@dataclass(frozen=True)
class Aggregate:
    """What all aggregates have.

    ``name``: in definitions and plans. ``takes``: the types of its argument. ``gives``: its type, None for the
    argument's own. ``empty``: its value over nothing alive. ``scaled``: a float64 argument is made an integer first.
    ``by``: does it go by a second argument? ``written``: can a definition ask for it? ``single``: what gives one value
    where a list does not serve.
    """

    name: ClassVar[str]
    takes: ClassVar[tuple[str, ...]] = TYPES
    gives: ClassVar[str | None] = None
    empty: ClassVar[int | None] = None
    scaled: ClassVar[bool] = False
    by: ClassVar[bool] = False
    written: ClassVar[bool] = True
    single: ClassVar[str | None] = None

    @classmethod
    def plain(cls) -> bool:
        """Does a definition give it an argument and nothing else?"""
        return cls.written and not cls.by and not fields(cls)

    def type(self, arg: str | None) -> str:
        """The result's type for an argument of this type (None: no argument)."""
        gives = self.gives or arg
        assert gives is not None
        return gives

    def default(self, type: str) -> Default:
        """The value over nothing alive, in the result's type."""
        return float(self.empty) if self.empty is not None and type == "float64" else self.empty

    @property
    def most(self) -> int:
        """The most values that it gives: more than one where it gives a list."""
        return 1

    @property
    def parameters(self) -> dict[str, Any]:
        """What it is given beside its argument, as JSON values by name."""
        return asdict(self)

    def __str__(self) -> str:
        return self.name


class Count(Aggregate):
    """How many rows, or non-null values."""

    name, gives, empty = "count", "int64", 0


# --- moments -----------------------------------------------------------------------------------------------


class Moment(Aggregate):
    """A family: what is made of the exact sums of powers. ``powers``: the greatest of them."""

    takes, scaled = NUMBERS, True
    gives: ClassVar[str | None] = "float64"
    powers: ClassVar[int]


class Sum(Moment):
    """Exact sum, of the argument's type."""

    name, gives, empty, powers = "sum", None, 0, 1


class Mean(Moment):
    """Arithmetic mean."""

    name, powers = "mean", 1


class Var(Moment):
    """Sample variance."""

    name, powers = "var", 2


class Std(Moment):
    """Sample standard deviation."""

    name, powers = "std", 2


class Skew(Moment):
    """Sample skewness."""

    name, powers = "skew", 4


class Kurtosis(Moment):
    """Sample excess kurtosis."""

    name, powers = "kurtosis", 4


@dataclass(frozen=True)
class Decayed(Aggregate):
    """A family: sums in which a value weighs half as much after each ``half_life_ms`` (``decay.py``)."""

    takes, gives, scaled = NUMBERS, "float64", True
    half_life_ms: int

    def __str__(self) -> str:
        return f"{self.name}(half-life {duration(self.half_life_ms)})"


class DecayedSum(Decayed):
    """The sum of the weighed values."""

    name, empty = "decayed_sum", 0


class DecayedMean(Decayed):
    """That sum by the sum of the weights."""

    name = "decayed_mean"


# --- one of the values -------------------------------------------------------------------------------------


class Extreme(Aggregate):
    """A family: the value that is greatest or least, by itself or (``by_time``) by time and then by itself."""

    greatest: ClassVar[bool]
    by_time: ClassVar[bool]


class Min(Extreme):
    """The least value."""

    name, greatest, by_time = "min", False, False


class Max(Extreme):
    """The greatest value."""

    name, greatest, by_time = "max", True, False


class First(Extreme):
    """The earliest value."""

    name, greatest, by_time = "first", False, True


class Last(Extreme):
    """The newest value."""

    name, greatest, by_time = "last", True, True


class Chosen(Aggregate):
    """A family: the value of the row that is greatest or least by another argument, then by time, then by itself."""

    by = True
    greatest: ClassVar[bool]


class Argmax(Chosen):
    """The value of the row with the greatest ``by``."""

    name, greatest = "argmax", True


class Argmin(Chosen):
    """The value of the row with the least ``by``."""

    name, greatest = "argmin", False


class Rank(Aggregate):
    """A family: what is read off the different values in order, with their counts."""


class Distinct(Rank):
    """How many different values."""

    name, gives, empty = "distinct", "int64", 0


@dataclass(frozen=True)
class Percentile(Rank):
    """The value at a rank. ``share``: p / 100, as the integers of a fraction in lowest terms."""

    name = "percentile"
    share: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.name}({float(100 * Fraction(*self.share)):g})"


class Latest(Aggregate):
    """A column of the newest row: what a table is made of."""

    name, written = "latest", False


# --- lists -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listed(Aggregate):
    """A family: lists of at most ``k`` values."""

    k: int

    def type(self, arg: str | None) -> str:
        """A list of the argument's type."""
        return list_of(super().type(arg))

    def default(self, type: str) -> Default:
        """An empty list."""
        return ()

    @property
    def most(self) -> int:
        """The most elements."""
        return self.k

    def __str__(self) -> str:
        return f"{self.name}(k={self.k})"


class End(Listed):
    """A family: the values at one end of the window, by time and then by themselves. ``newest``: at which end."""

    newest: ClassVar[bool]


class LastK(End):
    """The newest values, newest first."""

    name, newest, single = "last_k", True, "last(x)"


class FirstK(End):
    """The oldest values, oldest first."""

    name, newest, single = "first_k", False, "first(x)"


class TopK(Listed):
    """The most frequent values."""

    name, single = "top_k", "distinct(x) or count(where=x == …)"


@dataclass(frozen=True)
class Histogram(Aggregate):
    """Counts by bins. ``edges``: the rising edges of the bins, of the argument's type."""

    name, takes, single = "histogram", NUMBERS, "count(where=…) for each bin that matters"
    edges: tuple[int | float, ...]

    def type(self, arg: str | None) -> str:
        """A list of counts."""
        return list_of("int64")

    def default(self, type: str) -> Default:
        """No value in any bin."""
        return (0,) * self.most

    @property
    def most(self) -> int:
        """How many bins there are."""
        return len(self.edges) - 1

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.edges))})"


AnyMoment = Sum | Mean | Var | Std | Skew | Kurtosis
AnyDecayed = DecayedSum | DecayedMean
AnyExtreme = Min | Max | First | Last
AnyRank = Distinct | Percentile
AnyChosen = Argmax | Argmin
AnyList = LastK | FirstK | TopK
#: Every aggregate there is.
AnyAggregate = Count | AnyMoment | AnyDecayed | AnyExtreme | AnyRank | AnyChosen | AnyList | Histogram | Latest

#: By name.
AGGREGATES: dict[str, type[AnyAggregate]] = {each.name: each for each in get_args(AnyAggregate)}


def aggregate_of(name: str, parameters: dict[str, Any]) -> AnyAggregate:
    """The inverse of ``name`` and ``parameters``. Lists, which JSON has, become tuples."""
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in parameters.items()
    }
    return AGGREGATES[name](**given)
