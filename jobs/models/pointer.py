"""Which of a model's versions answer: one small file for each alias in the model's folder.

The first line of ``current`` is the version that answers; the lines after it are those that were current before, the
latest first. ``shadow`` holds one version. ``canary`` holds a version, its share of the keys in percent, and the name
of the input whose key is hashed, or an empty line. Reading them costs no LightGBM: whoever only shows a version has
no model to load.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from penstock.features.errors import PenstockError
from penstock.jobs.models.storage.storage import Models, storage_of

#: ``current`` answers, ``canary`` answers a share of the keys in its place, and ``shadow`` beside it on its own topic.
Alias = Literal["current", "shadow", "canary"]
ALIASES: tuple[Alias, ...] = get_args(Alias)
CURRENT: Alias = "current"
SHADOW: Alias = "shadow"
CANARY: Alias = "canary"
#: How many versions that were current before are remembered.
REMEMBERED = 20


@dataclass(frozen=True)
class Pointer:
    """What an alias points to. ``share``, ``by``: of a canary, its percent of the keys, and the input whose key it is;
    None for the model's first one.
    """

    version: str
    share: float = 100.0
    by: str | None = None


def set_current(models: Models, model: str, version: str) -> None:
    """Points to another version, at one moment for all who look."""
    former = [name for name in remembered(models, model) if name != version]
    _write(models, model, CURRENT, [version, *former[:REMEMBERED]])


def set_alias(models: Models, model: str, alias: Alias, pointer: Pointer) -> None:
    """Points an alias to a version, at one moment for all who look."""
    if alias == CURRENT:
        set_current(models, model, pointer.version)
    elif alias == SHADOW:
        _write(models, model, SHADOW, [pointer.version])
    else:
        _write(models, model, CANARY, [pointer.version, f"{pointer.share:g}", pointer.by or ""])


def remove_alias(models: Models, model: str, alias: Alias) -> None:
    """Ends a shadow or a canary."""
    try:
        storage_of(models).remove(model, alias)
    except OSError as error:
        raise _unknown(models, model, alias, error) from None


def roll_back(models: Models, model: str) -> str | None:
    """Points to the version that was current before, and returns it; None, and nothing changes, where there is none."""
    lines = remembered(models, model)
    if len(lines) < 2:
        return None
    _write(models, model, CURRENT, lines[1:])
    return lines[1]


def current_version(models: Models, model: str) -> str | None:
    """What ``current`` says; None when no version was trained. Raises PenstockError when it cannot be read."""
    lines = remembered(models, model)
    return lines[0] if lines else None


def pointers(models: Models, model: str) -> dict[Alias, Pointer]:
    """What each alias points to that there is. Raises as ``current_version``."""
    return pointers_of(models, [model])[model]


def pointers_of(models: Models, names: Sequence[str]) -> dict[str, dict[Alias, Pointer]]:
    """The pointers of several models, read at once. Raises PenstockError when one cannot be read."""
    storage = storage_of(models)
    files = [(name, alias) for name in names for alias in ALIASES]
    try:
        contents = storage.read_those_there(list(files))
    except OSError as error:
        raise _unknown(models, names[0], CURRENT, error) from None
    return {
        name: {
            alias: _pointer(models, name, alias, _lines(contents[name, alias]))
            for alias in ALIASES
            if (name, alias) in contents
        }
        for name in names
    }


def remembered(models: Models, model: str) -> list[str]:
    """The current version and those that were current before it, the latest first. Raises as ``current_version``."""
    try:
        return _lines(storage_of(models).read(model, CURRENT))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unknown(models, model, CURRENT, error) from None


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "backslashreplace").strip().split("\n")


def _pointer(models: Models, model: str, alias: Alias, lines: list[str]) -> Pointer:
    if alias != CANARY:
        return Pointer(lines[0])
    version, share, by = (*lines, "", "")[:3]
    try:
        percent = float(share)
    except ValueError:
        percent = -1.0
    if not 0 < percent <= 100:
        raise PenstockError(
            f"the share of {model}'s canary is {share[:80]!r}",
            where=storage_of(models).where(model, alias),
            allowed="a percent above 0, 100 at most, in the second line",
        )
    return Pointer(version, percent, by or None)


def _unknown(models: Models, model: str, alias: Alias, error: OSError) -> PenstockError:
    return PenstockError(
        f"the {alias} version of {model} is not known: {error.strerror or error}",
        where=storage_of(models).where(model, alias),
        hint="write the name of a version into that file",
    )


def _write(models: Models, model: str, alias: Alias, lines: list[str]) -> None:
    storage_of(models).replace("".join(f"{line}\n" for line in lines).encode(), model, alias)
