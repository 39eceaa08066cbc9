"""``penstock status``: the whole path as a live table."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live

from penstock.jobs.commands.common import command as shared
from penstock.jobs.console.grid import Grid
from penstock.jobs.console.times import time_words
from penstock.jobs.kafka.doubts import Doubts
from penstock.jobs.kafka.lag import Progress
from penstock.jobs.kafka.letters import NEWEST, LetterReader, Letters
from penstock.jobs.process.signals import stop_on_signals
from penstock.jobs.project.context import Context
from penstock.jobs.streaming.overview import ModelState, Overview, ViewState, look, sources_of
from penstock.jobs.streaming.status import CLASSES

#: Seconds between two looks.
LOOK_S = 1.0

#: What stands for a number that nobody knows.
UNKNOWN = "unknown"


@click.command()
@click.option("--once", is_flag=True, help="Print the state of this moment and end.")
@shared
def command(context: Context, once: bool) -> None:
    """Show broker, Flink job, views, models and dead letters, every second anew on a terminal, until Ctrl-C.

    Example: penstock status --once
    """
    if once or context.as_json or not context.out.is_terminal:
        found = look(context.project)
        context.out.print(shown(found, context.out))
        context.result(**asdict(found), late=[asdict(each) for each in found.late])
        return
    letters, doubts = LetterReader(context.project), Doubts(context.project, sources_of(context.project))
    first = shown(look(context.project, letters, doubts), context.out)
    with stop_on_signals() as stop, Live(first, console=context.out, screen=True) as live:
        while not stop.wait(LOOK_S):
            live.update(shown(look(context.project, letters, doubts), context.out))


def shown(found: Overview, console: Console) -> RenderableType:
    """The overview as tables that fit the console."""
    grids = [_parts(found), _views(found.views), _models(found.models), *_dead(found), *_late(found), *_doubts(found)]
    return Group(*(grid.fitted(console) for grid in grids))


def _late(found: Overview) -> list[Grid]:
    if not found.late:
        return []
    grid = Grid("more than 1 % too late", ("view", "source", "too late", "share", "what to do"))
    for each in found.late:
        grid.rows.append((each.view, each.source, f"{each.too_late:,}", f"{each.percent:.1f} %", each.hint))
    return [grid]


def _doubts(found: Overview) -> list[Grid]:
    return [Grid("times in another unit?", ("source",), [(each,) for each in found.doubts])] if found.doubts else []


def _parts(found: Overview) -> Grid:
    grid = Grid(f"at {time.strftime('%H:%M:%S')}", ("part", "state"))
    grid.rows.append(("Kafka", found.servers or f"not there: {found.problem}"))
    if found.job is None:
        counted = "" if found.counted_at is None else f"; its counts are of {time_words(found.counted_at)}"
        grid.rows.append(("Flink job", f"does not run{counted}"))
    else:
        age = found.job.checkpoint_age_s
        newest = "no checkpoint yet" if age is None else f"newest checkpoint {age:.1f} s ago"
        grid.rows.append(("Flink job", f"{found.job.state}, {newest}, {found.job.restored} restores"))
    grid.rows.append(("dead letters", _letters(found.letters)))
    for source, number in found.lost.items():
        grid.rows.append(("lost", f"{number:,} offsets of {source}, gone before they were read"))
    return grid


def _views(views: list[ViewState]) -> Grid:
    numbers = [name.replace("_", " ") for name in CLASSES]
    grid = Grid("views", ("view", "source", "topic", "events", "behind", *numbers, "rows", "to write"))
    for view in views:
        counts = [_number((view.counts or {}).get(name)) for name in CLASSES]
        grid.rows.append((view.view, view.source, view.topic, *_reached(view.read), *counts, *_reached(view.written)))
    return grid


def _models(models: list[ModelState]) -> Grid:
    grid = Grid("models", ("model", "version", "requests", "to answer"))
    for model in models:
        grid.rows.append((model.model, model.version or "not trained", *_reached(model.requests)))
    return grid


def _letters(letters: Letters | None) -> str:
    """A record that several jobs refuse has a letter of each, and is one record."""
    if letters is None:
        return UNKNOWN
    of = "" if letters.whole else f"; of the newest {NEWEST:,} of each partition"
    return f"{letters.letters:,}{of}, about {letters.records:,} records"


def _dead(found: Overview) -> list[Grid]:
    if found.letters is None or not found.letters.refused:
        return []
    rows: list[Sequence[str]] = [
        (each.job, each.source, each.view or "all", each.reason, f"{each.records:,}") for each in found.letters.refused
    ]
    return [Grid("dead letters by job", ("job", "source", "view", "reason", "records"), rows)]


def _reached(progress: Progress | None) -> tuple[str, str]:
    """Records, and how many of them are still to do."""
    return (UNKNOWN, UNKNOWN) if progress is None else (f"{progress.end:,}", f"{progress.lag:,}")


def _number(number: int | None) -> str:
    return UNKNOWN if number is None else f"{number:,}"
