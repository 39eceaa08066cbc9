"""Room on the disk of a job's folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from penstock.features.errors import PenstockError

#: Below so many bytes a job is not started: its JVM's temporary files and a small job's first checkpoint fit in.
LEAST = 16 << 20


def room(folder: Path) -> str:
    """How much is free, in words."""
    return f"{shutil.disk_usage(folder).free / 1e6:,.1f} MB are free in {folder}"


def check_room(folder: Path) -> None:
    """Raises PenstockError when there is too little to start a job."""
    if shutil.disk_usage(folder).free < LEAST:
        raise PenstockError(
            f"no room for the stream's state: {room(folder)}",
            where=str(folder),
            allowed=f"at least {LEAST / 1e6:.0f} MB",
            hint="make room on that disk; the next start goes on from the newest checkpoint",
        )
