"""``penstock init``: a new project's four files."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.features.errors import UsageError
from penstock.jobs.commands.common import command as shared
from penstock.jobs.project.context import Context

FILES = {
    "penstock.toml": """project = "{name}"
definitions = "definitions.py"
data = "data"                    # history= paths are relative to this folder
state = ".penstock"              # broker, checkpoints, change points, models, the SQLite store

[kafka]
bootstrap_servers = "local"      # the broker of 'penstock up'; or "host:9092"
""",
    "definitions.py": '''"""The features of {name}."""

from penstock import Stream, View, count, mean, sliding

orders = Stream(
    "orders",
    topic="orders",
    history="orders/*.parquet",
    time="ts",
    id="order_id",
    columns=dict(order_id="string", customer="string", amount="float64"),
)

customer = View("customer", orders, key="customer", features=dict(
    orders=count().over("1h", "1d"),
    amount=mean(orders.amount).over("1d", sliding("30d", step="1h")),
))
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


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@shared
def command(context: Context, folder: Path) -> None:
    """Start a project in a new FOLDER.

    Example: penstock init shop
    """
    taken = [name for name in FILES if (folder / name).exists()]
    if taken:
        raise UsageError(f"{', '.join(taken)} is there already", where=str(folder), allowed="a new or empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    name = _project_name(folder)
    for file, text in FILES.items():
        (folder / file).write_text(text.replace("{name}", name))
    context.out.print(f"{folder}: {', '.join(FILES)}")
    context.out.print(f"next: edit {folder / 'definitions.py'}, then: penstock check --project {folder}")
    context.result(folder=str(folder), files=list(FILES))


def _project_name(folder: Path) -> str:
    """What Feast takes: ASCII letters, digits and underscores, none of them first."""
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in folder.resolve().name.lower())
    return name.strip("_") or "project"
