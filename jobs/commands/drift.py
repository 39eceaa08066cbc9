"""``penstock drift``: how far what is served is from what a version was trained on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table as Grid

from penstock.features.span import Span
from penstock.jobs.commands.common import OUT_FILE, TIME, accept_loss_option
from penstock.jobs.commands.common import command as shared
from penstock.jobs.console.times import range_words
from penstock.jobs.project.context import Context

if TYPE_CHECKING:
    from penstock.jobs.drift.report import Report
    from penstock.jobs.drift.windows import VersionDrift

#: Alarms that are printed, the first ones.
MOST = 20
COLUMNS = ("feature", "index", "of a window", "limit", "excess", "KS", "Wasserstein", "null", "in training", "unseen")


@click.command()
@click.argument("model")
@click.option("--from", "from_ms", type=TIME, default=-(2**62), help="First request, inclusive (ISO, UTC).")
@click.option("--to", "to_ms", type=TIME, default=2**62, help="Last request, exclusive.")
@click.option("--out", type=OUT_FILE, help="A page with a plot for each feature, as one HTML file.")
@accept_loss_option
@shared
def command(context: Context, model: str, from_ms: int, to_ms: int, out: Path | None, accept_loss: bool) -> None:
    """Compare the vectors and labels of MODEL's predictions with those that each version was trained on.

    The exit code is 1 when a window of requests is an alarm: further from the training range than any of its own.

    Example: penstock drift arrival_delay --from 2013-12-01 --out drift.html
    """
    from penstock.jobs.drift.report import report  # libraries of models take seconds
    from penstock.jobs.ledger.opening import catch_up, open_ledger

    say = context.log("drift").info
    with context.progress(f"predictions and labels of {model}", None) as bar:
        catch_up(context.project, model, accept_loss=accept_loss, told=say, progress=bar)
    plan = context.project.model(model).model_plan
    with open_ledger(context.project, plan) as ledger:
        found = report(ledger, plan, Span(from_ms, to_ms))
    _show(context, found, out)
    alarms = sum(len(list(each.alarms())) for each in found.versions)
    context.result(**found.to_dict(), page=str(out) if out else None)
    if alarms:
        sys.exit(1)


def _show(context: Context, report: Report, out: Path | None) -> None:
    if not report.versions and not report.blind:
        context.out.print(f"{report.model} has no predictions of this definition in that range")
    for version in report.blind:
        context.out.print(f"{version} answered, and has no counts of its training: it was made without them")
    for found in report.versions:
        context.out.print(_grid(found))
        alarms = list(found.alarms())
        for alarm in alarms[:MOST]:
            context.out.print(f"ALARM {alarm.feature} {range_words(alarm.window)}: {alarm.words()}")
        more = f", the first {MOST} are above" if len(alarms) > MOST else ""
        context.out.print(f"{found.version}: {len(alarms):,} alarms in {len(found.windows):,} windows{more}")
    if out is not None:
        from penstock.jobs.drift.page import write_page  # plotly takes a second

        write_page(report, out)
        context.out.print(f"{out}: the page")


def _grid(found: VersionDrift) -> Grid:
    grid = Grid(*COLUMNS, title=f"{found.version}: {found.rows[0]:,} vectors, {found.rows[1]:,} labels")
    for each in found.features:
        greatest = [float(values.max(initial=0.0)) for values in (each.psi, each.excess)]
        numbers = [each.whole_psi, greatest[0], each.limit, greatest[1], each.ks, each.wasserstein, *each.null]
        numbers.append(each.unseen)
        grid.add_row(each.name, *("" if number is None else f"{number:.4g}" for number in numbers))
    return grid
