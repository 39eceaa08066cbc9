"""``penstock model rollback``: back to the version before."""

from __future__ import annotations

import click

from penstock.jobs.commands.common import command as shared
from penstock.jobs.models.pointer import ALIASES, CURRENT, Alias
from penstock.jobs.project.context import Context


@click.command()
@click.argument("model")
@click.option(
    "--alias", type=click.Choice(ALIASES), default=CURRENT, show_default=True, help="Which one is taken back."
)
@shared
def command(context: Context, model: str, alias: Alias) -> None:
    """Make that version of MODEL current that was current before; or end its shadow or its canary.

    Example: penstock model rollback delivery
    """
    from penstock.jobs.models.versions import end_alias, rollback  # LightGBM takes a second

    models, plan = context.project.config.models_at, context.project.model(model).model_plan
    if alias != CURRENT:
        ended = end_alias(models, plan, alias)
        context.out.print(f"{plan.name}: {ended} is no longer {alias}")
        context.result(model=plan.name, version=None, alias=alias, former=ended)
        return
    former, version = rollback(models, plan)
    context.out.print(f"{plan.name}: {version} is current again, and no longer {former}")
    context.result(model=plan.name, version=version, alias=alias, former=former)
