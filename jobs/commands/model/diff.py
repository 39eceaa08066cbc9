"""``penstock model diff``: how two versions differ."""

from __future__ import annotations

import click
from rich.table import Table
from rich.text import Text

from penstock.jobs.commands.common import command as shared
from penstock.jobs.console.visible import one_line
from penstock.jobs.project.context import Context


@click.command()
@click.argument("model")
@click.argument("first")
@click.argument("second")
@shared
def command(context: Context, model: str, first: str, second: str) -> None:
    """Show what differs between the versions FIRST and SECOND of MODEL: data, parameters, metrics.

    Example: penstock model diff delivery 20260201T120000Z-0123456789ab 20260301T120000Z-ba9876543210
    """
    from penstock.jobs.models.versions import differences  # LightGBM takes a second

    plan = context.project.model(model).model_plan
    found = list(differences(context.project.config.state / "models", plan.name, first, second))
    table = Table("", first, second)
    for name, *values in found:
        table.add_row(Text(one_line(name)), *(Text("" if value is None else one_line(str(value))) for value in values))
    context.out.print(table)
    context.result(model=plan.name, differences={name: values for name, *values in found})
