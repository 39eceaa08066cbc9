"""Which of a model's versions is the current one: the first line of the file ``current`` in the model's folder.

The lines after it are the versions that were current before, the latest first. Reading it costs no LightGBM: whoever
only shows the version has no model to load.
"""

from __future__ import annotations

from pathlib import Path

from penstock.features.errors import PenstockError
from penstock.jobs.models.durable import keep_names, read, write
from penstock.jobs.process.whole_file import whole_file

CURRENT = "current"
#: How many versions that were current before are remembered.
REMEMBERED = 20


def set_current(models: Path, model: str, version: str) -> None:
    """Points to another version, at one moment for all who look."""
    former = [name for name in remembered(models, model) if name != version]
    _write(models, model, [version, *former[:REMEMBERED]])


def roll_back(models: Path, model: str) -> str | None:
    """Points to the version that was current before, and returns it; None, and nothing changes, where there is none."""
    lines = remembered(models, model)
    if len(lines) < 2:
        return None
    _write(models, model, lines[1:])
    return lines[1]


def current_version(models: Path, model: str) -> str | None:
    """What ``current`` says; None when no version was trained. Raises PenstockError when it cannot be read."""
    lines = remembered(models, model)
    return lines[0] if lines else None


def remembered(models: Path, model: str) -> list[str]:
    """The current version and those that were current before it, the latest first. Raises as ``current_version``."""
    file = models / model / CURRENT
    try:
        return read(file).decode("utf-8", "backslashreplace").strip().split("\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PenstockError(
            f"the current version of {model} is not known: {error.strerror}",
            where=str(file),
            hint="write the name of a version into that file",
        ) from None


def _write(models: Path, model: str, lines: list[str]) -> None:
    folder = models / model
    with whole_file(folder / CURRENT) as unfinished:
        write(unfinished, "".join(f"{line}\n" for line in lines).encode())
    keep_names(folder)
