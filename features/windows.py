"""Windows: the half-open interval of time ``[enter, leave)`` in which an event counts.

What each kind means is the table of section 2 of the semantics, written here once as functions of the events'
times; the oracle and the planner read them, the compilers translate them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from penstock.features.durations import parse_duration
from penstock.features.errors import DefinitionError
from penstock.features.location import caller

#: The kinds that engines know.
KINDS = ("sliding", "hopping", "calendar", "session", "lifetime")


def floor_to(x: int, step: int) -> int:
    """The greatest multiple of ``step`` (on the epoch grid) that is at most ``x``."""
    return x - x % step


def ceil_to(x: int, step: int) -> int:
    """The least multiple of ``step`` (on the epoch grid) that is at least ``x``."""
    return -floor_to(-x, step)


@dataclass(frozen=True)
class Window:
    """One window. All lengths in milliseconds, 0 where there are none.

    ``size_ms``: how long an event counts; of a calendar window its period, of a session the silence that ends it.
    ``offset_ms``: where a calendar's periods begin, after the epoch.
    """

    kind: str
    name: str
    size_ms: int = 0
    step_ms: int = 0
    delay_ms: int = 0
    offset_ms: int = 0

    def enter(self, e: int) -> int:
        """When an event of time ``e`` begins to count."""
        return ceil_to(e, self.step_ms) if self.kind == "hopping" else e + self.delay_ms

    def leave(self, e: int) -> int | None:
        """When an event of time ``e`` no longer counts; None: never. In a session: unless others follow in time."""
        if self.kind == "lifetime":
            return None
        if self.kind == "hopping":
            return ceil_to(e + self.size_ms, self.step_ms)
        if self.kind == "calendar":
            return floor_to(e - self.offset_ms, self.size_ms) + self.size_ms + self.offset_ms
        tail = ceil_to(e, self.step_ms) if self.step_ms else e
        return tail + self.size_ms + self.delay_ms

    def leaves(self, times: Sequence[int]) -> list[int | None]:
        """When each of a key's events leaves; ``times`` in order."""
        alone = [self.leave(e) for e in times]
        if self.kind == "session":
            for place, (e, following) in reversed(list(enumerate(pairwise(times)))):
                if following - e < self.size_ms:
                    alone[place] = alone[place + 1]
        return alone

    @property
    def waits(self) -> bool:
        """Can an event enter later than it comes?"""
        return self.kind == "hopping" or self.delay_ms > 0

    @property
    def endless(self) -> bool:
        """Can an event count for longer than ``reach_ms``?"""
        return self.kind in ("session", "lifetime")

    @property
    def reach_ms(self) -> int:
        """The longest time from an event to its leaving; of a session, from its last event."""
        return self.size_ms + self.step_ms + self.delay_ms


def sliding(size: str, *, step: str | None = None, delay: str | None = None) -> Window:
    """The last ``size`` of time. With ``step`` the head is fresh and the tail leaves on the step's grid; with ``delay``
    events count only so much later: the last ``size`` before that.
    """
    step_ms = parse_duration(step) if step is not None else 0
    size_ms = parse_duration(size)
    _check_step(size, size_ms, step, step_ms)
    delay_ms = parse_duration(delay) if delay is not None else 0
    return Window("sliding", size if delay is None else f"{size}_delay_{delay}", size_ms, step_ms, delay_ms)


def hopping(size: str, *, step: str) -> Window:
    """The last ``size`` as of the last full ``step``: the value changes on the step's grid only."""
    size_ms, step_ms = parse_duration(size), parse_duration(step)
    _check_step(size, size_ms, step, step_ms)
    return Window("hopping", f"hopping_{size}", size_ms, step_ms)


def calendar(period: str, *, offset: str = "0s") -> Window:
    """Since the period began: ``calendar("1d")`` since midnight UTC, ``calendar("1d", offset="5h")`` since 5 o'clock.

    Periods lie on the epoch's grid, moved by ``offset``: ``calendar("7d", offset="4d")`` begins on Mondays.
    """
    size_ms, offset_ms = parse_duration(period), parse_duration(offset, zero=True)
    if offset_ms >= size_ms:
        raise DefinitionError(
            f"an offset of {offset} is not within a period of {period}",
            where=caller(),
            allowed=f"0s or more, and less than {period}",
            hint="before midnight is after the midnight before: -5h of a day is 19h",
        )
    return Window("calendar", f"calendar_{period}", size_ms, offset_ms=offset_ms)


def session(gap: str) -> Window:
    """The visit that is open now: events of which each comes less than ``gap`` after the one before it."""
    return Window("session", f"session_{gap}", parse_duration(gap))


def lifetime() -> Window:
    """Everything since the first event."""
    return Window("lifetime", "lifetime")


def as_window(window: object) -> Window:
    """A window from what ``over`` takes: a Window, or a duration for a sliding one."""
    if isinstance(window, Window):
        return window
    if isinstance(window, str):
        return sliding(window)
    raise DefinitionError(
        f"{window!r} is not a window",
        where=caller(),
        allowed="a duration such as '1h', sliding(…), hopping(…), calendar(…), session(…) or lifetime()",
    )


def _check_step(size: str, size_ms: int, step: str | None, step_ms: int) -> None:
    if step_ms > size_ms:
        raise DefinitionError(
            f"a step of {step} is longer than its window of {size}", where=caller(), allowed=f"a step of at most {size}"
        )
