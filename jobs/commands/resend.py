"""``penstock resend``: dead letters back to their topics, after a fix."""

from __future__ import annotations

import click

from penstock.features.errors import UsageError, did_you_mean
from penstock.features.ingest import CODES
from penstock.jobs.commands.common import command as shared
from penstock.jobs.project.context import Context


@click.command()
@click.option("--source", help="Records of this stream alone.")
@click.option("--reason", help="Records that were refused for this reason alone, such as 'wrong type'.")
@shared
def command(context: Context, source: str | None, reason: str | None) -> None:
    """Send the stream's dead letters to their topics again: those that the definitions of today take.

    Each goes to the partition where it came from, with its key and headers, and once: a second run sends none again.
    Events that are late by then are applied as late ones; those of windows that are over reach history by 'repair'.

    Example: penstock resend --source departures --reason "wrong type"
    """
    from penstock.jobs.repair.letters import resend

    project = context.project
    if source is not None and source not in project.streamed:
        raise UsageError(
            f"{source!r} is no stream that is read from a topic",
            where="--source",
            allowed=", ".join(project.streamed),
            hint=did_you_mean(source, list(project.streamed)),
        )
    if reason is not None and reason not in CODES:
        raise UsageError(
            f"{reason!r} is no reason", where="--reason", allowed=", ".join(CODES), hint=did_you_mean(reason, CODES)
        )
    with context.progress("records sent again", None) as bar:
        report = resend(project, source, reason, bar)
    context.out.print(report.summary())
    context.result(**report.to_dict())
