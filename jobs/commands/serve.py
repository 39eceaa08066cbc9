"""``penstock serve``: answers models' requests over HTTP."""

from __future__ import annotations

import click

from penstock.jobs.commands.common import command as shared
from penstock.jobs.commands.common import metrics_option
from penstock.jobs.process.signals import stop_on_signals
from penstock.jobs.project.context import Context


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@metrics_option
@shared
def command(context: Context, models: tuple[str, ...], metrics_port: int | None) -> None:
    """Answer requests for MODELs over HTTP with their current versions, until it is told to stop.

    Features are read from the online store. [serve] in penstock.toml has the address, limits and secrets.

    Example: penstock serve arrival_delay
    """
    say = context.log("serve").info
    project = context.project
    names = [str(project.model(name).name) for name in models]
    say(f"serve {', '.join(names)} of {context.config.project} starts: the libraries are loaded, then models and store")
    from penstock.jobs.http.run import serve  # libraries of models, stores and HTTP take seconds

    with stop_on_signals() as stop:
        serve(project, names, stop, told=say, metrics_port=metrics_port)
