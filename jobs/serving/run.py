"""``penstock infer``: the parts of an inference job put together, from a project to its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial

from penstock.features.errors import UsageError
from penstock.features.plan import ModelPlan
from penstock.jobs.kafka.clients import answering, ensure_topics, require_topics, topic_ids
from penstock.jobs.kafka.doubts import Doubts
from penstock.jobs.kafka.lag import progress as progress_of
from penstock.jobs.kafka.owner import check_output, claim
from penstock.jobs.kafka.watch import TopicWatch
from penstock.jobs.metrics.inference import InferenceMetrics
from penstock.jobs.metrics.serve import served
from penstock.jobs.models.folder import load_current
from penstock.jobs.models.kernel.takeover import take_over
from penstock.jobs.project.project import Project
from penstock.jobs.serving.begin import Begin
from penstock.jobs.serving.counts import InferenceCounts, Progress
from penstock.jobs.serving.inference import Inference
from penstock.jobs.serving.inputs import inputs_of
from penstock.jobs.serving.mirror import mirrored, streamed
from penstock.jobs.serving.moment import check_moment
from penstock.jobs.serving.reader import Reader
from penstock.jobs.serving.request_topic import RequestTopic
from penstock.jobs.serving.session import PASSING, Renewal, Session
from penstock.jobs.serving.successor import Successor
from penstock.jobs.serving.transactions import alone, member_id
from penstock.jobs.store.open import open_store
from penstock.jobs.store.patience import Patience


def infer(
    project: Project,
    model_name: str,
    stop: threading.Event,
    *,
    group: str | None = None,
    begin: Begin = "latest",
    start: Mapping[int, int] | None = None,
    progress: Progress = lambda counts: None,
    told: Callable[[str], None] = lambda line: None,
    metrics_port: int | None = None,
    accept_loss: bool = False,
) -> InferenceCounts:
    """Answers a model's requests until ``stop`` is set, as a member of ``group``.

    ``begin``: where a group begins that has committed nothing; ``start``: partition → first offset, which goes first.
    ``metrics_port``: where Prometheus finds what it does; 0 for any free port, None for nowhere. ``accept_loss``: goes
    on where requests are gone before they were read, and counts them. Raises PenstockError: no model, a wrong
    fingerprint, no topic, a store or broker that does not answer; RefusedError for requests that are gone.
    """
    plan = project.model(model_name).model_plan
    model = load_current(project.config.models_at, plan)
    check_moment(model)
    if model.metadata.before is None:
        told(f"{model.name} {model.version} does not say whether it was trained with --before; it is served as without")
    topic = _request_topic(project, plan)
    group = group or project.names.infer_group(plan.name)
    told(f"{plan.name} {model.version}: requests from {topic}, predictions to {plan.output}, as the group {group}")
    told(take_over(model))
    with ExitStack() as opened, answering(project.config):
        store = opened.enter_context(open_store(project.folder))
        # a store that is down, or holds rows of other definitions, is found before there are requests
        inputs = inputs_of(plan, project.plans)
        store.read_rows([(item.schema, []) for item in inputs])
        store.wait_while_away(Patience(stop, told))
        require_topics(project.config, [topic])
        claim(project)
        ensure_topics(project.config, [plan.output, project.names.dead_letters])
        check_output(project, plan.output)
        id = topic_ids(project.config, [topic])[topic]
        asked = RequestTopic(project.config, project.config.state / "infer", group, topic, id)
        asked.check(accept_loss, told)
        doubts = Doubts(project, [plan.on.name])

        def looked() -> None:
            asked.look()
            for doubt in doubts.look():
                told(f"warning: {doubt}")

        watch = opened.enter_context(TopicWatch(project.config, {topic: id}, looked))
        mirror = None
        if project.config.inference.store == "mirrored":
            mirror = opened.enter_context(mirrored(project, streamed(project, inputs), store, stop, told))
        name = opened.enter_context(member_id(project.config.state / "infer", project.names.member(group)))
        session = opened.enter_context(Session(project, topic, group, name))
        metrics = None
        if metrics_port is not None:
            reached = partial(progress_of, project.config, [(group, topic)])
            names = [item.name for item in inputs]
            figures = None if mirror is None else mirror.figures
            own = (model.name, model.version, model.fingerprint, model.runtime)
            metrics = InferenceMetrics(*own, names, reached, figures)
            told(f"metrics: {opened.enter_context(served(metrics, project.config.metrics.host, metrics_port))}")
        first: Begin = "earliest" if asked.anew else begin
        check = partial(_check_topic, asked, watch)
        requests = Reader(session.consumer, topic, start or {}, first, told, accept_loss=accept_loss, check=check)
        requests.lost = asked.lost
        job = Inference(project, model, requests, session.transactions, mirror or store, metrics)
        models, bound = project.config.models_at, project.config.inference.takeover_bound
        with alone(name), Successor(models, plan, model, job.recent, bound, told) as successor:
            job.follow(successor)
            _run(job, session, stop, progress, told)
    return job.counts


def _run(
    job: Inference, session: Session, stop: threading.Event, progress: Progress, told: Callable[[str], None]
) -> None:
    """Has the job go on with new clients where the session's cannot. Raises as ``Inference.run`` and ``Renewal``."""
    renewal = Renewal(session, stop, told, lambda: job.counts.batches)
    while True:
        try:
            return job.run(stop, progress)
        except PASSING as error:
            renewal.renew(error)
            job.go_on(session.consumer, session.transactions)


def _check_topic(asked: RequestTopic, watch: TopicWatch, now: bool) -> None:
    if now:
        watch.look()
    if watch.changed:
        raise asked.deleted()


def _request_topic(project: Project, plan: ModelPlan) -> str:
    if project.streams[plan.on.name].topic is None:
        raise UsageError(
            f"{plan.name} has no request topic: {plan.on.name} is history only",
            where=str(project.config.definitions),
            hint=f"give {plan.on.name} a topic=",
        )
    return project.topic(plan.on.name)
