"""``penstock infer``: the parts of an inference job put together, from a project to its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial

from penstock.features.errors import UsageError
from penstock.jobs.aligned.change_log import change_log
from penstock.jobs.aligned.lookup import AlignedLookup
from penstock.jobs.aligned.views import aligned_views
from penstock.jobs.kafka.clients import answering, ensure_topics, require_topics, topic_ids
from penstock.jobs.kafka.doubts import Doubts
from penstock.jobs.kafka.lag import progress as progress_of
from penstock.jobs.kafka.owner import check_output, claim
from penstock.jobs.kafka.watch import TopicWatch
from penstock.jobs.metrics.inference import InferenceMetrics, JobMetrics
from penstock.jobs.metrics.serve import served
from penstock.jobs.project.project import Project
from penstock.jobs.serving.begin import Begin
from penstock.jobs.serving.counts import InferenceCounts, Progress
from penstock.jobs.serving.inference import Inference
from penstock.jobs.serving.lookup import Lookup, MakeLookup
from penstock.jobs.serving.mirror import mirrored, streamed
from penstock.jobs.serving.reader import Reader
from penstock.jobs.serving.request_topic import RequestTopic
from penstock.jobs.serving.served import ServedModel, request_topics, served_model
from penstock.jobs.serving.session import PASSING, Renewal, Session
from penstock.jobs.serving.successor import Successors
from penstock.jobs.serving.transactions import alone, member_id
from penstock.jobs.store.open import open_store
from penstock.jobs.store.patience import Patience


def infer(
    project: Project,
    names: Sequence[str],
    stop: threading.Event,
    *,
    group: str | None = None,
    begin: Begin = "latest",
    start: Mapping[int, int] | None = None,
    progress: Progress = lambda counts: None,
    told: Callable[[str], None] = lambda line: None,
    metrics_port: int | None = None,
    accept_loss: bool = False,
    aligned: bool = False,
) -> InferenceCounts:
    """Answers the requests of these models until ``stop`` is set, as a member of ``group``.

    ``begin``: where a group begins that has committed nothing in a topic; ``start``: partition of the only topic →
    first offset, which goes first.
    ``metrics_port``: where Prometheus finds what it does; 0 for any free port, None for nowhere. ``accept_loss``: goes
    on where requests are gone before they were read, and counts them. ``aligned``: features are those of each request's
    own time, from the stream's change points, and not those that the store has now.

    Raises PenstockError: no model, a wrong fingerprint, no topic, a store or broker that does not answer; RefusedError
    for requests that are gone; UsageError where there are no change points to align with.
    """
    plans = [project.model(name).model_plan for name in dict.fromkeys(names)]
    topics = request_topics(project, plans)
    if start and len(topics) > 1:
        raise UsageError(
            f"the requests come from {len(topics)} topics", where="--from-offsets", allowed="models of one topic"
        )
    group = group or project.names.infer_group(*(str(plan.name) for plan in plans))
    models = [served_model(project, plan, told) for plan in plans]
    for each in models:
        version = each.lineup.current.model.version
        places = f"requests from {each.topic}, predictions to {each.plan.output}"
        told(f"{each.plan.name} {version}: {places}, as the group {group}")
    with ExitStack() as opened, answering(project.config):
        store = opened.enter_context(open_store(project.folder, told))
        # a store that is down, or holds rows of other definitions, is found before there are requests
        inputs = [item for each in models for item in each.inputs]
        store.read_rows([(item.schema, []) for item in inputs])
        store.wait_while_away(Patience(stop, told))
        require_topics(project.config, topics)
        claim(project)
        outputs = list(dict.fromkeys(plan.output for plan in plans))
        ensure_topics(project.config, [*outputs, project.names.dead_letters])
        for output in outputs:
            check_output(project, output)
        for each in models:
            each.begin()
        ids = topic_ids(project.config, topics)
        asked = {
            topic: RequestTopic(project.config, project.config.state / "infer", group, topic, ids[topic])
            for topic in topics
        }
        for topic in asked.values():
            topic.check(accept_loss, told)
        doubts = Doubts(project, list(dict.fromkeys(plan.on.name for plan in plans)))

        def looked() -> None:
            for topic in asked.values():
                topic.look()
            for doubt in doubts.look():
                told(f"warning: {doubt}")

        watch = opened.enter_context(TopicWatch(project.config, ids, looked))
        mirror, log = None, None
        if aligned:
            log = opened.enter_context(change_log(project, aligned_views(project, inputs)))
        elif project.config.inference.store == "mirrored":
            mirror = opened.enter_context(mirrored(project, streamed(project, inputs), store, stop, told))
        name = opened.enter_context(member_id(project.config.state / "infer", project.names.member(group)))
        session = opened.enter_context(Session(project, topics, group, name))
        metrics = None
        if metrics_port is not None:
            reached = partial(progress_of, project.config, [(group, topic) for topic in topics])
            figures = None if mirror is None else mirror.figures
            passed = None if log is None else log.figures
            together = "+".join(sorted(str(plan.name) for plan in plans))
            metrics = JobMetrics(together, [_measured(each) for each in models], reached, figures, passed)
            told(f"metrics: {opened.enter_context(served(metrics, project.config.metrics.host, metrics_port))}")
        first: dict[str, Begin] = {topic: "earliest" if asked[topic].anew else begin for topic in topics}
        check = partial(_check_topics, asked, watch)
        requests = Reader(session.consumer, first, start or {}, told, accept_loss=accept_loss, check=check)
        requests.lost = sum(topic.lost for topic in asked.values())
        lookup: MakeLookup = partial(Lookup, store=mirror or store)
        if log is not None:
            disorder = max(plan.on.disorder_ms for plan in plans)
            lookup = partial(AlignedLookup, log=log, store=store, disorder_ms=disorder, report=told)
        job = Inference(project, models, requests, session.transactions, lookup, metrics)
        successions = [each.succession for each in models]
        with alone(name), Successors(project.config.models_at, successions):
            _run(job, session, stop, progress, told)
    return job.counts


def _measured(model: ServedModel) -> InferenceMetrics:
    names = [item.name for item in model.inputs]
    model.metrics = InferenceMetrics(str(model.plan.name), model.plan.fingerprint, names, model.lineup.names())
    return model.metrics


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


def _check_topics(asked: Mapping[str, RequestTopic], watch: TopicWatch, now: bool) -> None:
    if now:
        watch.look()
    for topic in watch.changed:
        raise asked[topic].deleted()
