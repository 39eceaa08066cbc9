"""A project's state is its user's own: models, change points, the store, the broker's data, the secret of a run."""

from __future__ import annotations

import contextlib
from pathlib import Path


def private(folder: Path) -> None:
    """Makes a folder that only its user may enter; one that is there stays as it is.

    A place where nothing can be made is no error here: who writes says so.
    """
    with contextlib.suppress(OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
