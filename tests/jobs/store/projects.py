"""Feast projects by hand for these tests: a repository in a folder, entities and feature views from a schema."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Array, Bool, FeastType, Float64, Int64, String, UnixTimestamp

from penstock.jobs.store.rows import FeatureRow, ViewSchema

FEAST_TYPES: dict[str, FeastType] = {
    "int64": Int64,
    "float64": Float64,
    "string": String,
    "bool": Bool,
    "timestamp": UnixTimestamp,
}
FEAST_TYPES |= {f"list<{name}>": Array(type) for name, type in FEAST_TYPES.items()}
KEY_TYPES = {"int64": ValueType.INT64, "string": ValueType.STRING}

SQLITE = "penstock.jobs.store.sqlite.PenstockSqliteOnlineStore"
REDIS = "penstock.jobs.store.redis.PenstockRedisOnlineStore"


def make_project(folder: Path, store: str, options: str) -> Path:
    """A repository in ``folder`` whose online store is of type ``store``; ``options`` is one more line of YAML."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "feature_store.yaml").write_text(
        f"""project: shop
provider: local
registry: {folder}/registry.db
online_store:
  type: {store}
  {options}
offline_store:
  type: file
entity_key_serialization_version: 3
"""
    )
    return folder


def feature_view(schema: ViewSchema) -> FeatureView:
    """The feature view of a schema. Its source is never read."""
    fields = [Field(name=name, dtype=FEAST_TYPES[type]) for name, type in (*schema.key, *schema.features)]
    return FeatureView(
        name=schema.name,
        entities=entities(schema),
        schema=fields,
        source=FileSource(name=f"{schema.name}_source", path="none.parquet", timestamp_field="event_timestamp"),
        ttl=timedelta(0),
    )


def entities(schema: ViewSchema) -> list[Entity]:
    """An entity for each key column."""
    return [Entity(name=name, join_keys=[name], value_type=KEY_TYPES[type]) for name, type in schema.key]


def applied(folder: Path, *schemas: ViewSchema) -> FeatureStore:
    """The repository's FeatureStore with the schemas' views in its registry."""
    store = FeatureStore(repo_path=str(folder))
    shared = {entity.name: entity for schema in schemas for entity in entities(schema)}
    store.apply([*shared.values(), *map(feature_view, schemas)])
    return store


def wide_schema(name: str, features: int = 10) -> ViewSchema:
    """An int64 key, three counts and the rest float64."""
    types = ["int64"] * 3 + ["float64"] * (features - 3)
    columns = tuple((f"{name}_f{i}", type) for i, type in enumerate(types))
    defaults: tuple[Any, ...] = (0, 0, 0, *[None] * (features - 3))
    return ViewSchema(name, (("customer", "int64"),), columns, defaults, "0123")


def wide_rows(schema: ViewSchema, keys: int, t: int, *, seed: int = 0) -> list[FeatureRow]:
    """A row for each of the keys 0, 1, …"""
    numbers = random.Random(seed)
    return [
        FeatureRow(
            (key,),
            t,
            1,
            tuple(numbers.randrange(500) if type == "int64" else numbers.random() for _, type in schema.features),
        )
        for key in range(keys)
    ]
