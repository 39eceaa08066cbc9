"""``penstock stream``: the Flink job and the store writer."""

from __future__ import annotations

import os
import sys

import click

from penstock.jobs.commands.common import TIME, accept_loss_option, metrics_option
from penstock.jobs.commands.common import command as shared
from penstock.jobs.process.signals import stop_on_signals
from penstock.jobs.project.context import Context


@click.command()
@metrics_option
@accept_loss_option
@click.option(
    "--cut-over",
    "cut_over_ms",
    type=TIME,
    help="On a first start, events before this time come from history, the rest from Kafka ([stream] history).",
)
@click.option("--stop", is_flag=True, help="Stop the running stream; a savepoint holds its state.")
@shared
def command(context: Context, metrics_port: int | None, accept_loss: bool, cut_over_ms: int | None, stop: bool) -> None:
    """Run the Flink job and the store writer until Ctrl-C; the next start goes on where this one ended.

    Where records are gone before they were read (by retention, or because a topic was made anew), it ends and says how
    many, unless the loss is accepted.

    Example: penstock stream --project feature_repo --metrics-port 9401
    """
    if stop:
        from penstock.jobs.streaming.stopping import stop_stream

        state = stop_stream(context.project)
        context.out.print(f"stopped: the next start goes on from {state}")
        context.result(state=state)
        return
    say = context.log("stream").info
    say(f"stream of {context.config.project} starts: the libraries are loaded, then the job and the writer begin")
    from penstock.jobs.streaming.stream import StartAgain, run  # Flink's libraries take seconds

    try:
        with stop_on_signals() as stopped, context.progress("feature rows read", None) as bar:
            report = run(
                context.project,
                stopped,
                say=say,
                progress=lambda counts: bar(counts.read),
                metrics_port=metrics_port,
                accept_loss=accept_loss,
                cut_over_ms=context.config.stream.cut_over_ms if cut_over_ms is None else cut_over_ms,
            )
    except StartAgain:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    written = report.written
    context.out.print(f"stopped: {written.read} feature rows read, {written.applied} written to the store")
    context.result(
        read=written.read, kept=written.kept, applied=written.applied, restarts=report.restarts, state=report.state
    )
