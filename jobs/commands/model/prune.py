"""``penstock model prune``: old versions go."""

from __future__ import annotations

import click

from penstock.jobs.commands.common import check_part, part_option
from penstock.jobs.commands.common import command as shared
from penstock.jobs.models.lines import line_of
from penstock.jobs.project.context import Context


@click.command()
@click.argument("model")
@click.option("--keep", type=click.IntRange(1), required=True, help="How many of the newest versions stay.")
@part_option
@shared
def command(context: Context, model: str, keep: int, part: str | None) -> None:
    """Delete the old versions of MODEL. The current one stays, and the one to which a rollback goes.

    A prediction of a version that is gone can be explained no longer.

    Example: penstock model prune delivery --keep 10
    """
    from penstock.jobs.models.versions import prune  # LightGBM takes a second

    plan = context.project.model(model).model_plan
    check_part(plan, part)
    gone = prune(context.project.config.models_at, line_of(plan.name, part), keep)
    context.out.print(f"{line_of(plan.name, part)}: {len(gone)} versions are deleted")
    context.result(model=plan.name, part=part, deleted=gone)
