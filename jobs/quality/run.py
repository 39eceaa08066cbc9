"""``penstock quality``: the ledger of a model, brought up to date once or followed until the end.

One process writes a ledger. Others read what it has committed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from penstock.features.errors import PenstockError
from penstock.features.span import Span
from penstock.jobs.drift.watching import Watching
from penstock.jobs.kafka.clients import answering, consumer, ensure_topics, producer
from penstock.jobs.kafka.errors import Unanswered
from penstock.jobs.kafka.owner import claim
from penstock.jobs.ledger.joining import Joining
from penstock.jobs.ledger.ledger import Ledger
from penstock.jobs.ledger.opening import Told, ledger_file, open_ledger, written
from penstock.jobs.ledger.reading import Reading
from penstock.jobs.ledger.scores import COUNTS, HOUR_MS, Score, total
from penstock.jobs.metrics.quality import QualityFigures, QualityMetrics, VersionFigures
from penstock.jobs.metrics.serve import served
from penstock.jobs.models.folder import load_named
from penstock.jobs.project.project import Project
from penstock.jobs.quality.publishing import Publishing
from penstock.jobs.quality.report import Report, report

#: Seconds between two times at which scores are sent and metrics computed.
PUBLISH_S = 1.0
#: The longest wait for records, in milliseconds: a stop waits for it.
POLL_MS = 200
#: Metrics are over so many hours.
HOURS = 24


def follow(
    project: Project,
    model: str,
    stop: threading.Event,
    *,
    accept_loss: bool = False,
    metrics_port: int | None = None,
    told: Told = lambda line: None,
) -> None:
    """Follows predictions and labels until ``stop`` is set, and publishes what is known. Raises as ``catch_up``."""
    plan = project.model(model).model_plan
    joining = Joining(project, plan)
    with ExitStack() as opened, answering(project.config):
        if not opened.enter_context(written(project, plan)):
            raise PenstockError(
                f"another process follows the labels of {model}",
                where=str(ledger_file(project, plan)),
                hint="one is enough: stop it first",
            )
        claim(project)
        topic = project.names.quality(plan.name)
        # a shadow may begin to answer while this runs
        ensure_topics(project.config, [topic, *joining.answer_topics])
        ledger = opened.enter_context(open_ledger(project, plan))
        reader = opened.enter_context(consumer(project.config, None))
        reading = Reading(project.config, reader, joining, ledger, accept_loss=accept_loss, told=told)
        publishing = Publishing(project.config, plan, ledger, opened.enter_context(producer(project.config)))
        metrics = QualityMetrics(model)
        if metrics_port is not None:
            told(f"metrics: {opened.enter_context(served(metrics, project.config.metrics.host, metrics_port))}")
        topics = " and ".join(joining.answer_topics)
        told(f"{model}: predictions from {topics}, labels from {joining.label_topic}, what is known to {topic}")
        watching = Watching(ledger, plan, project.config.models_at, told)
        _loop(reading, publishing, lambda: _figures(ledger, joining, reading, watching), metrics, stop, told)


def _loop(
    reading: Reading,
    publishing: Publishing,
    figures: Callable[[], QualityFigures],
    metrics: QualityMetrics,
    stop: threading.Event,
    told: Told,
) -> None:
    due, away = time.monotonic(), False
    while not stop.is_set():
        reading.step(POLL_MS)
        if time.monotonic() >= due:
            away = _publish(publishing, away, told)
            metrics.figures = figures()
            due = time.monotonic() + PUBLISH_S
    publishing.publish()


def _publish(publishing: Publishing, away: bool, told: Told) -> bool:
    """Is Kafka away? Then the ledger keeps what was not sent, and the next time sends it. ``away``: was it before?"""
    try:
        publishing.publish()
    except Unanswered as error:
        if not away:
            told(f"what is known is sent later: {str(error).splitlines()[0]}")
        return True
    return False


def _figures(ledger: Ledger, joining: Joining, reading: Reading, watching: Watching) -> QualityFigures:
    by_version: dict[str, dict[int, Score]] = {}
    for cell, score in ledger.scores().items():
        by_version.setdefault(cell.version, {})[cell.hour] = score
    refused = {"other definition": joining.foreign, "bad event": joining.refused, "unreadable": reading.unreadable}
    versions = {name: _of_version(its) for name, its in by_version.items()}
    return QualityFigures(versions, refused, reading.lost, watching.look())


def _of_version(scores: dict[int, Score]) -> VersionFigures:
    """The metrics are of the newest hours that have labels, however long labels take."""
    last = max((hour for hour, score in scores.items() if score.labelled), default=0)
    newest = total(score for hour, score in scores.items() if last - HOURS * HOUR_MS < hour <= last)
    whole = total(scores.values())
    return VersionFigures(newest.metrics, {name: getattr(whole, name) for name in COUNTS if name != "predictions"})


def reported(
    project: Project, model: str, span: Span, slices: Sequence[str] = (), against: Sequence[str] = ()
) -> Report:
    """What the ledger says of a range. ``against``: names of versions that answer the others' vectors now.

    Raises UsageError for a slice or a version that is not there.
    """
    plan = project.model(model).model_plan
    others = [load_named(project.config.models_at, plan, version) for version in dict.fromkeys(against)]
    with open_ledger(project, plan) as ledger:
        return report(ledger, plan, span, slices, others)
