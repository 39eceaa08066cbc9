"""``penstock model show``: what is known of a version, and what has happened to the model."""

from __future__ import annotations

import click
import orjson

from penstock.jobs.commands.common import check_part, part_option
from penstock.jobs.commands.common import command as shared
from penstock.jobs.console.grid import Grid
from penstock.jobs.models.lines import line_of
from penstock.jobs.project.context import Context


@click.command()
@click.argument("model")
@click.argument("version", required=False)
@click.option("--log", "last", type=click.IntRange(0), default=20, show_default=True, help="Newest entries of the log.")
@part_option
@shared
def command(context: Context, model: str, version: str | None, last: int, part: str | None) -> None:
    """Print the metadata of VERSION of MODEL, of the current one unless named, as JSON; and the log of MODEL.

    Example: penstock model show delivery
    """
    from penstock.jobs.models.folder import check_version, load_current, read_metadata  # LightGBM takes a second
    from penstock.jobs.models.log import entries

    models, plan = context.project.config.models_at, context.project.model(model).model_plan
    check_part(plan, part)
    line = line_of(plan.name, part)
    if version is None:
        version = load_current(models, plan, part).version
    check_version(models, line, version)
    known, log = read_metadata(models, line, version), entries(models, line, last)
    context.out.print(f"{line} {version}", markup=False)
    context.out.print(known.model_dump_json(indent=2), markup=False, highlight=False)
    grid = Grid(f"log of {line}", ("time", "step", "version", ""))
    for entry in log:
        words = ", ".join(f"{name} {_text(value)}" for name, value in entry.details.items() if value is not None)
        grid.rows.append((f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.action, entry.version or "", words))
    if log:
        context.out.print(grid.fitted(context.out))
    context.result(version=version, **known.model_dump(mode="json"), log=[entry.to_dict() for entry in log])


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
