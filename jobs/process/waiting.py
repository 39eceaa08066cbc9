"""Waiting for a condition that nobody reports."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds between two looks.
LOOK_S = 0.05


def until(condition: Callable[[], bool], seconds: float, every_s: float = LOOK_S) -> bool:
    """Whether the condition holds within so many seconds. It is asked at least once, and once more at their end."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every_s)
    return True
