"""``penstock down``: the local broker's end."""

from __future__ import annotations

import click

from penstock.jobs.commands.common import command as shared
from penstock.jobs.kafka.broker import Broker
from penstock.jobs.project.context import Context


@click.command()
@shared
def command(context: Context) -> None:
    """Stop the local Kafka broker; its data stays.

    Example: penstock down
    """
    broker = Broker(context.project.config.state, None)
    running = broker.stop()
    context.out.print("Kafka is stopped" if running else "no broker was running")
    context.result(stopped=running)
