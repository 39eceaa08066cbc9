"""Which of a model's versions is the current one: the file ``current`` in the model's folder.

Reading it costs no LightGBM: whoever only shows the version has no model to load.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from jobs.models.durable import keep_names, write

CURRENT = "current"


def set_current(models: Path, model: str, version: str) -> None:
    """Points to another version, at one moment for all who look."""
    folder = models / model
    handle, made = tempfile.mkstemp(prefix=".current-", dir=folder)
    os.close(handle)
    write(Path(made), f"{version}\n".encode())
    os.chmod(made, 0o644)
    os.replace(made, folder / CURRENT)
    keep_names(folder)


def current_version(models: Path, model: str) -> str | None:
    """What ``current`` says; None when no version was trained."""
    try:
        return (models / model / CURRENT).read_text().strip()
    except FileNotFoundError:
        return None
