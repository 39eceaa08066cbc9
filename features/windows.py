"""Windows: the half-open interval of time ``[enter, leave)`` in which an event counts.

What each kind means is the table of section 2 of the semantics, written here once as two functions of
the event's time; the oracle and the planner read them, the compilers translate them.
"""

from __future__ import annotations

from dataclasses import dataclass

from features.durations import parse_duration
from features.errors import DefinitionError
from features.location import caller

#: The kinds that engines know.
KINDS = ("sliding", "lifetime")


def floor_to(x: int, step: int) -> int:
    """The greatest multiple of ``step`` (on the epoch grid) that is at most ``x``."""
    return x - x % step


def ceil_to(x: int, step: int) -> int:
    """The least multiple of ``step`` (on the epoch grid) that is at least ``x``."""
    return -floor_to(-x, step)


@dataclass(frozen=True)
class Window:
    """One window. All lengths in milliseconds; ``step_ms`` and ``delay_ms`` are 0 where there are none."""

    kind: str
    name: str
    size_ms: int = 0
    step_ms: int = 0
    delay_ms: int = 0

    def enter(self, e: int) -> int:
        """When an event of time ``e`` begins to count."""
        return e + self.delay_ms

    def leave(self, e: int) -> int | None:
        """When an event of time ``e`` no longer counts; None: never."""
        if self.kind == "lifetime":
            return None
        tail = ceil_to(e, self.step_ms) if self.step_ms else e
        return tail + self.size_ms + self.delay_ms

    def alive(self, e: int, t: int) -> bool:
        """Does an event of time ``e`` count at ``t``?"""
        leave = self.leave(e)
        return self.enter(e) <= t and (leave is None or t < leave)


def sliding(size: str, *, step: str | None = None) -> Window:
    """The last ``size`` of time. With ``step`` the head is fresh and the tail leaves on the step's grid."""
    size_ms = parse_duration(size)
    step_ms = parse_duration(step) if step is not None else 0
    if step_ms > size_ms:
        raise DefinitionError(
            f"a step of {step} is longer than its window of {size}", where=caller(), allowed=f"a step of at most {size}"
        )
    return Window("sliding", size, size_ms, step_ms)


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
        f"{window!r} is not a window", where=caller(), allowed="a duration such as '1h', sliding(…) or lifetime()"
    )
