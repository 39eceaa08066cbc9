"""Waiting for a store that is away for a while: it is asked again and again, and nothing is lost meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from penstock.features.errors import PenstockError

T = TypeVar("T")

#: How long a store may be away before that is taken for lasting, in seconds.
PATIENCE_S = 300.0
#: The pause before it is asked again, in seconds, and how it grows.
LEAST_S, MOST_S, GROWTH = 0.05, 2.0, 2.0


class StoreAway(PenstockError):
    """A store that does not answer now and may later: a connection refused or lost, a server that loads its data."""


class Patience:
    """Asks again until there is an answer. ``say`` is told when the store is away and when it is back."""

    def __init__(self, stop: threading.Event, say: Callable[[str], None], *, seconds: float = PATIENCE_S) -> None:
        self._stop, self._say, self._seconds = stop, say, seconds

    def until_answered(self, ask: Callable[[], T]) -> T:
        """What ``ask`` returns. Raises StoreAway when ``stop`` is set or patience is at its end."""
        began, pause = time.monotonic(), LEAST_S
        while True:
            try:
                answer = ask()
            except StoreAway as error:
                away = time.monotonic() - began
                if self._stop.is_set() or away >= self._seconds:
                    raise
                if pause == LEAST_S:
                    self._say(f"{error.what}; it is asked again for {self._seconds:.0f} s")
                self._stop.wait(pause)
                pause = min(MOST_S, pause * GROWTH)
            else:
                if pause != LEAST_S:
                    self._say(f"the store answers again, after {time.monotonic() - began:.1f} s")
                return answer
