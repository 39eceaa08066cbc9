"""Which of a model's versions is the current one: the file ``current`` in the model's folder.

Reading it costs no LightGBM: whoever only shows the version has no model to load.
"""

from __future__ import annotations

from pathlib import Path

from penstock.features.errors import PenstockError
from penstock.jobs.models.durable import keep_names, read, write
from penstock.jobs.process.whole_file import whole_file

CURRENT = "current"


def set_current(models: Path, model: str, version: str) -> None:
    """Points to another version, at one moment for all who look."""
    folder = models / model
    with whole_file(folder / CURRENT) as unfinished:
        write(unfinished, f"{version}\n".encode())
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
