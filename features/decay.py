"""Decay: an event weighs half as much after each half-life, and nothing when it leaves its window.

At age ``a`` it weighs ``2**-floor(a / H)``. So for a window of ``J`` half-lives, and ``P_j`` the exact sum over the
last ``j`` of them, the decayed sum is an integer over a power of two:

    2**(J-1) * sum = P_J + 2**0 * P_(J-1) + 2**1 * P_(J-2) + ... + 2**(J-2) * P_1

The windows of 1, 2, ... half-lives stand in the plan, and engines sum over them as over any other.
"""

from __future__ import annotations

from penstock.features.durations import LONGEST_MS, duration
from penstock.features.errors import DefinitionError
from penstock.features.location import caller
from penstock.features.windows import Window, sliding

#: Each half-life is a window that every engine keeps. 2**32 sums of int64 times 2**31 fit 128 bits, and an event that
#: has been halved so often weighs less than a billionth.
MOST_HALF_LIVES = 32


def half_lives(window: Window, half_life_ms: int | None) -> tuple[Window, ...]:
    """The windows that a value goes through: of 1, 2, ... half-lives, ``window`` at last; without decay it alone."""
    if half_life_ms is None:
        return (window,)
    return (*(sliding(duration(size)) for size in range(half_life_ms, window.size_ms, half_life_ms)), window)


def check_decay(aggregate: str, window: Window, half_life_ms: int) -> None:
    """Refuses a window that is not a few whole half-lives, with the nearest one that is."""
    plain = window.kind == "sliding" and window.step_ms == window.delay_ms == 0
    count, rest = divmod(window.size_ms, half_life_ms)
    if plain and rest == 0 and count <= MOST_HALF_LIVES:
        return
    # without a length of its own (a lifetime), the most: what is older weighs next to nothing
    nearest = round(window.size_ms / half_life_ms) if window.size_ms else MOST_HALF_LIVES
    size = half_life_ms * min(max(nearest, 1), MOST_HALF_LIVES, LONGEST_MS // half_life_ms)
    raise DefinitionError(
        f"{aggregate} with a half-life of {duration(half_life_ms)} cannot be over {window.name}",
        where=caller(),
        allowed=f"sliding windows of 1 to {MOST_HALF_LIVES} whole half-lives, without step and delay",
        hint=f".over({duration(size)!r}) is {size // half_life_ms} of them",
    )
