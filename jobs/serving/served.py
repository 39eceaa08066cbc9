"""A model that an inference job answers for: its versions, its records, what it has answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from penstock.features.errors import UsageError
from penstock.features.plan import ModelPlan
from penstock.jobs.kafka.clients import ensure_topics
from penstock.jobs.kafka.interface import Outgoing
from penstock.jobs.metrics.inference import InferenceMetrics
from penstock.jobs.models.folder import LoadedModel, load_current
from penstock.jobs.models.kernel.takeover import take_over
from penstock.jobs.models.pointer import SHADOW, Alias
from penstock.jobs.project.project import Project
from penstock.jobs.serving.answers import Answers
from penstock.jobs.serving.inputs import Input, inputs_of
from penstock.jobs.serving.lineup import Lineup, lineup_of
from penstock.jobs.serving.moment import check_moment
from penstock.jobs.serving.recent import VECTORS, VECTORS_OF_PARTS, Recent
from penstock.jobs.serving.requests import Request
from penstock.jobs.serving.successor import Succession


class ServedModel:
    """``topic``: of its requests. ``numbers``: of its inputs among those of the job; None where it is alone on its
    topic and they are all its own.
    """

    def __init__(self, project: Project, plan: ModelPlan, lineup: Lineup, told: Callable[[str], None]) -> None:
        self.plan, self.topic = plan, project.topic(plan.on.name)
        self.inputs: tuple[Input, ...] = inputs_of(plan, project.plans)
        self.numbers: Sequence[int] | None = None
        recent = Recent(VECTORS if plan.by is None else VECTORS_OF_PARTS)
        self._answers = Answers(project.config, plan, self.inputs, lineup, recent)
        self.lineup = lineup
        bound, models = project.config.inference.takeover_bound, project.config.models_at
        prepare = partial(_prepare, project, plan)
        self.succession = Succession(models, plan, lineup, recent, bound, told, prepare)
        self.metrics: InferenceMetrics | None = None

    def begin(self) -> None:
        """Takes up the versions of all aliases."""
        self.lineup = self.succession.begin()
        self._answers.succeed(self.lineup)

    def own(self, requests: Sequence[Request]) -> list[Request]:
        """The requests of its topic as its own."""
        return list(requests) if self.numbers is None else [request.of(self.numbers) for request in requests]

    def make(self, requests: Sequence[Request]) -> list[Outgoing]:
        """As ``Answers.make``."""
        return self._answers.make(requests)

    def succeed(self) -> None:
        """Between two turns: the answers of a transaction are of one version for each alias."""
        new = self.succession.take()
        if new is not None:
            self.lineup = new
            self._answers.succeed(new)
        if self.metrics is not None:
            self.metrics.refused_versions = self.succession.refused
            if new is not None:
                self.metrics.set_roles(new.names())


def current_model(project: Project, plan: ModelPlan, told: Callable[[str], None]) -> LoadedModel:
    """The current version, ready to answer. Raises as ``load_current``, and RefusedError for one that is not served."""
    model = load_current(project.config.models_at, plan)
    check_moment(model)
    if model.metadata.before is None:
        told(f"{model.name} {model.version} does not say whether it was trained with --before; it is served as without")
    return model


def served_model(project: Project, plan: ModelPlan, told: Callable[[str], None]) -> ServedModel:
    """A model with its current version alone: ``begin`` takes up the others. Raises as ``current_model``."""
    model = current_model(project, plan, told)
    told(take_over(model))
    return ServedModel(project, plan, lineup_of(model), told)


def _prepare(project: Project, plan: ModelPlan, alias: Alias) -> None:
    if alias == SHADOW:
        ensure_topics(project.config, [project.names.shadow(plan.output)])


def request_topics(project: Project, plans: Sequence[ModelPlan]) -> list[str]:
    """The topics of the models' requests, each once.

    Raises UsageError for a stream without a topic, and for two streams of one topic: each reads it in its own way.
    """
    streams: dict[str, str] = {}
    for plan in plans:
        if project.streams[plan.on.name].topic is None:
            raise UsageError(
                f"{plan.name} has no request topic: {plan.on.name} is history only",
                where=str(project.config.definitions),
                hint=f"give {plan.on.name} a topic=",
            )
        topic = project.topic(plan.on.name)
        known = streams.setdefault(topic, plan.on.name)
        if known != plan.on.name:
            raise UsageError(
                f"{known} and {plan.on.name} are two streams of the topic {topic}",
                where=str(project.config.definitions),
                allowed="models of one stream of a topic in one process",
                hint="start a process for each",
            )
    return list(streams)
