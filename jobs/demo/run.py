"""The demo's stages, in order. Everything that it starts is stopped at the end, whatever happened."""

from __future__ import annotations

import contextlib
import time

from penstock.features.span import Span
from penstock.jobs.console.times import time_words
from penstock.jobs.demo.outcome import MODEL, TIMED_RATE, TIMED_REQUESTS, Outcome, backfill_all, stage
from penstock.jobs.demo.proofs import prove
from penstock.jobs.demo.timeline import Timeline
from penstock.jobs.kafka.broker import Broker
from penstock.jobs.kafka.clients import consumer, ensure_topics, producer
from penstock.jobs.kafka.readback import end_offsets
from penstock.jobs.kafka.replay import FullSpeed, Lead, count_events, replay
from penstock.jobs.process.children import Child
from penstock.jobs.project.context import Context
from penstock.jobs.project.project import Project
from penstock.jobs.store.catalogue import apply
from penstock.jobs.store.materialize import materialize
from penstock.jobs.store.open import open_store
from penstock.jobs.streaming.status import wait_caught_up, wait_stream
from penstock.jobs.training.train import train
from penstock.jobs.training.training_set import training_set

#: How long no prediction may come, in seconds: the first one waits until all change points of history are read.
PATIENCE_S = 300.0


def history(context: Context, project: Project, span: Timeline, outcome: Outcome) -> None:
    """Backfill, materialize, training set, model."""
    with stage(context, f"1  backfill {time_words(span.start)} to {time_words(span.live)} (DuckDB)"):
        reports = backfill_all(context, project, span.start, span.live, project.backfills)
        for name, report in reports.items():
            context.out.print(f"  {name}: {report.summary()}")
    with stage(context, "2  materialize into the online store (Feast, SQLite)"):
        apply(project)
        with open_store(project.folder) as store:
            results = [materialize(project, plan, store, span.live - 1) for plan in project.plans.values()]
        context.out.print("  " + ", ".join(f"{result.view} {result.rows}" for result in results) + " keys")
    with stage(context, "3  training set and model (LightGBM)"):
        file = project.config.state / "training" / f"{MODEL}.parquet"
        with context.progress("  training set", None) as bar:
            rows = training_set(project, MODEL, span.start, span.live, file, progress=bar)
        plan = project.model(MODEL).model_plan
        outcome.trained = train(
            file,
            plan,
            project.config.models_at,
            Span(span.start, span.evaluated),
            Span(span.evaluated, span.live),
            threads=project.config.training.threads,
        )
        context.out.print(f"  {rows.rows} requests; {outcome.trained.summary()}")


def live(context: Context, project: Project, span: Timeline, outcome: Outcome) -> None:
    """Broker, stream, history at full speed, inference, and the rest at full speed, too."""
    state = project.config.state
    logs = state / "logs"
    where = ["--project", str(project.folder)]
    stream = Child("stream", ["stream", *where], logs / "stream.log")
    with contextlib.ExitStack() as running:
        with stage(context, "4  broker, Flink job and store writer start"):
            broker = Broker(state)
            running.callback(broker.stop)
            broker.start()
            _topics(project)
            running.callback(stream.stop)
            stream.start()
            wait_stream(project, stream)
            context.out.print(f"  Kafka at {broker.bootstrap_servers}")
        with stage(context, f"5  history before {time_words(span.live)} through Kafka and Flink, at full speed"):
            _send_history(context, project, span, outcome)
            # it takes seconds to start, and by now it is known where the requests will begin
            infer = Child(
                "infer",
                ["infer", MODEL, "--aligned", *where, "--from-offsets", f"0:{outcome.live_offset}"],
                logs / "infer.log",
            )
            running.callback(infer.stop)
            infer.start()
            _settle_history(context, project, outcome, stream)
        with stage(
            context,
            f"6  {time_words(span.live)} to {time_words(span.end)}, at full speed: each request waits for its time",
        ):
            _live(context, project, span, outcome, [stream, infer])
        with stage(context, "7  the stream and the store settle"):
            sent = {name: outcome.sent_history[name] + outcome.sent_live[name] for name in outcome.sent_live}
            outcome.counts = wait_caught_up(project, stream, sent)
        infer.stop()
        prove(context, project, span, outcome)


def _topics(project: Project) -> None:
    topics = [project.topic(name) for name in project.streamed] + [project.models[MODEL].output]
    ensure_topics(project.config, topics)


def _send_history(context: Context, project: Project, span: Timeline, outcome: Outcome) -> None:
    total = sum(count_events(project, span.start, span.live).values())
    with producer(project.config) as sender, context.progress("  events sent", total) as bar:
        outcome.sent_history = replay(project, sender, span.start, span.live, FullSpeed(), lambda n, t: bar(n))
    with consumer(project.config, None) as reader:
        outcome.live_offset = end_offsets(reader, project.topic("departures"))[0]


def _settle_history(context: Context, project: Project, outcome: Outcome, stream: Child) -> None:
    with context.progress("  rows in the store", None) as bar:
        status = wait_caught_up(project, stream, outcome.sent_history, progress=bar)
    rows = sum(status.rows.values())
    total = sum(outcome.sent_history.values())
    context.out.print(f"  {total} events in, {rows} feature rows out and in the store")


def _live(context: Context, project: Project, span: Timeline, outcome: Outcome, children: list[Child]) -> None:
    counts = count_events(project, span.live, span.end)
    cut = _timed_cut(project, span)
    outcome.timed_from_ms = cut
    started = time.monotonic()
    with (
        consumer(project.config, [project.models[MODEL].output]) as reader,
        producer(project.config) as sender,
        context.progress("  events sent", sum(counts.values())) as bar,
        Lead(reader, "departures", None, patience_s=PATIENCE_S) as pace,
    ):

        def progress(n: int, t: int) -> None:
            bar(n)
            for child in children:
                child.check()

        first = replay(project, sender, span.live, cut, pace, progress)
        pace.drain()
        outcome.live_seconds = time.monotonic() - started
        pace.rate = TIMED_RATE
        done = sum(first.values())
        second = replay(project, sender, cut, span.end, pace, lambda n, t: progress(done + n, t))
        pace.drain()
        outcome.sent_live = {name: first[name] + second[name] for name in first}
        outcome.received = dict(pace.received)


def _timed_cut(project: Project, span: Timeline) -> int:
    """The event time after which about ``TIMED_REQUESTS`` requests remain."""
    low, high = span.live, span.end
    while high - low > 60_000:
        middle = (low + high) // 2
        remaining = count_events(project, middle, span.end)["departures"]
        low, high = (middle, high) if remaining > TIMED_REQUESTS else (low, middle)
    return high
