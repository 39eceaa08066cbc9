"""Feast as the catalogue: the project's objects, and applying them to its registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# isort: off
import jobs.store  # noqa: F401  before Feast, which it makes quicker to import
from feast import FeatureStore

# isort: on
from features.compilers.feast.view import feast_objects
from jobs.console.private import private
from jobs.project import Project, load_project


def project_objects(folder: Path) -> dict[str, Any]:
    """The Feast objects of the project in this folder."""
    project = load_project(folder)
    private(project.config.state)  # Feast's own commands come this way, and write the registry
    return _objects(project)


def apply(project: Project) -> None:
    """Writes the project's Feast objects to its registry."""
    private(project.config.state)
    FeatureStore(repo_path=str(project.folder)).apply(list(_objects(project).values()))


def _objects(project: Project) -> dict[str, Any]:
    models = [model.model_plan for model in project.models.values()]
    return feast_objects(project.plans.values(), models, {name: project.change_points(name) for name in project.plans})
