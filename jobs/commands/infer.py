"""``penstock infer``: answers a model's requests."""

from __future__ import annotations

from typing import Any

import click

from penstock.features.errors import UsageError
from penstock.jobs.commands.common import TIME, accept_loss_option, metrics_option
from penstock.jobs.commands.common import command as shared
from penstock.jobs.process.signals import stop_on_signals
from penstock.jobs.project.context import Context
from penstock.jobs.serving.begin import Begin


class Offsets(click.ParamType[dict[int, int]]):
    """Partitions and their first offsets, ``0:1200,1:950``. Gives a dict."""

    name = "offsets"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[int, int]:
        """Partition → offset. Raises UsageError."""
        try:
            pairs = [
                (int(partition), int(offset)) for partition, offset in (part.split(":") for part in value.split(","))
            ]
        except ValueError:
            pairs = []
        if not pairs or len(dict(pairs)) != len(pairs) or min(min(pair) for pair in pairs) < 0:
            raise UsageError(
                f"{value!r} does not name offsets",
                where="--from-offsets",
                allowed="PARTITION:OFFSET,… such as 0:1200,1:950",
            )
        return dict(pairs)


class From(click.ParamType[Begin]):
    """``latest``, ``earliest``, or a point in time. Gives it in milliseconds."""

    name = "where"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Begin:
        """Raises UsageError."""
        if value in ("latest", "earliest"):
            begin: Begin = value
            return begin
        try:
            return TIME.convert(value, param, ctx)
        except UsageError:
            raise UsageError(
                f"{value!r} is no place to begin at",
                where="--from",
                allowed="latest, earliest, or an ISO time such as 2025-01-31T12:00",
            ) from None


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL…")
@click.option(
    "--from",
    "begin",
    type=From(),
    default="latest",
    show_default=True,
    metavar="latest|TIME|earliest",
    help="Where a group begins that has committed nothing; TIME is that of the requests in Kafka (ISO, UTC).",
)
@click.option("--from-offsets", type=Offsets(), default=None, help="First offsets, where the group has committed none.")
@click.option("--group", help="The consumer group; PROJECT.infer.MODEL unless given, of several models joined by +.")
@click.option(
    "--aligned",
    is_flag=True,
    help="Features of each request's own time, from the stream's change points: the same answers in every replay.",
)
@metrics_option
@accept_loss_option
@shared
def command(
    context: Context,
    models: tuple[str, ...],
    begin: Begin,
    from_offsets: dict[int, int] | None,
    group: str | None,
    aligned: bool,
    metrics_port: int | None,
    accept_loss: bool,
) -> None:
    """Answer each MODEL's requests on Kafka with its current version, until it is told to stop.

    Its canary answers a share of the keys, and its shadow all of them on a topic of its own. Several models in one
    process read each row of the store once.

    A group begins with the requests that come from its first start on: the store has the rows of now, and a request of
    last month would be answered with them. Later starts go on after what the group has committed. More processes of one
    group share the topic's partitions.

    With --aligned a request of last month has last month's features. It waits until the stream has passed its time.

    Example: penstock infer arrival_delay --from earliest
    """
    say = context.log("infer").info
    names = " ".join(models)
    say(f"infer {names} of {context.config.project} starts: the libraries are loaded, then the models and the store")
    from penstock.jobs.serving.run import infer  # libraries of models and stores take seconds

    with stop_on_signals() as stop, context.progress(f"predictions of {names}", None) as bar:
        counts = infer(
            context.project,
            models,
            stop,
            group=group,
            begin=begin,
            start=from_offsets,
            progress=lambda counts: bar(counts.predictions),
            told=say,
            metrics_port=metrics_port,
            accept_loss=accept_loss,
            aligned=aligned,
        )
    context.out.print(counts.summary())
    context.result(**counts.to_dict())
