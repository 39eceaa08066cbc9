"""Feast as the catalogue: the project's objects, and applying them to its registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# isort: off
import penstock.jobs.store  # noqa: F401  before Feast, which it makes quicker to import
from feast import FeatureStore
from google.protobuf.message import DecodeError

# isort: on
from penstock.features.compilers.feast.view import feast_objects
from penstock.features.errors import PenstockError, UsageError
from penstock.jobs.ahead.view import ahead_views
from penstock.jobs.process.private import private
from penstock.jobs.project.project import Project, load_project
from penstock.jobs.store.open import repository


def project_objects(folder: Path) -> dict[str, Any]:
    """The Feast objects of the project in this folder."""
    project = load_project(folder)
    private(project.config.state)  # Feast's own commands come this way, and write the registry
    return _objects(project)


def apply(project: Project) -> None:
    """Writes the project's Feast objects to its registry. Raises UsageError for a repository that is none.

    Raises PenstockError for a registry that cannot be read.
    """
    private(project.config.state)
    registry = project.folder / repository(project.folder).registry.path
    if registry.exists() and not registry.is_file():
        raise UsageError("Feast's registry is no regular file", where=str(registry), hint="move it away")
    try:
        FeatureStore(repo_path=str(project.folder)).apply(list(_objects(project).values()))
    except DecodeError as error:
        raise PenstockError(
            f"Feast's registry cannot be read: {error}",
            where=str(registry),
            hint="move the file away: it is made anew from the definitions",
        ) from None


def _objects(project: Project) -> dict[str, Any]:
    models = [model.model_plan for model in project.models.values()]
    plans = {**project.plans, **ahead_views(project)}
    return feast_objects(plans.values(), models, {name: project.change_points(name) for name in plans})
