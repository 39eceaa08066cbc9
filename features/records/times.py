"""Times as they are written: whole units since the epoch, or ISO 8601."""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import date

from penstock.features.zones import Zone

#: Unit → the power of ten of milliseconds that one of it is.
UNITS = {"s": 3, "ms": 0, "us": -3, "ns": -6}
ISO = "iso8601"

_DAY_MS, _EPOCH_DAY = 86_400_000, date(1970, 1, 1).toordinal()

_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)


class NoTime(ValueError):
    """A text that is no time, in words."""


class NotOnce(ValueError):
    """A local time that its zone skips, has twice, or does not know, in words."""


def iso_ms(text: str, zone: Zone | None) -> int:
    """Milliseconds since the epoch, finer ones floored. ``zone``: of a text that names none.

    Raises NoTime, NotOnce.
    """
    match = _ISO.fullmatch(text)
    if match is None:
        raise NoTime("is not a time such as 2024-05-01T18:30:00Z")
    offset = match[8]
    local = _days(match) * _DAY_MS + _of_day(match)
    if offset is not None:
        return local - _offset_ms(offset)
    if zone is None:
        raise NoTime("has no zone, and the column has no zone=")
    return _utc(local, zone)


def _days(match: re.Match[str]) -> int:
    try:
        return date(int(match[1]), int(match[2]), int(match[3])).toordinal() - _EPOCH_DAY
    except ValueError:
        raise NoTime("is not a day of the calendar") from None


def _of_day(match: re.Match[str]) -> int:
    hour, minute, second = (int(match[group] or 0) for group in (4, 5, 6))
    if hour > 23 or minute > 59 or second > 59:
        raise NoTime("is not a time of a day")
    return ((hour * 60 + minute) * 60 + second) * 1000 + int((match[7] or "").ljust(3, "0")[:3])


def _offset_ms(text: str) -> int:
    if text in "Zz":
        return 0
    digits = text[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise NoTime("has an offset that no clock has")
    return (-1 if text[0] == "-" else 1) * (hours * 60 + minutes) * 60_000


def _utc(local: int, zone: Zone) -> int:
    """The one time UTC at which the zone's clocks show ``local``."""
    first = max(bisect_right(zone.offsets, local - 2 * _DAY_MS, key=_start) - 1, 0)
    times = []
    for place in range(first, len(zone.offsets)):
        start, offset = zone.offsets[place]
        if place and start > local + 2 * _DAY_MS:
            break
        end = zone.offsets[place + 1][0] if place + 1 < len(zone.offsets) else None
        if offset is None:
            if local >= start:
                raise NotOnce(f"is beyond the known rules of {zone.name}")
        elif (not place or local - offset >= start) and (end is None or local - offset < end):
            times.append(local - offset)
    if len(times) != 1:
        raise NotOnce(f"is {'skipped' if not times else 'there twice'} in {zone.name}")
    return times[0]


def _start(entry: tuple[int, int | None]) -> int:
    return entry[0]


def iso_text(ms: int) -> str:
    """A time in UTC, to the millisecond."""
    days, rest = divmod(ms, _DAY_MS)
    day = date.fromordinal(days + _EPOCH_DAY)
    seconds, ms = divmod(rest, 1000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"
    return f"{day.year:04}-{day.month:02}-{day.day:02}T{clock}Z"
