"""The versions of a model: which there are, which answer, how two of them differ, and which can go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from penstock.features.errors import PenstockError, UsageError, did_you_mean
from penstock.features.plan import ModelPlan
from penstock.jobs.models.folder import Metadata, check_version, load_named, read_metadata, version_names
from penstock.jobs.models.lines import line_of
from penstock.jobs.models.log import record
from penstock.jobs.models.pointer import (
    CANARY,
    CURRENT,
    Alias,
    Pointer,
    current_version,
    pointers,
    remembered,
    remove_alias,
    roll_back,
    set_alias,
    set_current,
)
from penstock.jobs.models.storage.storage import Models, storage_of


@dataclass(frozen=True)
class Version:
    """``aliases``: those that point to it. ``metadata`` None: its folder is not what was written, and ``problem`` says
    why.
    """

    name: str
    aliases: tuple[Alias, ...]
    metadata: Metadata | None
    problem: str | None

    @property
    def current(self) -> bool:
        """Does it answer?"""
        return CURRENT in self.aliases


def versions(models: Models, model: str) -> list[Version]:
    """All of them, the oldest first."""
    known = pointers(models, model)
    return [_version(models, model, name, known) for name in version_names(models, model)]


def _version(models: Models, model: str, name: str, known: dict[Alias, Pointer]) -> Version:
    aliases = tuple(alias for alias, pointer in known.items() if pointer.version == name)
    try:
        return Version(name, aliases, read_metadata(models, model, name), None)
    except PenstockError as error:
        return Version(name, aliases, None, error.what)


def promote(
    models: Models, plan: ModelPlan, pointer: Pointer, alias: Alias = CURRENT, part: str | None = None
) -> str | None:
    """Points an alias to a version, once it is known to be whole and of this plan. Returns the former one.

    Raises UsageError for a canary of an input that the model does not have, and as ``load_named``: then nothing
    changes.
    """
    _check_input(plan, pointer)
    load_named(models, plan, pointer.version, part)
    line = line_of(plan.name, part)
    former = pointers(models, line).get(alias)
    set_alias(models, line, alias, pointer)
    details: dict[str, Any] = {"share": pointer.share, "by": pointer.by} if alias == CANARY else {}
    before = former.version if former else None
    record(models, line, "promote", pointer.version, alias=alias, former=before, **details)
    return before


def _check_input(plan: ModelPlan, pointer: Pointer) -> None:
    names = [str(item.name) for item in plan.inputs]
    if pointer.by is not None and pointer.by not in names:
        raise UsageError(
            f"{plan.name} has no input {pointer.by!r}",
            where="--by",
            allowed=", ".join(names) or "no --by: the model reads no view",
            hint=did_you_mean(pointer.by, names),
        )


def rollback(models: Models, plan: ModelPlan, part: str | None = None) -> tuple[str, str]:
    """Makes the version current that was current before. Returns the one that was, and the one that is.

    Raises UsageError where there is none, and as ``load_named``: then nothing changes.
    """
    line = line_of(plan.name, part)
    former = current_version(models, line)
    version = roll_back(models, line) if former else None
    if former is None or version is None:
        raise UsageError(
            f"no version of {line} was current before",
            where=storage_of(models).where(line),
            hint=f"'penstock model list {plan.name}' shows the versions, 'penstock model promote' takes one",
        )
    try:
        load_named(models, plan, version, part)
    except PenstockError:
        set_current(models, line, former)
        raise
    record(models, line, "rollback", version, alias=CURRENT, former=former)
    return former, version


def end_alias(models: Models, plan: ModelPlan, alias: Alias, part: str | None = None) -> str:
    """Removes a shadow or a canary: the current version answers alone. Returns the version that it pointed to.

    Raises UsageError where there is none.
    """
    line = line_of(plan.name, part)
    former = pointers(models, line).get(alias)
    if former is None:
        raise UsageError(
            f"{line} has no {alias}",
            where=storage_of(models).where(line),
            hint=f"'penstock model list {plan.name}' shows the versions and their aliases",
        )
    remove_alias(models, line, alias)
    record(models, line, "rollback", former.version, alias=alias)
    return former.version


def differences(models: Models, model: str, first: str, second: str) -> Iterator[tuple[str, Any, Any]]:
    """What differs in the metadata of two versions: its name, and both values, None where there is none."""
    left, right = (_flat(_described(models, model, name)) for name in (first, second))
    for name in {**left, **right}:
        if left.get(name) != right.get(name):
            yield name, left.get(name), right.get(name)


def _described(models: Models, model: str, version: str) -> dict[str, Any]:
    check_version(models, model, version)
    return read_metadata(models, model, version).model_dump(mode="json")


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Objects within become names with dots."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": inner for key, inner in _flat(value).items()}
        else:
            found[name] = value
    return found


def prune(models: Models, model: str, keep: int) -> list[str]:
    """Deletes all versions but the newest ``keep``, those with an alias, and the one to which a rollback goes.

    Returns those that are gone. Predictions of theirs can no longer be replayed.
    """
    names = version_names(models, model)
    stays = {
        *names[-keep:],
        *remembered(models, model)[:2],
        *(each.version for each in pointers(models, model).values()),
    }
    gone = [name for name in names if name not in stays]
    for name in gone:
        storage_of(models).remove(model, name)
        record(models, model, "prune", name)
    return gone
