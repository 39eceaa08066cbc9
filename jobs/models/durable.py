"""Files that are on the disk when the call returns."""

from __future__ import annotations

import os
from pathlib import Path


def write(file: Path, data: bytes) -> None:
    """Writes a file's bytes. Its name may still go: ``keep_names``."""
    with file.open("wb") as output:
        output.write(data)
        output.flush()
        os.fsync(output.fileno())


def keep_names(folder: Path) -> None:
    """Makes a folder's names last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
