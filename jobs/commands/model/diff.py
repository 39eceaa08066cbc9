"""``penstock model diff``: how two versions differ."""

from __future__ import annotations

import click

from penstock.jobs.commands.common import check_part, part_option
from penstock.jobs.commands.common import command as shared
from penstock.jobs.console.grid import Grid
from penstock.jobs.models.lines import line_of
from penstock.jobs.project.context import Context


@click.command()
@click.argument("model")
@click.argument("first")
@click.argument("second")
@part_option
@shared
def command(context: Context, model: str, first: str, second: str, part: str | None) -> None:
    """Show what differs between the versions FIRST and SECOND of MODEL: data, parameters, metrics.

    Example: penstock model diff delivery 20260201T120000Z-0123456789ab 20260301T120000Z-ba9876543210
    """
    from penstock.jobs.models.versions import differences  # LightGBM takes a second

    plan = context.project.model(model).model_plan
    check_part(plan, part)
    line = line_of(plan.name, part)
    found = list(differences(context.project.config.models_at, line, first, second))
    grid = Grid(f"versions of {line}", ("", first, second))
    for name, *values in found:
        grid.rows.append((name, *("" if value is None else str(value) for value in values)))
    context.out.print(grid.fitted(context.out))
    context.result(model=plan.name, differences={name: values for name, *values in found})
