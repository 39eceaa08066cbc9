"""``penstock train``: a new version of a model."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.jobs.commands.common import TIME
from penstock.jobs.commands.common import command as shared
from penstock.jobs.project.context import Context
from penstock.jobs.training.train import train


@click.command()
@click.argument("model")
@click.option("--from", "from_ms", type=TIME, required=True, help="First request to train on, inclusive (ISO, UTC).")
@click.option("--to", "to_ms", type=TIME, required=True, help="End of training and start of evaluation.")
@click.option("--until", "until_ms", type=TIME, required=True, help="End of evaluation, exclusive.")
@click.option(
    "--data", type=click.Path(path_type=Path, dir_okay=False), help="Training set; the project's own unless given."
)
@shared
def command(context: Context, model: str, from_ms: int, to_ms: int, until_ms: int, data: Path | None) -> None:
    """Train a version of MODEL on its training set, evaluate it, and make it the current one.

    Example: penstock train arrival_delay --from 2013-01-01 --to 2013-10-01 --until 2013-11-01
    """
    project = context.project
    plan = project.model(model).model_plan
    file = data or project.config.state / "training" / f"{plan.name}.parquet"
    models, threads = project.config.state / "models", project.config.training.threads
    report = train(file, plan, models, (from_ms, to_ms), (to_ms, until_ms), threads=threads)
    context.out.print(report.summary())
    context.result(**report.to_dict())
