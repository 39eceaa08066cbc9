"""``penstock model rollback``: back to the version before."""

from __future__ import annotations

import click

from penstock.jobs.commands.common import check_part, part_option
from penstock.jobs.commands.common import command as shared
from penstock.jobs.models.lines import line_of
from penstock.jobs.models.pointer import ALIASES, CURRENT, Alias
from penstock.jobs.project.context import Context


@click.command()
@click.argument("model")
@click.option(
    "--alias", type=click.Choice(ALIASES), default=CURRENT, show_default=True, help="Which one is taken back."
)
@part_option
@shared
def command(context: Context, model: str, alias: Alias, part: str | None) -> None:
    """Make that version of MODEL current that was current before; or end its shadow or its canary.

    Example: penstock model rollback delivery
    """
    from penstock.jobs.models.versions import end_alias, rollback  # LightGBM takes a second

    models, plan = context.project.config.models_at, context.project.model(model).model_plan
    check_part(plan, part)
    line = line_of(plan.name, part)
    if alias != CURRENT:
        ended = end_alias(models, plan, alias, part)
        context.out.print(f"{line}: {ended} is no longer {alias}")
        context.result(model=plan.name, part=part, version=None, alias=alias, former=ended)
        return
    former, version = rollback(models, plan, part)
    context.out.print(f"{line}: {version} is current again, and no longer {former}")
    context.result(model=plan.name, part=part, version=version, alias=alias, former=former)
