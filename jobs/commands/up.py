"""``penstock up``: the local broker."""

from __future__ import annotations

import click

from jobs.commands.common import Context
from jobs.commands.common import command as shared
from jobs.kafka.broker import Broker


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Port on 127.0.0.1; a free one unless given.")
@shared
def command(context: Context, port: int | None) -> None:
    """Start the local Kafka broker and leave it running.

    Example: penstock up --port 9092
    """
    config = context.project.config
    broker = Broker(config.state, port or config.kafka.local_port)
    broker.start()
    context.out.print(f"Kafka answers at {broker.bootstrap_servers}; 'penstock down' stops it")
    context.result(bootstrap_servers=broker.bootstrap_servers)
