"""The versions of a model: which there are, how two of them differ, and which can go."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.features.errors import PenstockError, UsageError
from penstock.features.plan import ModelPlan
from penstock.jobs.models.folder import Metadata, load_named, read_metadata, version_folder, version_names
from penstock.jobs.models.pointer import current_version, remembered, roll_back, set_current


@dataclass(frozen=True)
class Version:
    """``metadata`` None: its folder is not what was written, and ``problem`` says why."""

    name: str
    current: bool
    metadata: Metadata | None
    problem: str | None


def versions(models: Path, model: str) -> list[Version]:
    """All of them, the oldest first."""
    current = current_version(models, model)
    return [_version(models / model / name, name == current) for name in version_names(models, model)]


def _version(folder: Path, current: bool) -> Version:
    try:
        return Version(folder.name, current, read_metadata(folder), None)
    except PenstockError as error:
        return Version(folder.name, current, None, error.what)


def promote(models: Path, plan: ModelPlan, version: str) -> str | None:
    """Makes a version the current one, once it is known to be whole and of this plan. Returns the former one.

    Raises as ``load_named``: then nothing changes.
    """
    load_named(models, plan, version)
    former = current_version(models, plan.name)
    set_current(models, plan.name, version)
    return former


def rollback(models: Path, plan: ModelPlan) -> tuple[str, str]:
    """Makes the version current that was current before. Returns the one that was, and the one that is.

    Raises UsageError where there is none, and as ``load_named``: then nothing changes.
    """
    former = current_version(models, plan.name)
    version = roll_back(models, plan.name) if former else None
    if former is None or version is None:
        raise UsageError(
            f"no version of {plan.name} was current before",
            where=str(models / plan.name),
            hint=f"'penstock model list {plan.name}' shows the versions, 'penstock model promote' takes one",
        )
    try:
        load_named(models, plan, version)
    except PenstockError:
        set_current(models, plan.name, former)
        raise
    return former, version


def differences(models: Path, model: str, first: str, second: str) -> Iterator[tuple[str, Any, Any]]:
    """What differs in the metadata of two versions: its name, and both values, None where there is none."""
    left, right = (_flat(_described(models, model, name)) for name in (first, second))
    for name in {**left, **right}:
        if left.get(name) != right.get(name):
            yield name, left.get(name), right.get(name)


def _described(models: Path, model: str, version: str) -> dict[str, Any]:
    return read_metadata(version_folder(models, model, version)).model_dump(mode="json")


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Objects within become names with dots."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": inner for key, inner in _flat(value).items()}
        else:
            found[name] = value
    return found


def prune(models: Path, model: str, keep: int) -> list[str]:
    """Deletes all versions but the newest ``keep``, the current one, and the one to which a rollback goes.

    Returns those that are gone. Predictions of theirs can no longer be replayed.
    """
    stays = {*version_names(models, model)[-keep:], *_pointed_to(models, model)}
    gone = [name for name in version_names(models, model) if name not in stays]
    for name in gone:
        shutil.rmtree(models / model / name)
    return gone


def _pointed_to(models: Path, model: str) -> list[str]:
    return remembered(models, model)[:2]
