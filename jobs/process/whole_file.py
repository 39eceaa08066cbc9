"""Files that appear whole or not at all, whoever reads or writes them at the same time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """The path of an empty file beside ``file``, which replaces it when the block ends without an error.

    Several writers wait for each other. A killed writer leaves that file behind, and the next one takes it over.
    Raises OSError.
    """
    unfinished = file.with_name(f".{file.name}.tmp")
    handle = _alone(unfinished)
    try:
        os.truncate(handle, 0)
        yield unfinished
        os.replace(unfinished, file)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)


def write_whole(file: Path, text: str) -> None:
    """Replaces a file's text. Raises OSError."""
    with whole_file(file) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def _alone(file: Path) -> int:
    """A handle of the file with this name, which no other writer has: one that did has renamed it meanwhile."""
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(handle, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), file.stat()):
                return handle
        os.close(handle)
