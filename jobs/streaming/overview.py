"""The whole path at one glance: broker, Flink job, views, models, dead letters."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

from penstock.features.errors import PenstockError
from penstock.jobs.kafka.doubts import Doubts
from penstock.jobs.kafka.lag import Pair, Progress, progress, read_by_stream, written_by_stream
from penstock.jobs.kafka.letters import LetterReader, Letters
from penstock.jobs.kafka.security import bootstrap_servers
from penstock.jobs.models.pointer import current_version
from penstock.jobs.project.project import Project
from penstock.jobs.streaming.rest import FlinkRest
from penstock.jobs.streaming.starts import read_starts
from penstock.jobs.streaming.status import Counted, Late, kept_counted, late, read_counted, running_job


@dataclass(frozen=True)
class JobState:
    """The Flink job: its state in Flink's words, restores since its start, seconds since its newest checkpoint."""

    state: str
    restored: int
    checkpoint_age_s: float | None


@dataclass(frozen=True)
class ViewState:
    """A view and one of its sources. ``counts``: class → events. ``read``: the job in the source's topic, as of its
    newest checkpoint. ``written``: the writer in the view's topic. Each None where it is not known.
    """

    view: str
    source: str
    topic: str
    counts: dict[str, int] | None
    read: Progress | None
    written: Progress | None


@dataclass(frozen=True)
class ModelState:
    """``version``: the current one, None before training. ``requests``: the model's group in its request topic, None
    where it is not known.
    """

    model: str
    version: str | None
    topic: str
    requests: Progress | None


@dataclass(frozen=True)
class Overview:
    """``servers`` None: no broker answers, and ``problem`` says why. ``dead``: source → reason → dead letters that the
    job has counted; ``counted_at``: when it had counted this, in milliseconds, None while it is asked itself, and where
    nothing is known. ``letters``: the dead letters of all jobs, None where they are not known. ``lost``: source →
    offsets that were gone before the job had read them, their loss accepted. ``doubts``: a sentence for each
    source whose times are hardly in their unit.
    """

    servers: str | None
    problem: str | None
    job: JobState | None
    views: list[ViewState]
    models: list[ModelState]
    dead: dict[str, dict[str, int]]
    counted_at: int | None
    letters: Letters | None
    lost: dict[str, int]
    doubts: list[str]

    @property
    def late(self) -> list[Late]:
        """The views and sources of which more than 1 % of the events came too late."""
        return late({(view.view, view.source): view.counts for view in self.views if view.counts is not None})


def look(project: Project, letters: LetterReader | None = None, doubts: Doubts | None = None) -> Overview:
    """The state of everything at this moment. What does not run is said, not raised.

    ``letters`` and ``doubts`` go on from what they have read.
    """
    read, written, asked = read_by_stream(project), written_by_stream(project), _models(project)
    wanted = [*read.values(), *written.values(), *(pair for _, pair in asked)]
    servers, problem, reached = _kafka(project, wanted)
    job, counted = _flink(project)
    kept = kept_counted(project) if counted is None else None
    if kept is not None:
        counted = kept.counted
    views = [
        ViewState(
            plan.name,
            source,
            project.topic(source),
            None if counted is None else counted.of_sources.get((plan.name, source)),
            reached.get(read[source]),
            reached.get(written[plan.name]),
        )
        for source, plans in project.streamed.items()
        for plan in plans
    ]
    models = [ModelState(name, _version(project, name), pair[1], reached.get(pair)) for name, pair in asked]
    dead = {} if counted is None else counted.dead
    at = None if kept is None else kept.t
    found = _letters(letters or LetterReader(project), servers)
    lost = read_starts(project.config.state / "stream").lost
    doubted = _doubts(doubts or Doubts(project, sources_of(project)), servers)
    return Overview(servers, problem, job, views, models, dead, at, found, lost, doubted)


def _version(project: Project, model: str) -> str | None:
    try:
        return current_version(project.config.models_at, model)
    except PenstockError as error:
        return error.what


def _models(project: Project) -> list[tuple[str, Pair]]:
    """Of each model that has a request topic its name, and what its group reads."""
    return [
        (name, (project.names.infer_group(name), project.topic(model.on.name)))
        for name, model in project.models.items()
        if project.streams[model.on.name].topic is not None
    ]


def _letters(reader: LetterReader, servers: str | None) -> Letters | None:
    with contextlib.suppress(PenstockError):  # as yet without a topic
        return None if servers is None else reader.look()
    return None


def sources_of(project: Project) -> list[str]:
    """The sources that a job reads: those of the views, and those of the models' requests."""
    asked = (model.on.name for model in project.models.values())
    return sorted({*project.streamed, *(name for name in asked if project.streams[name].topic is not None)})


def _doubts(doubts: Doubts, servers: str | None) -> list[str]:
    if servers is not None:
        doubts.look()
    return doubts.known


def _kafka(project: Project, wanted: list[Pair]) -> tuple[str | None, str | None, dict[Pair, Progress]]:
    try:
        return bootstrap_servers(project.config), None, progress(project.config, wanted)
    except PenstockError as error:
        return None, error.what, {}


def _flink(project: Project) -> tuple[JobState | None, Counted | None]:
    try:
        rest = running_job(project)
        return _job(rest), read_counted(project, rest)
    except PenstockError:
        return None, None


def _job(rest: FlinkRest) -> JobState:
    checkpoints = rest.checkpoints()
    age = None if checkpoints.newest_ms is None else time.time() - checkpoints.newest_ms / 1000
    return JobState(rest.state() or "UNKNOWN", checkpoints.restored, age)
