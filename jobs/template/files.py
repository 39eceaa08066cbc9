"""The texts of a new project's files."""

from __future__ import annotations

#: By name; ``{name}`` is the project's.
FILES = {
    "penstock.toml": """project = "{name}"
definitions = "definitions.py"
data = "data"                    # history= paths are relative to this folder
state = ".penstock"              # broker, checkpoints, change points, models, the SQLite store

[kafka]
bootstrap_servers = "local"      # the broker of 'penstock up'; or "host:9092"
""",
    "definitions.py": '''"""The features of {name}: how long a delivery will take. The events in data/ are made up."""

from penstock import Model, Stream, View, count, mean

orders = Stream(
    "orders",
    topic="orders",
    history="orders/*.parquet",
    time="ts",
    id="order_id",
    columns=dict(order_id="string", shop="string", items="float64"),
)
deliveries = Stream(
    "deliveries",
    topic="deliveries",
    history="deliveries/*.parquet",
    time="ts",
    id="order_id",
    columns=dict(order_id="string", shop="string", minutes="float64"),
)
queue = View("queue", orders, key="shop", features=dict(orders=count().over("10m", "1h")))
speed = View("speed", deliveries, key="shop", features=dict(minutes=mean(deliveries.minutes).over("1h", "7d")))
delivery = Model(
    "delivery", on=orders, inputs=[orders.items, queue, speed], label=deliveries.minutes, output="predictions.delivery"
)
''',
    "feature_store.yaml": """project: {name}
provider: local
registry: .penstock/registry.db
online_store:
  type: penstock.jobs.store.sqlite.PenstockSqliteOnlineStore
  path: .penstock/online.db
offline_store:
  type: penstock.jobs.store.offline.PenstockDuckDBOfflineStore
entity_key_serialization_version: 3
""",
    "feast_repo.py": '''"""What ``feast apply`` reads: every object is generated from the definitions."""

from pathlib import Path

from penstock.jobs.store.catalogue import project_objects

globals().update(project_objects(Path(__file__).parent))
''',
}

#: Files with made-up events, beside them.
EVENTS = ("data/orders/2026.parquet", "data/deliveries/2026.parquet")
