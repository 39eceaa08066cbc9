"""``penstock audit``: all that a model was served in a range, against batch."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.table import Table as Grid

from penstock.jobs.audit.batch import MOMENTS
from penstock.jobs.audit.page import percent, write_page
from penstock.jobs.audit.report import FeatureReport, Report
from penstock.jobs.audit.run import audit
from penstock.jobs.commands.common import OUT_FILE, TIME
from penstock.jobs.commands.common import command as shared
from penstock.jobs.console.visible import one_line
from penstock.jobs.project.context import Context


@click.command()
@click.argument("model")
@click.option("--from", "from_ms", type=TIME, required=True, help="First request, inclusive (ISO, UTC).")
@click.option("--to", "to_ms", type=TIME, required=True, help="Last request, exclusive.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="The share of values that may differ from batch at their row's own time.",
)
@click.option("--shadow", is_flag=True, help="Compare what the model's shadow was served.")
@click.option("--out", type=OUT_FILE, help="A report page with plots, as one HTML file.")
@shared
def command(
    context: Context, model: str, from_ms: int, to_ms: int, threshold: float, shadow: bool, out: Path | None
) -> None:
    """Compare every feature value that MODEL's predictions carry with batch, to the bit, and name the cause of each
    difference.

    A value is compared at its row's own time (was the row right?) and at the request's (was it what training would
    have seen?). The exit code is 1 when more than --threshold of all values differ at the row's own time.

    Example: penstock audit arrival_delay --from 2013-11-01 --to 2013-11-02 --threshold 0.001 --out audit.html
    """
    with context.progress(f"predictions of {model}", None) as bar:
        report = audit(context.project, model, from_ms, to_ms, bar, shadow=shadow)
    if out is not None:
        write_page(report, out)
    failed = 1 - report.share("at_row") > threshold
    _say(context, report, out)
    context.result(**report.to_dict(), threshold=threshold, failed=failed, page=str(out) if out else None)
    if failed:
        sys.exit(1)


def _say(context: Context, report: Report, out: Path | None) -> None:
    if not report.predictions:
        context.out.print(f"no prediction of {report.model} is for a request of that range")
        return
    context.out.print(_grid(report))
    for each in report.answered:
        part = f" for {each.part!r}" if each.part is not None else ""
        alias = each.alias or "current"
        context.out.print(one_line(f"{each.predictions:,} predictions by {each.version}{part}, as {alias}"))
    for moment, words in (("at_row", "the rows' own time"), ("at_request", "the request's time")):
        counted = ", ".join(f"{n:,} {cause}" for cause, n in report.causes(moment).items())
        equal = f"{percent(report.share(moment))} of {report.values:,} values are batch's at {words}"
        context.out.print(equal + (f"; the others: {counted}" if counted else ""))
    if report.before:
        words = "are by versions that were trained with --before, and compared at 1 ms before their requests"
        context.out.print(f"{report.before:,} of the predictions {words}")
    if report.ahead:
        context.out.print(f"{report.ahead:,} predictions were made from rows that are later than their requests")
    if out is not None:
        context.out.print(f"{out}: the report")


def _grid(report: Report) -> Grid:
    grid = Grid("feature", "not batch's at the row's time", "at the request's time")
    grid.title = f"{report.predictions:,} predictions"
    for feature in report.features:
        grid.add_row(feature.name, *(_cell(feature, moment) for moment in MOMENTS))
    return grid


def _cell(feature: FeatureReport, moment: str) -> str:
    by_cause = getattr(feature, moment).by_cause
    return ", ".join(f"{n:,} {cause}" for cause, n in by_cause.items()) or "0"
