"""``penstock replay``: history sent to Kafka again."""

from __future__ import annotations

import contextlib

import click

from penstock.features.durations import parse_duration
from penstock.features.errors import UsageError
from penstock.jobs.commands.common import TIME
from penstock.jobs.commands.common import command as shared
from penstock.jobs.console.times import range_words
from penstock.jobs.kafka.clients import consumer, ensure_topics, producer
from penstock.jobs.kafka.replay import FullSpeed, Lead, Pace, RealTime, count_events, history_reach, replay
from penstock.jobs.project.context import Context
from penstock.jobs.project.project import Project


@click.command()
@click.option("--from", "from_ms", type=TIME, required=True, help="First event time, inclusive (ISO, UTC).")
@click.option("--to", "to_ms", type=TIME, required=True, help="Last event time, exclusive.")
@click.option("--lead", help="How far event time may run ahead of the predictions read back, such as 30m.")
@click.option("--model", help="The model whose predictions --lead reads back; the only one unless given.")
@click.option(
    "--speed", type=click.FloatRange(min=0, min_open=True), help="Times real time; as fast as it goes unless given."
)
@shared
def command(
    context: Context, from_ms: int, to_ms: int, lead: str | None, model: str | None, speed: float | None
) -> None:
    """Send history to Kafka in event-time order.

    Example: penstock replay --from 2013-11-01 --to 2013-11-02 --lead 30m --model arrival_delay
    """
    if lead and speed:
        raise UsageError("--lead and --speed are two paces", allowed="one of them")
    if from_ms >= to_ms:
        raise UsageError(f"the range {range_words((from_ms, to_ms))} is empty", allowed="--from before --to")
    project = context.project
    total = sum(count_events(project, from_ms, to_ms).values())
    if not total:
        raise _no_events(project, from_ms, to_ms)
    ensure_topics(project.config, [project.topic(name) for name in project.streamed])
    with contextlib.ExitStack() as open_things:
        pace = _pace(project, lead, model, speed, open_things)
        sender = open_things.enter_context(producer(project.config))
        bar = open_things.enter_context(context.progress("events sent", total))
        counts = replay(project, sender, from_ms, to_ms, pace, lambda n, t: bar(n))
        if isinstance(pace, Lead):
            pace.drain()
        bar(sum(counts.values()))
    context.out.print(", ".join(f"{name} {count}" for name, count in counts.items()) + " events sent")
    context.result(**counts)


def _no_events(project: Project, from_ms: int, to_ms: int) -> UsageError:
    reach = history_reach(project)
    held = "history has no events at all" if reach is None else f"history reaches from {range_words(reach)}"
    return UsageError(f"there are no events from {range_words((from_ms, to_ms))}", where="--from, --to", allowed=held)


def _pace(
    project: Project, lead: str | None, model: str | None, speed: float | None, open_things: contextlib.ExitStack
) -> Pace:
    if speed is not None:
        return RealTime(speed)
    if lead is None:
        return FullSpeed()
    if model is None and len(project.models) != 1:
        raise UsageError("--lead needs to know whose predictions", where="--model", allowed=", ".join(project.models))
    answering = project.model(model or next(iter(project.models)))
    topics = [answering.output]
    ensure_topics(project.config, topics)
    reader = open_things.enter_context(consumer(project.config, topics))
    return open_things.enter_context(Lead(reader, answering.on.name, parse_duration(lead)))
