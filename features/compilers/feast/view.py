"""Entities, feature views and feature services from plans."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from feast import Entity, FeatureService, FeatureView, Field, FileSource
from feast.data_format import ParquetFormat

from penstock.features.compilers.feast.types import FEATURE_TYPES, KEY_FIELDS, KEY_TYPES
from penstock.features.dimensions import kept_as
from penstock.features.errors import DefinitionError
from penstock.features.plan import KeyPlan, ModelPlan, ViewPlan

#: The tag that carries a plan's fingerprint.
FINGERPRINT_TAG = "penstock.fingerprint"

#: What the name of a view's source ends with.
SOURCE_SUFFIX = "_change_points"

_PARTS = "/*.parquet"
#: What ``glob.escape`` makes of a character.
_ESCAPED = re.compile(r"\[([*?\[])\]")


def entity(key: KeyPlan) -> Entity:
    """The entity of a key column. Views that share the column share it."""
    return Entity(name=key.name, join_keys=[key.name], value_type=KEY_TYPES[key.type])


def _entity_keys(plans: Iterable[ViewPlan]) -> Iterable[KeyPlan]:
    """Each key column once. Raises DefinitionError where two views give it two types, or names that SQL cannot tell."""
    keys: dict[str, tuple[KeyPlan, str]] = {}
    for plan in plans:
        for key in plan.key:
            known, view = keys.setdefault(key.name.lower(), (key, plan.name))
            if known != key:
                raise DefinitionError(
                    f"{plan.name} has the key {key.name} of type {key.type}",
                    where=plan.name,
                    allowed=f"{known.name} of type {known.type}, as in {view}: in Feast both are one entity",
                    hint="name one of the two columns otherwise",
                )
    return [key for key, _ in keys.values()]


def feature_view(plan: ViewPlan, change_points: Path, entities: Mapping[str, Entity]) -> FeatureView:
    """The feature view over the view's change points (a folder of Parquet parts)."""
    source = FileSource(
        name=f"{plan.name}{SOURCE_SUFFIX}",
        path=_path(change_points),
        file_format=ParquetFormat(),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
        tags={FINGERPRINT_TAG: plan.fingerprint},
    )
    keys = [Field(name=key.name, dtype=KEY_FIELDS[key.type]) for key in plan.key]
    features = [Field(name=f.name, dtype=FEATURE_TYPES[kept_as(f.type)]) for f in plan.features]
    return FeatureView(
        name=plan.name,
        entities=[entities[key.name] for key in plan.key],
        schema=keys + features,
        source=source,
        ttl=timedelta(0),  # a row holds until the key's next row
        tags={FINGERPRINT_TAG: plan.fingerprint},
    )


def change_points_folder(view: FeatureView) -> Path | None:
    """The folder of the change points of a view that ``feature_view`` made; None for another source."""
    if not isinstance(view.batch_source, FileSource):
        return None
    path = view.batch_source.path
    return Path(_ESCAPED.sub(r"\1", path.removesuffix(_PARTS)) if path.endswith(_PARTS) else path)


def _path(folder: Path) -> str:
    """The folder. Feast warns that a pattern does not exist, but DuckDB takes no folder that looks like one."""
    pattern = glob.escape(str(folder))
    return str(folder) if pattern == str(folder) else f"{pattern}{_PARTS}"


def feature_service(plan: ModelPlan, views: Mapping[str, FeatureView]) -> FeatureService:
    """The feature service of a model: the views that it reads, each once."""
    names = dict.fromkeys(item.view for item in plan.inputs)
    return FeatureService(
        name=plan.name, features=[views[name] for name in names], tags={FINGERPRINT_TAG: plan.fingerprint}
    )


def feast_objects(
    plans: Iterable[ViewPlan], models: Iterable[ModelPlan], change_points: Mapping[str, Path]
) -> dict[str, Any]:
    """All objects by a name that is unique among them. ``change_points``: view → the folder of its Parquet parts."""
    plans = list(plans)
    entities = {key.name: entity(key) for key in _entity_keys(plans)}
    views = {plan.name: feature_view(plan, change_points[plan.name], entities) for plan in plans}
    services = {plan.name: feature_service(plan, views) for plan in models}
    kinds: tuple[tuple[str, Mapping[str, Any]], ...] = (("entity", entities), ("view", views), ("service", services))
    return {f"{kind}_{name}": thing for kind, things in kinds for name, thing in things.items()}
