"""``penstock model export``: the current version as a file for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.jobs.commands.common import OUT_FILE, check_part, part_option
from penstock.jobs.commands.common import command as shared
from penstock.jobs.project.context import Context


@click.command()
@click.argument("model")
@click.option("--out", type=OUT_FILE, required=True, help="The file, or with --mlflow the folder.")
@click.option("--mlflow", is_flag=True, help="Write a model folder of MLflow (pip install 'penstock[mlflow]').")
@part_option
@shared
def command(context: Context, model: str, out: Path, mlflow: bool, part: str | None) -> None:
    """Write the current version of MODEL: LightGBM's text, or an imported ONNX file as it is.

    Example: penstock model export delivery --out delivery.txt
    """
    from penstock.jobs.exchange.exporting import export_file, export_mlflow  # LightGBM takes a second
    from penstock.jobs.models.folder import load_current

    project = context.project
    plan = project.model(model).model_plan
    check_part(plan, part)
    loaded = load_current(project.config.models_at, plan, part)
    (export_mlflow if mlflow else export_file)(loaded, out)
    context.out.print(f"{loaded.name} {loaded.version}: {out}")
    context.result(model=loaded.name, version=loaded.version, out=str(out))
