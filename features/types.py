"""The five column types, lists of them, vectors, and what may be said of a column."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.features.dimensions import MAX_DIMENSIONS, dimensions
from penstock.features.errors import DefinitionError, did_you_mean
from penstock.features.location import caller
from penstock.features.records.casts import PLAIN, Cast
from penstock.features.records.origin import Origin
from penstock.features.records.path import Path

TYPES = ("int64", "float64", "string", "bool", "timestamp")
NUMBERS = ("int64", "float64")

#: What some aggregates give. No column has such a type.
LISTS = tuple(f"list<{type}>" for type in TYPES)

#: 10**22 is the greatest power of ten that a double holds exactly, so ``x * 10**places`` is one rounding.
MAX_PLACES = 22
DEFAULT_PLACES = 6


def list_of(type: str) -> str:
    """The type of lists of a type."""
    return f"list<{type}>"


def element(type: str) -> str | None:
    """The type of a list's elements; None where it is no list."""
    return type[5:-1] if type in LISTS else None


@dataclass(frozen=True)
class Column:
    """A typed column. ``places``: decimal places kept when a float64 column is summed.

    ``cast``: which forms it takes. ``origin``: where it stands in a record, ``history_path`` in a file; None: under its
    own name.
    """

    type: str
    nullable: bool = True
    places: int = DEFAULT_PLACES
    cast: Cast = PLAIN
    origin: Origin | None = None
    history_path: Path | None = None

    def __post_init__(self) -> None:
        if self.type not in TYPES and dimensions(self.type) is None:
            raise DefinitionError(
                f"{self.type!r} is not a column type",
                where=caller(),
                allowed=f"{' '.join(TYPES)}, and in a Table a vector, float32[n] with n from 1 to {MAX_DIMENSIONS}",
                hint=did_you_mean(str(self.type), TYPES),
            )
        if type(self.places) is not int or not 0 <= self.places <= MAX_PLACES:
            raise DefinitionError(
                f"places={self.places!r} is out of range", where=caller(), allowed=f"a whole number, 0 to {MAX_PLACES}"
            )
        if self.places != DEFAULT_PLACES and self.type != "float64":
            raise DefinitionError(
                f"places={self.places} says nothing of {self.type}", where=caller(), allowed="places= with float64"
            )
