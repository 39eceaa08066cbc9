"""``penstock init``: a new project: four files, and events to try it with."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from penstock.features.errors import UsageError
from penstock.jobs.commands.common import command as shared
from penstock.jobs.project.config import FILE, Config, KafkaConfig, read_config
from penstock.jobs.project.context import Context
from penstock.jobs.template.files import EVENTS, FILES

_LOCAL = '"local"      # the broker of \'penstock up\'; or "host:9092"'


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--from-topic", "topic", help="Write the definition from the newest records of this topic.")
@click.option("--from-files", "files", help="Write it from files: a path or glob of Parquet, JSON lines, CSV.")
@click.option("--bootstrap-servers", "servers", help="The cluster of --from-topic, where FOLDER has no penstock.toml.")
@shared
def command(context: Context, folder: Path, topic: str | None, files: str | None, servers: str | None) -> None:
    """Start a project in a new FOLDER; with --from-topic or --from-files, with a first definition from real records.

    Without them it has two streams, a model, and events of two months that are made up, to try all commands with.

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
    own = topic is not None or files is not None
    taken = [name for name in (*texts, *(() if own else EVENTS)) if (folder / name).exists()]
    if taken:
        raise UsageError(f"{', '.join(taken)} is there already", where=str(folder), allowed="a new or empty folder")
    if own:
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
    written = [*texts]
    if not own:
        from penstock.jobs.template.events import write_events  # Arrow takes a moment

        write_events(folder)
        written += EVENTS
    context.out.print(f"{folder}: {', '.join(written)}")
    context.out.print(f"next: edit {folder / 'definitions.py'}, then: penstock check --project {folder}")
    context.result(folder=str(folder), files=written)


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
