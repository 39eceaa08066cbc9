"""``penstock quality``: how good a model's answers were, as their labels come."""

from __future__ import annotations

import click

from penstock.features.errors import UsageError
from penstock.jobs.commands.common import accept_loss_option, metrics_option
from penstock.jobs.commands.common import command as shared
from penstock.jobs.process.signals import stop_on_signals
from penstock.jobs.project.context import Context


@click.command()
@click.argument("model")
@click.option("--follow", is_flag=True, help="Follow predictions and labels, and publish what is known, until stopped.")
@metrics_option
@accept_loss_option
@shared
def command(context: Context, model: str, follow: bool, metrics_port: int | None, accept_loss: bool) -> None:
    """Join MODEL's predictions with the labels that came later, and show the error of each version.

    Example: penstock quality arrival_delay --follow --metrics-port 9102
    """
    from penstock.jobs.quality import run  # libraries of models take seconds

    if metrics_port is not None and not follow:
        raise UsageError("--metrics-port without --follow", where="--metrics-port", allowed="both, or neither")
    say = context.log("quality").info
    if follow:
        with stop_on_signals() as stop:
            run.follow(context.project, model, stop, accept_loss=accept_loss, metrics_port=metrics_port, told=say)
        return
    with context.progress(f"predictions and labels of {model}", None) as bar:
        run.catch_up(context.project, model, accept_loss=accept_loss, told=say, progress=bar)
    _show(context, model)


def _show(context: Context, model: str) -> None:
    from penstock.jobs.quality.run import open_ledger
    from penstock.jobs.quality.scores import by_version

    with open_ledger(context.project, context.project.model(model).model_plan) as ledger:
        scores = by_version(ledger.scores())
    if not scores:
        context.out.print(f"{model} has no predictions of this definition")
    for version, score in scores.items():
        metrics = ", ".join(f"{name} {value:.6g}" for name, value in score.metrics.items()) or "no label yet"
        context.out.print(f"{model} {version}: {metrics}; {score.words()}")
    context.result(versions={version: score.to_dict() for version, score in scores.items()})
