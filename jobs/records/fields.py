"""The fields of real records: where each stands, what its values are, and how many are null."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from penstock.features.records.casts import Numeral
from penstock.features.records.numerals import is_numeral, scaled
from penstock.features.records.path import MOST_STEPS, Path

#: How many different values of a field are remembered.
DISTINCT = 10_000
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(?P<zone>Z|z|[+-]\d\d:?\d\d)?")
#: Whole numbers between the years 2000 and 2100 in each unit.
_UNITS = {
    unit: (946_684_800 * per, 4_102_444_800 * per)
    for unit, per in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9))
}


@dataclass
class Field:
    """A field by its path. ``kinds``: how many values are ``int``, ``fraction``, ``decimal``, ``bool``, ``text``,
    ``time`` or ``array``; ``nulls``: how many records have no value there; ``places``: of its decimals.
    """

    path: Path
    values: int = 0
    nulls: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    distinct: set[Any] = field(default_factory=set)
    whole: bool = True
    places: int = 0
    numeric: bool = True
    times: bool = True
    zoned: bool = True
    units: set[str] = field(default_factory=lambda: set(_UNITS))

    def add(self, value: Any) -> None:
        """One value that is not null."""
        self.values += 1
        kind = _kind(value)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if kind == "array":
            return
        if len(self.distinct) <= DISTINCT:
            self.distinct.add(value)
        if kind == "int":
            self.units = {unit for unit in self.units if _UNITS[unit][0] <= value < _UNITS[unit][1]}
        elif kind == "text":
            self._add_text(value)
        elif kind == "fraction":
            self.whole = self.whole and scaled(str(value)) is not None
        elif kind == "decimal":
            self.places = max(self.places, -int(value.as_tuple().exponent))
        if kind != "int":
            self.units = set()

    def _add_text(self, value: str) -> None:
        self.numeric = self.numeric and is_numeral(value)
        time = _TIME.fullmatch(value)
        self.times = self.times and time is not None
        self.zoned = self.zoned and time is not None and time["zone"] is not None

    @property
    def unique(self) -> bool:
        """Is each value there once?"""
        return self.values > 1 and len(self.distinct) == self.values

    def only(self, *kinds: str) -> bool:
        """Are all values of these kinds, and is there one?"""
        return bool(self.kinds) and set(self.kinds) <= set(kinds)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, (Numeral, float)):
        return "fraction"
    if isinstance(value, Decimal):
        return "decimal"
    if isinstance(value, date):
        return "time"
    return "text" if isinstance(value, str) else "array"


class Fields:
    """The fields of documents, in the order in which they come first."""

    def __init__(self) -> None:
        self.documents = 0
        self._fields: dict[Path, Field] = {}

    def add(self, document: Mapping[str, Any]) -> None:
        """One record's document."""
        there = set()
        for path, value in _leaves(document, ()):
            known = self._fields.get(path)
            if known is None:
                known = self._fields[path] = Field(path, nulls=self.documents)
            there.add(path)
            if value is None:
                known.nulls += 1
            else:
                known.add(value)
        for path, known in self._fields.items():
            known.nulls += path not in there
        self.documents += 1

    def found(self) -> list[Field]:
        """Those that have a value, but for objects that are null at times and have fields at others."""
        inner = {path[:length] for path in self._fields for length in range(1, len(path))}
        return [each for path, each in self._fields.items() if each.values and path not in inner]


def _leaves(document: Mapping[str, Any], outer: Path) -> Iterator[tuple[Path, Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping) and value and len(outer) + 1 < MOST_STEPS:
            yield from _leaves(value, (*outer, name))
        elif not isinstance(value, Mapping):
            yield (*outer, name), value
