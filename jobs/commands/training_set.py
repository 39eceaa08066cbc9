"""``penstock training-set``: point-in-time rows for a model."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.jobs.batch.history import unlikely_times
from penstock.jobs.commands.common import OUT_FILE, TIME
from penstock.jobs.commands.common import command as shared
from penstock.jobs.project.context import Context
from penstock.jobs.training.training_set import training_set


@click.command()
@click.argument("model")
@click.option("--from", "from_ms", type=TIME, required=True, help="First request, inclusive (ISO, UTC).")
@click.option("--to", "to_ms", type=TIME, required=True, help="Last request, exclusive.")
@click.option(
    "--before",
    is_flag=True,
    help="Leave out events at exactly the request's time. 'penstock infer' refuses a model trained on that.",
)
@click.option("--out", type=OUT_FILE, help="Parquet file; the project's own unless given.")
@shared
def command(context: Context, model: str, from_ms: int, to_ms: int, before: bool, out: Path | None) -> None:
    """Join every request of MODEL's history with its features at that time, and with its label.

    Example: penstock training-set arrival_delay --from 2013-01-01 --to 2013-11-01
    """
    project = context.project
    name = project.model(model).name
    file = out or project.config.state / "training" / f"{name}.parquet"
    with context.progress(f"training set {name}", None) as bar:
        report = training_set(project, name, from_ms, to_ms, file, before=before, progress=bar)
    context.out.print(f"{file}: {report.summary()}")
    doubt = unlikely_times(project, project.model(model).model_plan.on)
    if doubt is not None:
        context.out.print(f"warning: {doubt}")
    context.result(file=str(file), doubts=[doubt] if doubt else [], **report.to_dict())
