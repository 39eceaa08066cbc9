"""Which events at a request's own time its features have."""

from __future__ import annotations

from penstock.features.errors import RefusedError
from penstock.jobs.models.folder import LoadedModel


def check_moment(model: LoadedModel) -> None:
    """Refuses a model of features without the events at the request's time: the store's rows have them."""
    if model.metadata.before:
        raise RefusedError(
            f"{model.name} {model.version} was trained with --before: without the events at the request's time",
            where=model.where,
            allowed="a model that was trained with them: infer serves rows that have them",
            hint=f"run 'penstock training-set {model.name}' without --before and 'penstock train {model.name}' again",
        )
