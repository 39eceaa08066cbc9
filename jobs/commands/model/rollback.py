"""``penstock model rollback``: back to the version before."""

from __future__ import annotations

import click

from penstock.jobs.commands.common import command as shared
from penstock.jobs.project.context import Context


@click.command()
@click.argument("model")
@shared
def command(context: Context, model: str) -> None:
    """Make that version of MODEL current that was current before.

    Example: penstock model rollback delivery
    """
    from penstock.jobs.models.versions import rollback  # LightGBM takes a second

    plan = context.project.model(model).model_plan
    former, version = rollback(context.project.config.state / "models", plan)
    context.out.print(f"{plan.name}: {version} is current again, and no longer {former}")
    context.result(model=plan.name, version=version, former=former)
