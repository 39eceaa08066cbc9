"""``penstock init``: a new project's four files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from penstock.features.errors import UsageError
from penstock.jobs.commands.common import command as shared
from penstock.jobs.project.config import FILE, Config, KafkaConfig, read_config
from penstock.jobs.project.context import Context

_LOCAL = '"local"      # the broker of \'penstock up\'; or "host:9092"'
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
@click.option("--from-topic", "topic", help="Write the definition from the newest records of this topic.")
@click.option("--from-files", "files", help="Write it from files: a path or glob of Parquet, JSON lines, CSV.")
@click.option("--bootstrap-servers", "servers", help="The cluster of --from-topic, where FOLDER has no penstock.toml.")
@shared
def command(context: Context, folder: Path, topic: str | None, files: str | None, servers: str | None) -> None:
    """Start a project in a new FOLDER; with --from-topic or --from-files, with a first definition from real records.

    A FOLDER that has a penstock.toml keeps it: there stands how a cluster is reached that wants a login.

    Example: penstock init shop --from-files 'exports/orders/*.parquet'
    """
    if topic is not None and files is not None:
        raise UsageError("--from-topic and --from-files are two kinds of records", allowed="one of them")
    texts = {name: text.replace("{name}", _project_name(folder)) for name, text in FILES.items()}
    if (folder / FILE).exists() and (topic or files):
        del texts[FILE]
    elif servers is not None:
        texts[FILE] = texts[FILE].replace(_LOCAL, json.dumps(servers))
    taken = [name for name in texts if (folder / name).exists()]
    if taken:
        raise UsageError(f"{', '.join(taken)} is there already", where=str(folder), allowed="a new or empty folder")
    if topic is not None or files is not None:
        from penstock.jobs.records import start  # Kafka and Arrow take a second

    if topic is not None:
        texts["definitions.py"] = start.from_topic(_config(folder, topic, servers), topic)
    if files is not None:
        data, history = start.data_and_history(folder, files)
        texts["definitions.py"] = start.from_files(files, history)
        if FILE in texts:
            texts[FILE] = texts[FILE].replace('"data"    ', json.dumps(os.path.relpath(data, folder)))
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    context.out.print(f"{folder}: {', '.join(texts)}")
    context.out.print(f"next: edit {folder / 'definitions.py'}, then: penstock check --project {folder}")
    context.result(folder=str(folder), files=list(texts))


def _config(folder: Path, topic: str, servers: str | None) -> Config:
    """How the topic's cluster is reached. Raises UsageError where nothing says it."""
    if (folder / FILE).exists():
        return read_config(folder)
    if servers is None:
        raise UsageError(
            f"where is {topic}?", where="--bootstrap-servers", allowed=f"host:9092, or a {FILE} in {folder}"
        )
    return Config(project=_project_name(folder), kafka=KafkaConfig(bootstrap_servers=servers))


def _project_name(folder: Path) -> str:
    """What Feast takes: ASCII letters, digits and underscores, none of them first."""
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in folder.resolve().name.lower())
    return name.strip("_") or "project"
