"""``penstock explain``: one prediction, all that it was made of, and whether batch says the same."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.table import Table as Grid

from penstock.features.durations import duration_text
from penstock.jobs.commands.common import command as shared
from penstock.jobs.console.times import time_words
from penstock.jobs.console.visible import one_line
from penstock.jobs.explain.run import Entry, Explanation, explain
from penstock.jobs.project.context import Context
from penstock.jobs.project.project import Project


@click.command()
@click.argument("id")
@click.option("--model", help="The model, where several answer the requests of that topic.")
@click.option("--shadow", is_flag=True, help="What the model's shadow has predicted.")
@shared
def command(context: Context, id: str, model: str | None, shadow: bool) -> None:
    """Explain the prediction ID, which is TOPIC-PARTITION-OFFSET of its request: the request, the rows that were read,
    what each feature contributed, the model's answer once more, and every feature computed again from history.

    The exit code is 1 when the model does not say the same once more, or a difference has no explanation.

    Example: penstock explain flights.departures-0-274296 --model arrival_delay
    """
    found = explain(context.project, id, model, shadow=shadow)
    say = context.out.print
    for line in _head(context.project, found):
        say(one_line(line))
    say(_grid(found))
    for line in _why(found):
        say(one_line(line))
    context.result(**found.to_dict())
    if not found.sound:
        sys.exit(1)


def _head(project: Project, found: Explanation) -> list[str]:
    made = found.prediction
    stale = "; stale: its own event had not come in time" if made["stale"] else ""
    later = made.get("ahead_ms")  # predictions of earlier versions do not say
    ahead = f"; made from a row that is {duration_text(later)} later" if later else ""
    part = f" for {made['part']!r}" if made.get("part") is not None else ""
    alias = f" as {made['alias']}" if "alias" in made else ""
    lines = [
        f"prediction {made['id']}: {made['value']!r}",
        f"model      {made['model']}{part}, version {made['version']}{alias}, fingerprint {made['fingerprint'][:12]}",
        f"requested  {time_words(made['t'])}, came {time_words(made['requested_at'])}{stale}{ahead}",
        f"request    {_request(found.request)}",
        f"replayed   {_replayed(found)}",
    ]
    return lines + [f"row        {_row(project, made['t'], name, row)}" for name, row in made["views"].items()]


def _request(row: dict[str, Any] | None) -> str:
    if row is None:
        return "its topic has it no longer"
    return ", ".join(f"{name}={value!r}" for name, value in row.items())


def _replayed(found: Explanation) -> str:
    if found.replayed is None:
        return f"no: {found.gone.what}" if found.gone is not None else "no"
    if not found.replayed.same:
        then, now = found.prediction.get("runtime", found.replayed.runtime), found.replayed.runtime
        return f"DIFFERENT: {found.replayed.value!r}{'' if then == now else f'; {then} answered, and now {now}'}"
    if found.replayed.base is None:
        return f"the same bits; {found.replayed.runtime} does not say what each entry adds"
    of = "" if found.replayed.of is None else f" for {found.replayed.of}"
    return f"the same bits; the raw prediction{of} is {found.replayed.base:.6g} and what each entry adds"


def _row(project: Project, t: int, name: str, row: dict[str, Any]) -> str:
    key = ", ".join(map(str, row["key"].values()))
    view = project.plans.get(row["view"])
    if row["t"] is None:
        return f"{name} of {key}: none"
    if view is not None and view.static:
        return f"{name} of {key}: holds for all time"
    return f"{name} of {key}: {time_words(row['t'])}, seq {row['seq']}, {_apart(row['t'] - t)}"


def _apart(ms: int) -> str:
    if not ms:
        return "at the request's time"
    return f"{duration_text(abs(ms))} {'after' if ms > 0 else 'before'} the request"


def _grid(found: Explanation) -> Grid:
    """Batch's values only where they are others: what is equal needs no number twice."""
    grid = Grid()
    for name in ("entry", "served", "adds", "batch, row's time", "batch, request's time"):
        # a number that does not fit goes on in the next line: one without its end would be another number
        grid.add_column(name, overflow="fold", no_wrap=name == "entry")
    for entry in found.entries:
        part = "" if entry.contribution is None else f"{entry.contribution:+.4g}"
        batch = [_batch(entry, value) for value in (entry.at_row, entry.at_request)] if entry.inputs else ["", ""]
        grid.add_row(*map(one_line, (entry.name, _text(entry.value), part, *batch)))
    return grid


def _batch(entry: Entry, value: Any) -> str:
    # values of one type: equal as they are written, equal in every bit
    return "equal" if repr(value) == repr(entry.value) else _text(value)


def _text(value: Any) -> str:
    return "null" if value is None else str(value)


def _why(found: Explanation) -> list[str]:
    """A line for each cause, with all entries that it explains."""
    entries: dict[tuple[str, str], list[str]] = {}
    for entry in found.entries:
        if entry.cause is not None:
            entries.setdefault((entry.cause, entry.words or ""), []).append(entry.name)
    return [f"{cause}: {words}: {', '.join(names)}" for (cause, words), names in entries.items()]
