"""``penstock up``: the local broker."""

from __future__ import annotations

import click

from penstock.features.errors import UsageError
from penstock.jobs.commands.common import command as shared
from penstock.jobs.kafka.broker import Broker
from penstock.jobs.project.config import FILE, LOCAL
from penstock.jobs.project.context import Context


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Port on 127.0.0.1; a free one unless given.")
@shared
def command(context: Context, port: int | None) -> None:
    """Start the local Kafka broker and leave it running.

    Example: penstock up --port 9092
    """
    config = context.project.config
    if config.kafka.bootstrap_servers != LOCAL:
        raise UsageError(
            f"this project uses the Kafka at {config.kafka.bootstrap_servers}: no job would find a local broker",
            where=f"bootstrap_servers in [kafka] of {FILE}",
            allowed=f'bootstrap_servers = "{LOCAL}" for the broker of penstock up',
        )
    broker = Broker(config.state, port or config.kafka.local_port)
    broker.start()
    context.out.print(f"Kafka answers at {broker.bootstrap_servers}; 'penstock down' stops it")
    context.result(bootstrap_servers=broker.bootstrap_servers)
