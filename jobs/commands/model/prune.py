"""``penstock model prune``: old versions go."""

from __future__ import annotations

import click

from penstock.jobs.commands.common import command as shared
from penstock.jobs.project.context import Context


@click.command()
@click.argument("model")
@click.option("--keep", type=click.IntRange(1), required=True, help="How many of the newest versions stay.")
@shared
def command(context: Context, model: str, keep: int) -> None:
    """Delete the old versions of MODEL. The current one stays, and the one to which a rollback goes.

    A prediction of a version that is gone can be explained no longer.

    Example: penstock model prune delivery --keep 10
    """
    from penstock.jobs.models.versions import prune  # LightGBM takes a second

    plan = context.project.model(model).model_plan
    gone = prune(context.project.config.models_at, plan.name, keep)
    context.out.print(f"{plan.name}: {len(gone)} versions are deleted")
    context.result(model=plan.name, deleted=gone)
