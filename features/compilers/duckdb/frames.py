"""A slice's change points, and for each point and window the events that are alive: one range of the sorted events.

Within a key no window lets a later event go before an earlier one, so what is alive is always a range: from the number
of events that have left to the number that have entered. Both are counted for all keys at once on one axis: a key's
number times the slice's length, plus the time since the slice's start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from penstock.features.compilers.duckdb.words import Int64s
from penstock.features.ingest import TIME_MAX, TIME_MIN
from penstock.features.windows import Window

_AXIS = 2**62


@dataclass(frozen=True, eq=False)
class Range:
    """For each point the events ``[low, high)`` that are alive in one window."""

    low: Int64s
    high: Int64s

    @cached_property
    def lengths(self) -> Int64s:
        """How many are alive."""
        return self.high - self.low

    @cached_property
    def longest(self) -> int:
        """The most that are alive at a point."""
        return int(self.lengths.max(initial=0))

    @cached_property
    def levels(self) -> list[Int64s]:
        """The points by the highest bit of their range's length: at ``k`` those with ``2**k <= length < 2**(k+1)``."""
        bits = np.frexp(self.lengths.astype(np.float64))[1].astype(np.int8)
        ordered = np.argsort(bits, kind="stable")
        ends = np.cumsum(np.bincount(bits, minlength=1))
        return [ordered[a:b] for a, b in pairwise(ends.tolist())]


@dataclass(frozen=True, eq=False)
class Frames:
    """Change points by key and time: ``key`` numbers the keys, ``t`` is in milliseconds. One range per window."""

    key: Int64s
    t: Int64s
    ranges: tuple[Range, ...]


def most_keys(windows: Sequence[Window], start: int, end: int) -> int:
    """How many keys the axis has room for in ``[start, end)``."""
    first, last = _bounds(windows, start, end)
    return _AXIS // (last - first + 1)


def frames(
    key: Int64s, time: Int64s, windows: Sequence[Window], start: int, end: int, *, whole: bool = False
) -> Frames:
    """The change points in ``[start, end)`` of events that are sorted by key and time.

    ``key`` numbers the keys from 0, ``time`` is in milliseconds; there are at most ``most_keys`` keys. ``whole``: the
    events are all that there are before ``end``, and a lifetime holds nothing beside them.
    """
    first, last = _bounds(windows, start, end)
    origin = key * (last - first + 1) - first
    enters = [_enters(window, time) for window in windows]
    leaves = [_leaves(window, key, time, (first, last), whole=whole) for window in windows]
    marks = {id(t): t for t in (*enters, *leaves)}.values()
    points = _points([origin[inside] + t[inside] for t in marks for inside in [(t >= first) & (t < last)]])
    came, *left = [_counts(origin + np.clip(t, first, last), points) for t in (time, *leaves)]
    entered = [came if t is time else _counts(origin + np.clip(t, first, last), points) for t in enters]
    newest = came - 1
    return Frames(key[newest], points - origin[newest], tuple(map(Range, left, entered)))


def _bounds(windows: Sequence[Window], start: int, end: int) -> tuple[int, int]:
    """The part of ``[start, end)`` in which there can be points; its end stands for all that comes later."""
    reach = max((window.reach_ms for window in windows), default=0)
    first = max(start, TIME_MIN)
    return first, max(min(end, TIME_MAX + reach + 1), first)


def _enters(window: Window, time: Int64s) -> Int64s:
    """When each event enters; ``time`` itself where that is at once."""
    if not window.waits:
        return time
    return _ceil(time, window.step_ms) if window.kind == "hopping" else time + window.delay_ms


def _leaves(window: Window, key: Int64s, time: Int64s, span: tuple[int, int], *, whole: bool) -> Int64s:
    """When each event leaves. A lifetime keeps what enters, and holds what came before the slice as sums."""
    if window.kind == "lifetime":
        first, last = span
        return np.full_like(time, last) if whole else np.where(time < first, first - 1, last)
    if window.kind == "session":
        return _session_ends(key, time, window.size_ms)
    if window.kind == "calendar":
        return time - (time - window.offset_ms) % window.size_ms + window.size_ms
    if window.kind == "hopping":
        return _ceil(time + window.size_ms, window.step_ms)
    tail = _ceil(time, window.step_ms) if window.step_ms else time
    return tail + (window.size_ms + window.delay_ms)


def _ceil(time: Int64s, step: int) -> Int64s:
    return -(-time // step * step)


def _session_ends(key: Int64s, time: Int64s, gap: int) -> Int64s:
    """For each event the end of its session."""
    begins = np.ones(len(time), dtype=np.bool_)
    begins[1:] = (key[1:] != key[:-1]) | (time[1:] - time[:-1] >= gap)
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], len(time))[: len(starts)]
    return np.repeat(time[ends - 1] + gap, ends - starts)


def _points(marks: list[Int64s]) -> Int64s:
    """The distinct ones, in order."""
    # each is sorted already, and a stable sort merges them
    ordered = np.sort(np.concatenate(marks), kind="stable")
    new = np.ones(len(ordered), dtype=np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    distinct: Int64s = ordered[new]
    return distinct


def _counts(marks: Int64s, points: Int64s) -> Int64s:
    """For each point how many of the sorted marks are there or before it."""
    places = np.searchsorted(points, marks)
    return np.cumsum(np.bincount(places, minlength=len(points) + 1)[: len(points)])
