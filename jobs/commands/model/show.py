"""``penstock model show``: what is known of a version."""

from __future__ import annotations

import click

from penstock.jobs.commands.common import command as shared
from penstock.jobs.project.context import Context


@click.command()
@click.argument("model")
@click.argument("version", required=False)
@shared
def command(context: Context, model: str, version: str | None) -> None:
    """Print the metadata of VERSION of MODEL, of the current one unless named, as JSON.

    Example: penstock model show delivery
    """
    from penstock.jobs.models.folder import load_current, read_metadata, version_folder  # LightGBM takes a second

    models, plan = context.project.config.state / "models", context.project.model(model).model_plan
    if version is None:
        version = load_current(models, plan).version
    known = read_metadata(version_folder(models, plan.name, version))
    context.out.print(f"{plan.name} {version}")
    context.out.print(known.model_dump_json(indent=2), markup=False, highlight=False)
    context.result(version=version, **known.model_dump(mode="json"))
