"""A wall clock that is wrong; what measures durations is right.

faketime does it for a JVM. Python's locks hang or fail under it, so there the clock is the function ``time.time``.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
_FILE = "clock"


def can_jump() -> bool:
    """Is faketime installed?"""
    return bool(_LIBRARIES)


def set_clock(folder: Path, seconds: int) -> None:
    """How far it is ahead for processes that are started with ``folder`` from now on."""
    (folder / _FILE).write_text(str(seconds))


def live_by(folder: Path) -> None:
    """In the process itself: it, and the JVM that it starts, go by the folder's clock if that is wrong."""
    file, right = folder / _FILE, time.time
    ahead = int(file.read_text()) if file.exists() else 0
    if ahead == 0:
        return
    time.time = lambda: right() + ahead
    os.environ |= {
        "LD_PRELOAD": str(_LIBRARIES[0]),
        "FAKETIME": f"{ahead:+d}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
