"""``penstock quality``: how good a model's answers were, as their labels come."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.features.errors import UsageError
from penstock.features.span import Span
from penstock.jobs.commands.common import OUT_FILE, TIME, accept_loss_option, metrics_option
from penstock.jobs.commands.common import command as shared
from penstock.jobs.console.visible import one_line
from penstock.jobs.process.signals import stop_on_signals
from penstock.jobs.project.context import Context

if TYPE_CHECKING:
    from penstock.jobs.quality.comparison import Comparison
    from penstock.jobs.quality.report import Report


@click.command()
@click.argument("model")
@click.option("--follow", is_flag=True, help="Follow predictions and labels, and publish what is known, until stopped.")
@click.option("--from", "from_ms", type=TIME, default=-(2**62), help="First request, inclusive (ISO, UTC).")
@click.option("--to", "to_ms", type=TIME, default=2**62, help="Last request, exclusive.")
@click.option("--slice", "slices", multiple=True, help="The error by parts of an entry of the vector, or of t.")
@click.option("--against", multiple=True, help="A version that answers the other versions' vectors now.")
@click.option("--out", type=OUT_FILE, help="A page with plots, as one HTML file.")
@metrics_option
@accept_loss_option
@shared
def command(
    context: Context,
    model: str,
    follow: bool,
    from_ms: int,
    to_ms: int,
    slices: tuple[str, ...],
    against: tuple[str, ...],
    out: Path | None,
    metrics_port: int | None,
    accept_loss: bool,
) -> None:
    """Join MODEL's predictions with the labels that came later, and show the error of each version.

    Versions are compared on the requests that both have answered and whose labels have come.

    Example: penstock quality arrival_delay --slice carrier --out quality.html
    """
    from penstock.jobs.ledger.opening import catch_up  # libraries of models take seconds
    from penstock.jobs.quality import run

    if metrics_port is not None and not follow:
        raise UsageError("--metrics-port without --follow", where="--metrics-port", allowed="both, or neither")
    say = context.log("quality").info
    if follow:
        with stop_on_signals() as stop:
            run.follow(context.project, model, stop, accept_loss=accept_loss, metrics_port=metrics_port, told=say)
        return
    with context.progress(f"predictions and labels of {model}", None) as bar:
        catch_up(context.project, model, accept_loss=accept_loss, told=say, progress=bar)
    _show(context, run.reported(context.project, model, Span(from_ms, to_ms), slices, against), out)


def _show(context: Context, report: Report, out: Path | None) -> None:
    if not report.versions:
        context.out.print(f"{report.model} has no predictions of this definition in that range")
    for version, score in report.versions.items():
        metrics = ", ".join(f"{name} {value:.6g}" for name, value in score.metrics.items()) or "no label yet"
        context.out.print(f"{report.model} {version}: {metrics}; {score.words()}")
    for each in report.comparisons:
        context.out.print(f"  {_words(each)}")
    for name, its in report.slices.items():
        for version, parts in its.items():
            for part in parts:
                line = (
                    f"{name} {part.value}, {version}: {part.rows:,} rows, {report.main} {part.metrics[report.main]:.6g}"
                )
                context.out.print(f"  {one_line(line)}")
    if out is not None:
        from penstock.jobs.quality.page import write_page  # plotly takes a second

        write_page(report, out)
        context.out.print(f"{out}: the page")
    context.result(**report.to_dict(), page=str(out) if out else None)


def _words(each: Comparison) -> str:
    now = " (answering the same vectors now)" if each.replayed else ""
    bounds = "too few labels for bounds" if each.bounds is None else "{:.6g} to {:.6g}".format(*each.bounds)
    better = "which is better is not known" if each.better is None else f"{each.better} is better"
    return (
        f"{each.second}{now} less {each.first}: {each.loss} {each.difference:.6g} on {each.rows:,} requests "
        f"({bounds}); {better}"
    )
