"""``penstock parity``: the engines compared on events of one's own, or of the project's history."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.table import Table as Grid

from penstock.features.errors import UsageError, did_you_mean
from penstock.features.plan import SourcePlan, ViewPlan
from penstock.jobs.commands.common import command as shared
from penstock.jobs.commands.common import tell
from penstock.jobs.parity.engines import ENGINES, running
from penstock.jobs.parity.events import Arrival, read_events
from penstock.jobs.parity.run import Compared, Run
from penstock.jobs.parity.sample import sample_history
from penstock.jobs.parity.smallest import bits, node, smallest
from penstock.jobs.project.context import Context
from penstock.jobs.project.project import Definitions, read_definitions

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)

Arrivals = dict[str, list[Arrival]]


@click.command()
@click.argument("definitions", type=FILE, required=False)
@click.option("--events", type=FILE, help="JSON lines or Parquet, in order of arrival.")
@click.option("--history", is_flag=True, help="Events of the project's history instead of a file.")
@click.option(
    "--sample", type=click.IntRange(1), default=2_000, show_default=True, help="Of the history: events of each source."
)
@click.option(
    "--shuffles", type=click.IntRange(0), default=1, show_default=True, help="Other orders, within a source's disorder."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another one chooses and shuffles otherwise.")
@click.option("--engines", default=",".join(ENGINES), show_default=True, help="Which engines, with commas between.")
@click.option("--out", type=FOLDER, help="Folder for each engine's rows as Parquet.")
@shared
def command(
    context: Context,
    definitions: Path | None,
    events: Path | None,
    history: bool,
    sample: int,
    shuffles: int,
    seed: int,
    engines: str,
    out: Path | None,
) -> None:
    """Run the views of DEFINITIONS (the project's unless given) on events by several engines and compare all values, to
    the bit: in the order of arrival, and shuffled.

    Where there are several sources each event names its own in the column _source. Where the oracle would take too long
    it answers for some of the events, and the table says for how many; with --out it answers for all. The first
    difference is shown on the fewest events that still have it; the exit code is 1.

    Example: penstock parity feature_repo/definitions.py --events events.jsonl --out compared

    Example: penstock parity --project feature_repo --history --sample 5000
    """
    chosen = _engines(engines)
    if (events is None) != history:
        raise UsageError("which events?", where="--events, --history", allowed="one of the two")
    made, plans = _views(context, definitions)
    with running(chosen) as started, context.progress("comparisons", None) as bar:
        if events is not None:
            arrivals = read_events(events, _sources(plans))
        else:
            arrivals = _sampled(context, made, plans, sample, seed)
            plans = [plan for plan in plans if arrivals.keys() >= {source.name for source in plan.source.sources}]
        run = Run(started, shuffles, seed, out)
        compared = run.compared(plans, arrivals, bar)
        context.out.print(_grid(compared))
        failed = [one for one in compared if one.result.differences]
        for one in failed:
            for words in one.result.samples:
                tell(f"different, {one.order}: {words}")
        found = _smallest(run, failed[0], plans) if failed else None
    differences = sum(one.result.differences for one in compared)
    values = sum(one.result.values for one in compared)
    context.out.print(f"{values:,} values compared, {differences:,} different")
    context.result(values=values, different=differences, comparisons=[_result(one) for one in compared], smallest=found)
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


def _views(context: Context, definitions: Path | None) -> tuple[Definitions, list[ViewPlan]]:
    file = definitions or context.project.config.definitions
    made = read_definitions(file)
    plans = [view.plan for view in made[1].values()]
    if not plans:
        raise UsageError("no view is defined", where=str(file), allowed="at least one View or Table")
    return made, plans


def _sources(plans: Sequence[ViewPlan]) -> dict[str, SourcePlan]:
    return {source.name: source for plan in plans for source in plan.source.sources}


def _sampled(context: Context, made: Definitions, plans: Sequence[ViewPlan], events: int, seed: int) -> Arrivals:
    """Source → events of its history, for every source that has one; numbered in event-time order over all of them."""
    streams, views, models = made
    project = dataclasses.replace(context.project, streams=streams, views=views, models=models)
    came: list[Arrival] = []
    sampled: Arrivals = {}
    for name, source in _sources(plans).items():
        if streams[name].history is None:
            context.out.print(f"{name} has no history: its views are left out")
            continue
        its_views = [plan for plan in plans if source in plan.source.sources]
        sampled[name] = []
        came += sample_history(project, source, its_views, events, seed)
    for index, arrival in enumerate(sorted(came, key=lambda arrival: arrival.time or 0)):
        sampled[arrival.source.name].append(dataclasses.replace(arrival, index=index))
    return sampled


def _grid(compared: list[Compared]) -> Grid:
    """A row for each view and order: the events, those that the oracle saw, and what was compared in all."""
    grid = Grid("view", "order", "events", "the oracle's", "values", "different")
    for view, order in dict.fromkeys((one.view, one.order) for one in compared):
        these = [one for one in compared if (one.view, one.order) == (view, order)]
        oracle = max((len(one.events) for one in these if "oracle" in one.pair), default=0)
        values = sum(one.result.values for one in these)
        numbers = (these[0].given, oracle, values, sum(one.result.differences for one in these))
        grid.add_row(view, order, *(f"{n:,}" for n in numbers))
    return grid


def _result(one: Compared) -> dict[str, object]:
    result = one.result
    return {
        "view": one.view,
        "engines": one.pair,
        "compared": one.what,
        "order": one.order,
        "events": len(one.events),
        "of": one.given,
        "rows": result.rows,
        "values": result.values,
        "different": result.differences,
        "samples": result.samples,
    }


def _smallest(run: Run, failed: Compared, plans: Sequence[ViewPlan]) -> dict[str, Any]:
    """Shows the smallest form of a difference on standard error, and gives it as JSON values."""
    plan = next(plan for plan in plans if plan.name == failed.view)
    least = smallest(run, failed, plan)
    unlike = least.result.unlike
    made = node(plan, unlike.feature if unlike is not None else None)
    events = [arrival.raw.decode("utf-8", "backslashreplace") for arrival in least.events]
    tell(f"\nthe smallest input found, {len(events)} of {failed.given:,} events, in this order:")
    for event in events:
        tell(f"  {event}")
    if unlike is None:
        tell(f"view {plan.name}: {least.result.samples[0]}")
    else:
        place = ", ".join(f"{name}={value!r}" for name, value in unlike.place.items())
        tell(f"view {plan.name}, feature {unlike.feature}, at {place}")
        for name, value in zip(least.pair, unlike.values, strict=True):
            tell(f"  {name}: {bits(value)}")
    tell(f"plan: {json.dumps(made, ensure_ascii=False)}")
    values = dict(zip(least.pair, map(bits, unlike.values), strict=True)) if unlike is not None else None
    return {
        "events": events,
        "view": plan.name,
        "feature": unlike.feature if unlike is not None else None,
        "place": unlike.place if unlike is not None else None,
        "values": values,
        "differences": least.result.samples,
        "plan": made,
    }
