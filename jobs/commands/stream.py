"""``penstock stream``: the Flink job and the store writer."""

from __future__ import annotations

import os
import sys

import click

from penstock.jobs.commands.common import accept_loss_option, metrics_option
from penstock.jobs.commands.common import command as shared
from penstock.jobs.process.signals import stop_on_signals
from penstock.jobs.project.context import Context


@click.command()
@metrics_option
@accept_loss_option
@shared
def command(context: Context, metrics_port: int | None, accept_loss: bool) -> None:
    """Run the Flink job and the store writer until Ctrl-C; the next start goes on where this one ended.

    Where records are gone before they were read (by retention, or because a topic was made anew), it ends and says how
    many, unless the loss is accepted.

    Example: penstock stream --project feature_repo --metrics-port 9401
    """
    say = context.log("stream").info
    say(f"stream of {context.config.project} starts: the libraries are loaded, then the job and the writer begin")
    from penstock.jobs.streaming.stream import StartAgain, run  # Flink's libraries take seconds

    try:
        with stop_on_signals() as stop, context.progress("feature rows read", None) as bar:
            report = run(
                context.project,
                stop,
                say=say,
                progress=lambda counts: bar(counts.read),
                metrics_port=metrics_port,
                accept_loss=accept_loss,
            )
    except StartAgain:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    written = report.written
    context.out.print(f"stopped: {written.read} feature rows read, {written.applied} written to the store")
    context.result(
        read=written.read, kept=written.kept, applied=written.applied, restarts=report.restarts, state=report.state
    )
