"""``penstock explain``: one prediction, all that it was made of, and whether batch says the same."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.markup import escape
from rich.table import Table as Grid

from jobs.commands.common import Context
from jobs.commands.common import command as shared
from jobs.explain.run import Entry, Explanation, explain
from jobs.times import time_words


@click.command()
@click.argument("id")
@click.option("--model", help="The model, where several answer the requests of that topic.")
@shared
def command(context: Context, id: str, model: str | None) -> None:
    """Explain the prediction ID, which is TOPIC-PARTITION-OFFSET of its request: the request, the rows that were read,
    what each feature contributed, the model's answer once more, and every feature computed again from history.

    The exit code is 1 when the model does not say the same once more, or a difference has no explanation.

    Example: penstock explain flights.departures-0-274296
    """
    found = explain(context.project, id, model)
    say = context.out.print
    for line in _head(found):
        say(line, markup=False)
    say(_grid(found))
    for line in _why(found):
        say(line, markup=False)
    context.result(**found.to_dict())
    if not found.sound:
        sys.exit(1)


def _head(found: Explanation) -> list[str]:
    made = found.prediction
    lines = [
        f"prediction {made['id']}: {made['value']!r}",
        f"model      {made['model']}, version {made['version']}, fingerprint {made['fingerprint'][:12]}",
        f"requested  {time_words(made['t'])}, came {time_words(made['requested_at'])}"
        + ("; stale: its own event had not come in time" if made["stale"] else ""),
        f"request    {_request(found.request)}",
        f"replayed   {_replayed(found)}",
    ]
    return lines + [f"row        {_row(made['t'], name, row)}" for name, row in made["views"].items()]


def _request(row: dict[str, Any] | None) -> str:
    if row is None:
        return "its topic has it no longer"
    return ", ".join(f"{name}={value!r}" for name, value in row.items())


def _replayed(found: Explanation) -> str:
    if found.replayed is None:
        return f"no: {found.gone.what}" if found.gone is not None else "no"
    if not found.replayed.same:
        return f"DIFFERENT: {found.replayed.value!r}"
    return f"the same bits; {found.replayed.base:.6g} + contributions below = the raw prediction"


def _row(t: int, name: str, row: dict[str, Any]) -> str:
    key = ", ".join(map(str, row["key"].values()))
    if row["t"] is None:
        return f"{name} of {key}: none"
    return f"{name} of {key}: {time_words(row['t'])}, seq {row['seq']}, {_apart(row['t'] - t)}"


def _apart(ms: int) -> str:
    if not ms:
        return "at the request's time"
    return f"{abs(ms) / 1000:,.1f} s {'after' if ms > 0 else 'before'} the request"


def _grid(found: Explanation) -> Grid:
    grid = Grid("entry", "served", "contribution", "from", "batch, row's time", "batch, request's time", "why not")
    for entry in found.entries:
        part = "" if entry.contribution is None else f"{entry.contribution:+.6g}"
        batch = (_text(entry.at_row), _text(entry.at_request)) if entry.inputs else ("", "")
        cells = (entry.name, _text(entry.value), part, ", ".join(entry.inputs), *batch, entry.cause or _equal(entry))
        grid.add_row(*map(escape, cells))
    return grid


def _equal(entry: Entry) -> str:
    return "equal" if entry.inputs else ""


def _text(value: Any) -> str:
    return "null" if value is None else str(value)


def _why(found: Explanation) -> list[str]:
    return [f"{entry.name}: {entry.cause}: {entry.words}" for entry in found.entries if entry.cause]
