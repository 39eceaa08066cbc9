"""``penstock model import``: a model that was trained elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.features.span import Span
from penstock.jobs.commands.common import TIME, check_part, part_option
from penstock.jobs.commands.common import command as shared
from penstock.jobs.project.context import Context

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("model")
@click.argument("file", type=_FILE)
@click.option("--from", "from_ms", type=TIME, required=True, help="First request it was trained on (ISO, UTC).")
@click.option("--to", "to_ms", type=TIME, required=True, help="End of training and start of evaluation.")
@click.option("--until", "until_ms", type=TIME, required=True, help="End of evaluation, exclusive.")
@click.option("--data", type=_FILE, help="The training set it was made from; the project's own unless given.")
@click.option("--categories", type=_FILE, help="JSON: each text feature's texts in the order of their codes.")
@part_option
@shared
def command(
    context: Context,
    model: str,
    file: Path,
    from_ms: int,
    to_ms: int,
    until_ms: int,
    data: Path | None,
    categories: Path | None,
    part: str | None,
) -> None:
    """Make FILE, trained elsewhere on MODEL's training set, the current version of MODEL.

    FILE is a text model of LightGBM, or NAME.onnx. It is held against the features of the definition, and evaluated.

    Example: penstock model import delivery notebook/delivery.txt --from 2026-01-01 --to 2026-02-15 --until 2026-03-01
    """
    from penstock.jobs.exchange.importing import import_model  # LightGBM takes a second

    project = context.project
    plan = project.model(model).model_plan
    check_part(plan, part)
    report = import_model(
        file,
        plan,
        project.config.models_at,
        data or project.config.state / "training" / f"{plan.name}.parquet",
        Span(from_ms, to_ms),
        Span(to_ms, until_ms),
        categories,
        part,
    )
    context.out.print(report.summary())
    for name, value in report.metrics.items():
        context.out.print(f"  {name} {value:.6g}, the best constant {report.baseline.get(name, float('nan')):.6g}")
    context.result(**report.to_dict())
