"""Time zones as tables of offsets, which travel in the plan.

Python, Java and DuckDB each bring rules of time zones of their own, of different years. So the rules are read once,
when a definition is read, from the ``tzdata`` package, and every engine uses the same table: the plan needs nothing
else, and its fingerprint changes when the rules do.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from penstock.features.errors import DefinitionError, did_you_mean
from penstock.features.location import caller

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)

#: No zone had rules before the first year; nobody knows the rules of the last one.
FIRST_YEAR, LAST_YEAR = 1800, 2100
_BEGIN = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MS
_END = (datetime(LAST_YEAR, 1, 1, tzinfo=UTC) - _EPOCH) // _MS

#: A change is found by asking this often: no zone ever changed twice within six days.
_STEP = timedelta(days=3)


@dataclass(frozen=True)
class Zone:
    """``offsets``: (first millisecond UTC, offset in milliseconds), ascending; each holds until the next.

    The first is that of year 1. An offset of None is not known: the zone changes, and its rules end there.
    """

    name: str
    offsets: tuple[tuple[int, int | None], ...]

    @property
    def utc(self) -> bool:
        """Is it always UTC?"""
        return self.offsets == ((_BEGIN, 0),)

    def to_json(self) -> dict[str, Any]:
        """The zone as the plan holds it."""
        return {"name": self.name, "offsets": [list(entry) for entry in self.offsets]}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Zone:
        """The inverse of ``to_json``."""
        return Zone(data["name"], tuple((start, offset) for start, offset in data["offsets"]))


@cache
def _names() -> tuple[str, ...]:
    return tuple((files("tzdata") / "zones").read_text().split())


@cache
def _table(name: str) -> Zone:
    with files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        zone = zoneinfo.ZoneInfo.from_file(file, key=name)
    offsets: list[tuple[int, int | None]] = list(_changes(zone))
    # a zone that never changed is no matter of rules
    return Zone(name, tuple(offsets if len(offsets) == 1 else [*offsets, (_END, None)]))


def _changes(zone: zoneinfo.ZoneInfo) -> Iterator[tuple[int, int]]:
    """(millisecond, offset in milliseconds) wherever the offset is another than before."""
    time, end = datetime(FIRST_YEAR, 1, 1, tzinfo=zone), datetime(LAST_YEAR, 1, 1, tzinfo=zone)
    known = _offset(zone, time)
    yield _BEGIN, known // _MS
    while time < end:
        later = time + _STEP
        offset = _offset(zone, later)
        if offset != known and (at := _first(zone, time, later)) < end:
            yield (at.replace(tzinfo=UTC) - _EPOCH) // _MS, offset // _MS
        time, known = later, offset


def _offset(zone: zoneinfo.ZoneInfo, utc: datetime) -> timedelta:
    offset = zone.fromutc(utc).utcoffset()
    assert offset is not None
    return offset


def _first(zone: zoneinfo.ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second with the offset of ``after``, which is not that of ``before``."""
    changed = _offset(zone, after)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        before, after = (before, middle) if _offset(zone, middle) == changed else (middle, after)
    return after


def zone(name: str) -> Zone:
    """The table of an IANA zone such as ``Europe/Paris``. Raises DefinitionError for a name that is none."""
    if name not in _names():
        raise DefinitionError(
            f"{name!r} is not a time zone",
            where=caller(),
            allowed="a name of the IANA database, such as UTC, America/New_York, Europe/Paris",
            hint=did_you_mean(str(name), _names()),
        )
    return _table(name)
