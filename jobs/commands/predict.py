"""``penstock predict``: a model's answers to the requests of its history."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.features.span import Span
from penstock.jobs.commands.common import TIME, tell
from penstock.jobs.commands.common import command as shared
from penstock.jobs.project.context import Context


@click.command()
@click.argument("model")
@click.option("--from", "from_ms", type=TIME, required=True, help="First request, inclusive (ISO, UTC).")
@click.option("--to", "to_ms", type=TIME, required=True, help="Last request, exclusive.")
@click.option("--version", help="The version that answers; the current one unless named.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder; the project's own unless given.")
@shared
def command(context: Context, model: str, from_ms: int, to_ms: int, version: str | None, out: Path | None) -> None:
    """Answer every request of MODEL's history, as Parquet: with the bits that the stream would have given in time.

    A run that was stopped goes on where it was. Features are those that held at each request's time.

    Example: penstock predict arrival_delay --from 2013-11-01 --to 2013-12-01
    """
    from penstock.jobs.prediction.batch import predict  # LightGBM takes a second

    project = context.project
    name = project.model(model).name
    folder = out or project.config.state / "predictions" / name
    with context.progress(f"predictions of {name}", None) as bar:
        report = predict(project, name, Span(from_ms, to_ms), folder, version=version, told=tell, progress=bar)
    context.out.print(f"{report.folder}: {report.summary()}")
    context.result(**report.to_dict())
