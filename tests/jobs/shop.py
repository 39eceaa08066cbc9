"""A small project for tests: a shop whose model predicts what an order will cost to deliver."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.features.ingest import Row
from penstock.features.oracle import batch
from penstock.features.plan import SourcePlan, ViewPlan
from penstock.jobs.batch.parts import ARROW_TYPES, TIMESTAMP, ViewParts, part_schema
from penstock.jobs.project.project import Project, load_project
from tests.projects import SQLITE

DEFINITIONS = """
from penstock import Model, Stream, Table, View, coalesce, count, last, lifetime, max, mean, sliding, sum

orders = Stream("orders", topic="orders", history="orders/*.parquet", time="ts", id="order", columns=dict(
    order="string", customer="string", shop="string", city="string", amount="float64", items="int64", gift="bool",
    placed="timestamp"))
deliveries = Stream("deliveries", topic="deliveries", history="deliveries/*.parquet", time="ts", id="order",
    columns=dict(order="string", shop="string", city="string", cost="float64", first="bool"))
shops = Table("shops", history="shops.parquet", key="shop",
    columns=dict(shop="string", kind="string", opened="timestamp"))
weather = Table("weather", topic="weather", history="weather/*.parquet", time="ts", key="city",
    columns=dict(city="string", rain="float64"))

customer = View("customer", orders, key="customer", features=dict(
    orders=count().over("10s", lifetime()), amount=sum(orders.amount).over("10s"), items=max(orders.items).over("20s")))
big = View("big", orders, key="shop", filter=orders.amount > 10, features=dict(
    orders=count().over(sliding("20s", step="5s")), items=sum(orders.items * 2).over("20s")))
routes = View("routes", deliveries, key=["shop", "city"], features=dict(
    cost=mean(deliveries.cost).over("30s"), first=last(deliveries.first).over("30s")))

cost = Model("cost", on=orders, output="predictions.cost", label=deliveries.cost,
    inputs=[orders.amount, orders.items, orders.gift, orders.placed, orders.city, customer, big, routes, shops,
            weather.rain, routes.named("hub").cost_30s],
    derived=dict(more=customer.amount_10s + orders.amount, share=orders.amount / customer.amount_10s,
                 double=orders.items * 2, wet=coalesce(weather.rain, 0.0) > 1))
"""

TOML = """project = "shop"
data = "data"
state = "state"

[batch]
memory = "256MB"

[inference]
batch = {batch}
deadline_ms = 2
wait_ms = {wait_ms}
store = "{store}"
mirror_lag_ms = {mirror_lag_ms}

[kafka]
bootstrap_servers = "{servers}"
partitions = {partitions}
replication = {replication}
client = "{client}"
"""

SETTINGS = {
    "batch": 50,
    "wait_ms": 2_000,
    "store": "online",
    "mirror_lag_ms": 1_000,
    "servers": "local",
    "partitions": 1,
    "replication": 1,
    "client": "confluent",
}

YAML = """project: shop
provider: local
registry: registry.db
online_store:
{online}
offline_store:
  type: file
entity_key_serialization_version: 3
"""


def make_project(folder: Path, definitions: str = DEFINITIONS, *, online: str = SQLITE, **settings: Any) -> Project:
    """The shop in ``folder``, without data. ``online``: the lines of its store; ``settings``: those of ``TOML``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "penstock.toml").write_text(TOML.format(**{**SETTINGS, **settings}))
    (folder / "feature_store.yaml").write_text(YAML.format(online=online))
    (folder / "definitions.py").write_text(definitions)
    return load_project(folder)


def write_history(project: Project, source: str, rows: Sequence[Row], *, parts: int = 1) -> None:
    """The rows, missing columns as nulls, in so many files."""
    stream = project.streams[source]
    file = project.config.data / str(stream.history).replace("*", "{}")
    file.parent.mkdir(parents=True, exist_ok=True)
    size = -(-len(rows) // parts) or 1
    for part in range(parts):
        pq.write_table(_table(stream.source_plan, rows[part * size : (part + 1) * size]), str(file).format(part))


def _table(source: SourcePlan, rows: Sequence[Row]) -> pa.Table:
    return pa.table({c.name: _column(c.type, [row.get(c.name) for row in rows]) for c in source.columns})


def _column(type: str, values: list[Any]) -> pa.Array:
    return (
        pa.array(values, pa.int64()).cast(pa.timestamp("ms"))
        if type == "timestamp"
        else pa.array(values, ARROW_TYPES[type])
    )


def write_change_points(
    folder: Path, plan: ViewPlan, rows: Iterable[Row], from_ms: int, to_ms: int, *, generation: int = 1
) -> None:
    """The oracle's rows of a range as parts in ``folder``, as a backfill leaves them."""
    folder.mkdir(parents=True, exist_ok=True)
    full = [full_row(plan.source, **row) for row in rows]
    found = [row for row in batch(plan, full).rows if plan.static or from_ms <= row[1] < to_ms]
    schema = part_schema(plan)
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    for key, t, _, values in found:
        row = dict(
            zip([k.name for k in plan.key], key, strict=True), t=t, event_timestamp=t, created_timestamp=generation
        )
        row |= dict(zip([f.name for f in plan.features], values, strict=True))
        for name, value in row.items():
            columns[name].append(value)
    arrays = [
        pa.array([None if v is None else v * 1000 for v in columns[f.name]], TIMESTAMP)
        if f.type == TIMESTAMP
        else pa.array(columns[f.name], f.type)
        for f in schema
    ]
    with ViewParts(folder, plan).writing(from_ms, to_ms, "by hand", generation) as writer:
        writer.write_table(pa.table(arrays, schema=writer.schema))


def full_row(source: SourcePlan, **values: Any) -> Row:
    """A row of the source, null where nothing is given."""
    return {column.name: values.get(column.name) for column in source.columns}
