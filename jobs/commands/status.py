"""``penstock status``: the whole path as a live table."""

from __future__ import annotations

import time
from dataclasses import asdict

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table

from features.ingest import CLASSES
from jobs.commands.common import Context
from jobs.commands.common import command as shared
from jobs.overview import ModelState, Overview, ViewState, look
from jobs.signals import stop_on_signals

#: Seconds between two looks.
LOOK_S = 1.0


@click.command()
@click.option("--once", is_flag=True, help="Print the state of this moment and end.")
@shared
def command(context: Context, once: bool) -> None:
    """Show broker, Flink job, views, models and dead letters, every second anew on a terminal, until Ctrl-C.

    Example: penstock status --once
    """
    if once or context.as_json or not context.out.is_terminal:
        found = look(context.project)
        context.out.print(shown(found))
        context.result(**asdict(found))
        return
    with stop_on_signals() as stop, Live(shown(look(context.project)), console=context.out, screen=True) as live:
        while not stop.wait(LOOK_S):
            live.update(shown(look(context.project)))


def shown(found: Overview) -> RenderableType:
    """The overview as tables."""
    return Group(_parts(found), _views(found.views), _models(found.models), *_dead(found))


def _parts(found: Overview) -> Table:
    grid = Table("part", "state", title=f"at {time.strftime('%H:%M:%S')}")
    grid.add_row("Kafka", found.servers or f"not there: {found.problem}")
    if found.job is None:
        grid.add_row("Flink job", "does not run")
    else:
        age = found.job.checkpoint_age_s
        newest = "no checkpoint yet" if age is None else f"newest checkpoint {age:.1f} s ago"
        grid.add_row("Flink job", f"{found.job.state}, {newest}, {found.job.restored} restores")
    grid.add_row("dead letters", f"{found.dead_letters:,}")
    return grid


def _views(views: list[ViewState]) -> Table:
    numbers = [name.replace("_", " ") for name in CLASSES]
    grid = Table("view", "source", "topic", "events", "behind", *numbers, "rows", "to write", title="views")
    for view in views:
        counts = ["" if view.counts is None else f"{view.counts[name]:,}" for name in CLASSES]
        events, rows = view.read, view.written
        grid.add_row(
            view.view,
            view.source,
            view.topic,
            f"{events.end:,}",
            f"{events.lag:,}",
            *counts,
            f"{rows.end:,}",
            f"{rows.lag:,}",
        )
    return grid


def _models(models: list[ModelState]) -> Table:
    grid = Table("model", "version", "requests", "to answer", title="models")
    for model in models:
        grid.add_row(model.model, model.version or "not trained", f"{model.requests.end:,}", f"{model.requests.lag:,}")
    return grid


def _dead(found: Overview) -> list[Table]:
    reasons = [(source, reason, n) for source, all in found.dead.items() for reason, n in all.items() if n]
    if not reasons:
        return []
    grid = Table("source", "reason", "dead letters", title="dead letters by reason")
    for source, reason, number in reasons:
        grid.add_row(source, reason, f"{number:,}")
    return [grid]
