"""``penstock retrain``: candidates from what was served, promoted when they are better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from penstock.features.durations import parse_duration
from penstock.features.errors import DefinitionError, UsageError
from penstock.jobs.commands.common import command as shared
from penstock.jobs.process.signals import stop_on_signals
from penstock.jobs.project.context import Context


class Duration(click.ParamType[int]):
    """Such as ``10m``. Gives milliseconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Raises UsageError."""
        try:
            return value if isinstance(value, int) else parse_duration(str(value))
        except DefinitionError as error:
            where = f"--{param.name.removesuffix('_ms')}" if param and param.name else None
            raise UsageError(error.what, where=where, allowed=error.allowed) from None


DURATION = Duration()


@click.command()
@click.argument("model")
@click.option("--every", "every_ms", type=DURATION, help="A round at each interval, such as 10m, until it is stopped.")
@click.option("--range", "range_ms", type=DURATION, help="How far back to learn; as the current version unless given.")
@click.option(
    "--newest", "newest_ms", type=DURATION, default="1d", show_default=True, help="The requests to compare on."
)
@click.option("--refit", is_flag=True, help="Renew the leaves of the current version's trees, and no whole model.")
@click.option(
    "--data", type=click.Path(path_type=Path, dir_okay=False), help="Training set; the project's own unless given."
)
@shared
def command(
    context: Context,
    model: str,
    every_ms: int | None,
    range_ms: int | None,
    newest_ms: int,
    refit: bool,
    data: Path | None,
) -> None:
    """Train a candidate of MODEL on served vectors whose labels have come, and promote it if it is better.

    It learns from a range that ends before the newest requests, and is compared with the current version on these. It
    is promoted when both bounds of the difference are on its side. Each round is in the model's log.

    Example: penstock retrain arrival_delay --every 10m
    """
    from penstock.jobs.retraining.run import Settings, retrain, retrain_every  # LightGBM takes a second

    settings = Settings(range_ms, newest_ms, refit, data)
    say = context.log("retrain").info
    if every_ms is not None:
        with stop_on_signals() as stop:
            rounds = retrain_every(context.project, model, settings, every_ms, stop, say)
        context.result(rounds=[each.to_dict() for each in rounds])
        return
    found = retrain(context.project, model, settings, told=say)
    assert found is not None
    context.out.print(found.summary())
    context.result(rounds=[found.to_dict()])
