"""``penstock model promote``: another version becomes the current one."""

from __future__ import annotations

import click

from penstock.jobs.commands.common import command as shared
from penstock.jobs.project.context import Context


@click.command()
@click.argument("model")
@click.argument("version")
@shared
def command(context: Context, model: str, version: str) -> None:
    """Make VERSION the current one of MODEL, once it is known to be whole and of this definition.

    A running 'penstock infer' takes it up between two transactions.

    Example: penstock model promote delivery 20260301T120000Z-0123456789ab
    """
    from penstock.jobs.models.versions import promote  # LightGBM takes a second

    plan = context.project.model(model).model_plan
    former = promote(context.project.config.state / "models", plan, version)
    context.out.print(f"{plan.name}: {version} is current, before it {former or 'none'}")
    context.result(model=plan.name, version=version, former=former)
