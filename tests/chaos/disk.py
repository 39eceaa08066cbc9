"""A disk of one's own that is small enough to be filled."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

#: Room for a few checkpoints, the job's temporary files and its logs.
SIZE = "192m"
_FILLING = "filling"


def can_mount() -> bool:
    """Only root may."""
    return os.geteuid() == 0


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mounts one at ``folder``, which is made, for as long as the block lasts."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "penstock", str(folder)], check=True)
    try:
        yield
    finally:
        # lazily: a process that still has a file open there must not keep it
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def full(folder: Path) -> Iterator[None]:
    """Not a byte more fits into the disk of ``folder``, until the block ends or something there is deleted."""
    try:
        fill(folder)
        yield
    finally:
        (folder / _FILLING).unlink()


def fill(folder: Path) -> None:
    """Takes what is left, within a ``full`` block."""
    for size in (1 << 20, 1 << 12, 1):
        with contextlib.suppress(OSError), (folder / _FILLING).open("ab", buffering=0) as filling:
            while filling.write(bytes(size)) == size:
                pass
