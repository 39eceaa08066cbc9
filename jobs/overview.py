"""The whole path at one glance: broker, Flink job, views, models, dead letters."""

from __future__ import annotations

import time
from dataclasses import dataclass

from features.errors import PenstockError
from jobs.flink.rest import FlinkRest
from jobs.kafka.security import bootstrap_servers
from jobs.lag import Progress, progress
from jobs.models.pointer import current_version
from jobs.project import DEAD_LETTERS_TOPIC, FEATURES_TOPIC, INFER_GROUP, STREAM_GROUP, WRITER_GROUP, Project
from jobs.status import read_counts_of_sources, read_dead, running_job

#: (View, source) → class → events.
Counts = dict[tuple[str, str], dict[str, int]]

NOTHING = Progress(0, 0)


@dataclass(frozen=True)
class JobState:
    """The Flink job: its state in Flink's words, restores since its start, seconds since its newest checkpoint."""

    state: str
    restored: int
    checkpoint_age_s: float | None


@dataclass(frozen=True)
class ViewState:
    """A view and one of its sources. ``counts``: class → events, None while no job runs. ``read``: the job in the
    source's topic, as of its newest checkpoint. ``written``: the writer in the view's topic.
    """

    view: str
    source: str
    topic: str
    counts: dict[str, int] | None
    read: Progress
    written: Progress


@dataclass(frozen=True)
class ModelState:
    """``version``: the current one, None before training; ``requests``: the model's group in its request topic."""

    model: str
    version: str | None
    topic: str
    requests: Progress


@dataclass(frozen=True)
class Overview:
    """``servers`` None: no broker answers, and ``problem`` says why. ``dead``: source → reason → dead letters that the
    running job has counted; ``dead_letters``: all in the topic.
    """

    servers: str | None
    problem: str | None
    job: JobState | None
    views: list[ViewState]
    models: list[ModelState]
    dead: dict[str, dict[str, int]]
    dead_letters: int


def look(project: Project) -> Overview:
    """The state of everything at this moment. What does not run is said, not raised."""
    servers, problem, reached = _kafka(project)
    job, counts, dead = _flink(project)
    views = [
        ViewState(
            plan.name,
            source,
            topic := project.topic(source),
            None if counts is None else counts.get((plan.name, source)),
            reached.get((STREAM_GROUP, topic), NOTHING),
            reached.get((WRITER_GROUP, FEATURES_TOPIC.format(view=plan.name)), NOTHING),
        )
        for source, plans in project.streamed.items()
        for plan in plans
    ]
    models = [
        ModelState(name, current_version(project.config.state / "models", name), topic, reached.get(pair, NOTHING))
        for name, topic, pair in _models(project)
    ]
    letters = reached.get((STREAM_GROUP, DEAD_LETTERS_TOPIC), NOTHING).end
    return Overview(servers, problem, job, views, models, dead, letters)


def _models(project: Project) -> list[tuple[str, str, tuple[str, str]]]:
    """Name, request topic, and group with topic, of each model that has a request topic."""
    found = []
    for name, model in project.models.items():
        if project.streams[model.on.name].topic is not None:
            topic = project.topic(model.on.name)
            found.append((name, topic, (INFER_GROUP.format(model=name), topic)))
    return found


def _kafka(project: Project) -> tuple[str | None, str | None, dict[tuple[str, str], Progress]]:
    wanted = [(STREAM_GROUP, DEAD_LETTERS_TOPIC), *(pair for _, _, pair in _models(project))]
    for source, plans in project.streamed.items():
        wanted.append((STREAM_GROUP, project.topic(source)))
        wanted += [(WRITER_GROUP, FEATURES_TOPIC.format(view=plan.name)) for plan in plans]
    try:
        return bootstrap_servers(project.config), None, progress(project.config, wanted)
    except PenstockError as error:
        return None, error.what, {}


def _flink(project: Project) -> tuple[JobState | None, Counts | None, dict[str, dict[str, int]]]:
    try:
        rest = running_job(project)
        return _job(rest), read_counts_of_sources(project), read_dead(project)
    except PenstockError:
        return None, None, {}


def _job(rest: FlinkRest) -> JobState:
    checkpoints = rest.checkpoints()
    age = None if checkpoints.newest_ms is None else time.time() - checkpoints.newest_ms / 1000
    return JobState(rest.state() or "UNKNOWN", checkpoints.restored, age)
