"""Files that are on the disk when the call returns, and files that are read as they are."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read(file: Path) -> bytes:
    """A file's bytes. Raises OSError, also for what is no file: a pipe would be waited for."""
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK), "rb") as source:
        if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(file))
        return source.read()


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
