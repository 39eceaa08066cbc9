"""A wall clock that can jump while a process runs; what measures durations goes on as it was.

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
    """How far it is ahead, for processes that were started with ``folder`` once this has been called."""
    whole = folder / f"{_FILE}.new"
    whole.write_text(f"{seconds:+d}")
    whole.replace(folder / _FILE)


def forget_clock(folder: Path) -> None:
    """Processes that are started from now on have the right clock."""
    (folder / _FILE).unlink()


def live_by(folder: Path) -> None:
    """In the process itself: it, and the JVM that it starts, go by the folder's clock if there is one."""
    file, right = folder / _FILE, time.time
    if not file.exists():
        return
    time.time = lambda: right() + int(file.read_text())
    os.environ |= {
        "LD_PRELOAD": str(_LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
