"""Which of a model's versions is the current one: the file ``current`` in the model's folder.

Reading it costs no LightGBM: whoever only shows the version has no model to load.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from penstock.features.errors import PenstockError
from penstock.jobs.models.durable import keep_names, read, write

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
    """What ``current`` says; None when no version was trained. Raises PenstockError when it cannot be read."""
    file = models / model / CURRENT
    try:
        return read(file).decode("utf-8", "backslashreplace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PenstockError(
            f"the current version of {model} is not known: {error.strerror}",
            where=str(file),
            hint="write the name of a version into that file",
        ) from None
