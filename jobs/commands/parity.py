"""``penstock parity``: the engines compared on events of one's own."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.table import Table as Grid

from features.errors import UsageError, did_you_mean
from features.plan import ViewPlan
from jobs.commands.common import Context
from jobs.commands.common import command as shared
from jobs.parity.events import read_events
from jobs.parity.run import ENGINES, Compared, run
from jobs.project import read_definitions

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("definitions", type=FILE)
@click.option("--events", type=FILE, required=True, help="JSON lines or Parquet, in order of arrival.")
@click.option("--engines", default=",".join(ENGINES), show_default=True, help="Which engines, with commas between.")
@click.option("--out", type=FOLDER, help="Folder for each engine's rows as Parquet.")
@shared
def command(context: Context, definitions: Path, events: Path, engines: str, out: Path | None) -> None:
    """Run the views of DEFINITIONS on events by several engines and compare all values, to the bit.

    Where there are several sources each event names its own in the column _source.

    Example: penstock parity feature_repo/definitions.py --events events.jsonl --out compared
    """
    chosen = _engines(engines)
    plans = _plans(definitions)
    sources = {plan.source.name: plan.source for plan in plans}
    arrivals = read_events(events, sources)
    with context.progress("comparisons", None) as bar:
        compared = run(plans, arrivals, chosen, out, bar)
    context.out.print(_grid(compared))
    for one in compared:
        for sample in one.result.samples:
            click.echo(f"different: {sample}", err=True)
    differences = sum(one.result.differences for one in compared)
    values = sum(one.result.values for one in compared)
    context.out.print(f"{values:,} values compared, {differences:,} different")
    context.result(values=values, different=differences, comparisons=[_result(one) for one in compared])
    if differences:
        sys.exit(1)


def _engines(names: str) -> list[str]:
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    for name in chosen:
        if name not in ENGINES:
            raise UsageError(
                f"there is no engine {name!r}",
                where="--engines",
                allowed=", ".join(ENGINES),
                hint=did_you_mean(name, ENGINES),
            )
    if not chosen:
        raise UsageError("no engine is named", where="--engines", allowed=", ".join(ENGINES))
    return [name for name in ENGINES if name in chosen]


def _plans(definitions: Path) -> list[ViewPlan]:
    _, views, _ = read_definitions(definitions)
    if not views:
        raise UsageError("no view is defined", where=str(definitions), allowed="at least one View or Table")
    return [view.plan for view in views.values()]


def _grid(compared: list[Compared]) -> Grid:
    grid = Grid("view", "engines", "compared", "rows", "values", "different")
    for one in compared:
        result = one.result
        numbers = (f"{n:,}" for n in (result.rows, result.values, result.differences))
        grid.add_row(one.view, " = ".join(one.pair), one.what, *numbers)
    return grid


def _result(one: Compared) -> dict[str, object]:
    result = one.result
    return {
        "view": one.view,
        "engines": one.pair,
        "compared": one.what,
        "rows": result.rows,
        "values": result.values,
        "different": result.differences,
        "samples": result.samples,
    }
