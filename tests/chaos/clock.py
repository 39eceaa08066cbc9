"""A wall clock that is wrong, for the Python jobs; what measures durations is right.

It is the function ``time.time``: under faketime Python's locks hang or fail, and Flink takes minutes to start. The
times of Kafka's records stay right: a broker refuses those that are more than an hour ahead of its own clock.
What the job in the JVM does with the wall clock is told by the tests of its operator.
"""

from __future__ import annotations

import time
from pathlib import Path

_FILE = "clock"


def set_clock(folder: Path, seconds: int) -> None:
    """How far it is ahead for processes that are started with ``folder`` from now on."""
    (folder / _FILE).write_text(str(seconds))


def live_by(folder: Path) -> None:
    """In the process itself: it goes by the folder's clock, if there is one."""
    file, right = folder / _FILE, time.time
    if file.exists():
        ahead = int(file.read_text())
        time.time = lambda: right() + ahead
