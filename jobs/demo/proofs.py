"""The end of the demo: what lies in Kafka and in the store, read back and compared, and printed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.table import Table as Grid

from penstock.features.errors import PenstockError
from penstock.jobs.console.times import time_words
from penstock.jobs.demo.accuracy import Accuracy, accuracy
from penstock.jobs.demo.outcome import MODEL, TIMED_RATE, Outcome, backfill_all, feature_topics, stage
from penstock.jobs.demo.timeline import Timeline
from penstock.jobs.demo.verify import Comparison, Evidence, store_rows
from penstock.jobs.kafka.clients import consumer
from penstock.jobs.kafka.readback import end_offsets, read_many, read_values
from penstock.jobs.project.context import Context
from penstock.jobs.project.project import Project
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import ViewSchema
from penstock.jobs.store.schema import schema_of
from penstock.jobs.streaming.status import CLASSES


def prove(context: Context, project: Project, span: Timeline, outcome: Outcome) -> None:
    """Every claim from what was read back. Raises PenstockError when one does not hold."""
    proof = project.config.state / "proof"
    proof.mkdir()
    topics = feature_topics(project)
    with stage(context, "8  read back: every feature row, every prediction, every request"):
        with context.progress("  records", sum(outcome.counts.rows.values()) if outcome.counts else None) as bar:
            files = {topic: proof / f"{view}.ndjson" for view, topic in topics.items()}
            files |= {topic: proof / f"{view}.points.ndjson" for view, topic in project.change_topics.items()}
            read_many(project, files, bar)
        predictions = read_values(project, project.model(MODEL).output, proof / "predictions.ndjson")
        outcome.in_topics = _in_topics(project)
        start = {0: outcome.live_offset}
        requests = read_values(project, project.topic("departures"), proof / "requests.ndjson", start=start)
    with stage(context, f"9  batch over everything, {time_words(span.start)} to {time_words(span.end)}"):
        backfill_all(context, project, span.start, span.end, proof / "batch")
    with stage(context, "10 proofs"):
        parity = parity_of(context, project, proof, aligned=True)
        found = accuracy(project, span, outcome, proof)
    _print(context, project, outcome, (predictions, requests), parity, found)
    _insist(project, outcome, (predictions, requests), parity, found)


def _in_topics(project: Project) -> dict[str, int]:
    """Source → records in its topic."""
    with consumer(project.config, None) as reader:
        return {name: sum(end_offsets(reader, project.topic(name)).values()) for name in project.streamed}


class Parity(NamedTuple):
    """The comparisons, to the bit."""

    stream: Comparison
    points: Comparison
    store: Comparison
    vectors: Comparison


def parity_of(context: Context, project: Project, proof: Path, *, aligned: bool) -> Parity:
    """Stream rows, change points and store rows against batch, and predictions' vectors against the rows they name.

    ``proof`` holds ``<view>.ndjson``, ``<view>.points.ndjson`` and ``predictions.ndjson`` as read back, and
    ``batch/<view>`` with change points. ``aligned``: predictions name change points, and not rows of the stream.
    """
    batch = {name: proof / "batch" / name for name in project.plans}
    stream, points, store, vectors = Comparison(), Comparison(), Comparison(), Comparison()
    streamed, in_order = feature_topics(project), project.config.kafka.partitions == 1
    with Evidence(project.plans, batch, memory=project.config.batch.memory).opened() as evidence:

        def compare_rows() -> None:
            with context.progress("  views", len(streamed)) as bar:
                for done, view in enumerate(streamed, 1):
                    evidence.load_stream(view, proof / f"{view}.ndjson")
                    stream.add(evidence.stream_against_batch(view, in_order=in_order))
                    bar(done)

        def compare_points() -> None:
            for view in project.change_topics:
                evidence.load_stream(view, proof / f"{view}.points.ndjson")
                points.add(evidence.stream_against_batch(view))

        # what is taken in last is what predictions are held against
        for compare in (compare_rows, compare_points) if aligned else (compare_points, compare_rows):
            compare()
        with open_store(project.folder) as online:
            for view, plan in project.plans.items():
                schema: ViewSchema = schema_of(plan)
                keys = evidence.keys(view)
                store.add(
                    evidence.store_against_batch(view, store_rows(plan, keys, online.read_rows([(schema, keys)])[0]))
                )
        vectors.add(evidence.vectors_against_rows(project.model(MODEL).model_plan, proof / "predictions.ndjson"))
    return Parity(stream, points, store, vectors)


def _print(
    context: Context,
    project: Project,
    outcome: Outcome,
    answered: tuple[int, int],
    parity: Parity,
    found: Accuracy,
) -> None:
    context.out.print(_counts(project, outcome))
    context.out.print(_parity_grid(parity))
    context.out.print(_accuracy_grid(found))
    predictions, requests = answered
    context.out.print(f"requests {requests}, predictions {predictions}, different ids {found.ids}, stale {found.stale}")
    context.out.print(
        f"predictions that differ from those on point-in-time features, in any bit: {found.different} of {predictions};"
        f" the youngest feature was ahead of its request by {found.ahead_max_ms} ms"
    )
    p50, p99 = np.percentile(found.timed_ms, [50, 99])
    context.out.print(
        f"event to prediction, as a read_committed reader sees it: p50 {p50:.1f} ms, p99 {p99:.1f} ms "
        f"at {TIMED_RATE:.0f} requests/s ({len(found.timed_ms)} requests)"
    )
    live = sum(outcome.sent_live.values())
    context.out.print(f"the replay: {live} events; before the timed part {found.pace:.0f} predictions/s")
    for line in found.samples:
        context.out.print(f"  {line}")
    context.result(
        counts=outcome.counts.counts if outcome.counts else None,
        requests=requests,
        predictions=predictions,
        stream_values=parity.stream.values,
        point_values=parity.points.values,
        store_values=parity.store.values,
        vector_values=parity.vectors.values,
        different=sum(p.different + p.missing for p in parity) + found.different,
        mae=found.errors,
        p50_ms=p50,
        p99_ms=p99,
    )


def _came(project: Project, outcome: Outcome, view: str) -> int:
    """Records in the topics of a view."""
    return sum(outcome.in_topics[source.name] for source in project.plans[view].source.sources)


def _counts(project: Project, outcome: Outcome) -> Grid:
    title = "events: in the topic, and as the Flink job counted them"
    grid = Grid("view", "in", *(name.replace("_", " ") for name in CLASSES), title=title)
    for view, by_class in _counted(outcome).items():
        came = _came(project, outcome, view)
        grid.add_row(view, *(f"{n:,}" for n in [came, *(by_class[name] for name in CLASSES)]))
    return grid


def _counted(outcome: Outcome) -> dict[str, dict[str, int]]:
    return dict(sorted(outcome.counts.counts.items())) if outcome.counts else {}


def _parity_grid(parity: Parity) -> Grid:
    names = (
        "last stream row of every (key, t) against batch",
        "every change point of the stream against batch",
        "every row of the online store against batch",
        "every prediction's vector against the rows it names",
    )
    grid = Grid("parity, to the bit", "rows", "values compared", "different", "without counterpart")
    for name, part in zip(names, parity, strict=True):
        grid.add_row(name, f"{part.rows:,}", f"{part.values:,}", f"{part.different:,}", f"{part.missing:,}")
    return grid


def _accuracy_grid(found: Accuracy) -> Grid:
    grid = Grid("arrival delay, mean absolute error", "minutes", title=f"{found.labelled:,} flights that arrived")
    for name, error in found.errors.items():
        grid.add_row(name, f"{error:.3f}")
    return grid


def _insist(project: Project, outcome: Outcome, answered: tuple[int, int], parity: Parity, found: Accuracy) -> None:
    unequal = {name: part for name, part in parity._asdict().items() if not part.equal}
    failures = [f"{name}: {sample}" for name, part in unequal.items() for sample in part.samples[:5]]
    for view, by_class in _counted(outcome).items():
        came = _came(project, outcome, view)
        if sum(by_class.values()) != came:
            failures.append(f"{view}: {came} events in its topic, counted {by_class}")
    predictions, requests = answered
    if not predictions == requests == found.ids == outcome.sent_live["departures"]:
        failures.append(f"{requests} requests, {predictions} predictions, {found.ids} ids")
    if found.ahead_max_ms:
        failures.append(f"a feature was {found.ahead_max_ms} ms ahead of its request")
    if found.different:
        failures.append(f"{found.different} predictions are not those on point-in-time features")
    if failures:
        raise PenstockError("the proofs do not hold", where="demo", hint="\n".join(failures))
