"""The inference job: requests from Kafka, their features from the store, predictions back to Kafka, exactly once.

Each turn reads what has come, asks the store once for all of it, and answers what is ready in one transaction, which
Kafka commits while the next turn reads. A request that awaits its own event holds back only those behind it in its
partition.

Every request is answered once for readers of committed records, whatever dies or is taken for dead: answers and
offsets are one transaction, and Kafka refuses it from a process that no longer has the partitions. This needs
brokers that check the group's generation with the offsets (Kafka 2.5 and later).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial

from penstock.features.errors import PenstockError, RefusedError, UsageError
from penstock.features.plan import ModelPlan
from penstock.jobs.console.logs import about, logger
from penstock.jobs.kafka.clients import answering, ensure_topics, require_topics, topic_ids
from penstock.jobs.kafka.errors import KafkaFailure, LostPartitions
from penstock.jobs.kafka.interface import Consumer, Record
from penstock.jobs.kafka.lag import progress as progress_of
from penstock.jobs.kafka.owner import check_output, claim
from penstock.jobs.kafka.watch import TopicWatch
from penstock.jobs.metrics.inference import InferenceMetrics
from penstock.jobs.metrics.serve import served
from penstock.jobs.models.compiling import compiling
from penstock.jobs.models.folder import LoadedModel, load_current
from penstock.jobs.process.interpreter import answering_pace
from penstock.jobs.project.project import Project
from penstock.jobs.serving.answers import Answers
from penstock.jobs.serving.begin import Begin
from penstock.jobs.serving.inputs import Input, inputs_of
from penstock.jobs.serving.lookup import Lookup, Rowed
from penstock.jobs.serving.mirror import mirrored, streamed
from penstock.jobs.serving.parse import Parser
from penstock.jobs.serving.reader import Reader
from penstock.jobs.serving.request_topic import RequestTopic
from penstock.jobs.serving.requests import Queue, Request, read_requests
from penstock.jobs.serving.session import PASSING, Renewal, Session
from penstock.jobs.serving.transactions import WEIGHT, Transactions, alone, member_id
from penstock.jobs.store.open import open_store
from penstock.jobs.store.patience import Patience

_LOG = logger("infer")

#: How long a turn waits for requests when it has none, in milliseconds: what a signal waits for at most.
IDLE_MS = 100.0
#: The pause before the store is asked again for a request's own event, in milliseconds, and how it grows.
LEAST_MS, MOST_MS, GROWTH = 1.0, 8.0, 1.5


@dataclass
class InferenceCounts:
    """``requests = predictions + dead``, all committed, in ``batches`` transactions; ``stale`` are the predictions made
    without the request's own event, ``lost`` the offsets of requests that were gone before they were read.
    """

    requests: int = 0
    predictions: int = 0
    dead: int = 0
    stale: int = 0
    batches: int = 0
    lost: int = 0

    def add(self, other: InferenceCounts) -> None:
        """Counts another one in."""
        for name, number in asdict(other).items():
            setattr(self, name, getattr(self, name) + number)

    def to_dict(self) -> dict[str, int]:
        """As JSON values."""
        return asdict(self)

    def summary(self) -> str:
        """One line."""
        return (
            f"{self.requests:,} requests: {self.predictions:,} predictions ({self.stale:,} stale), "
            f"{self.dead:,} dead letters, in {self.batches:,} transactions"
        )


Progress = Callable[[InferenceCounts], None]


class Inference:
    """The loop: ``reader`` gives requests, ``transactions`` takes answers, ``store`` or its mirror the features."""

    def __init__(
        self,
        project: Project,
        model: LoadedModel,
        reader: Reader,
        transactions: Transactions,
        store: Rowed,
        metrics: InferenceMetrics | None = None,
    ) -> None:
        plan = project.model(model.name).model_plan
        inputs = inputs_of(plan, project.plans)
        self._inputs, self._metrics = inputs, metrics
        self._config = project.config.inference
        self._parser = Parser(plan.on)
        self._lookup, self._answers = Lookup(inputs, store), Answers(project.config, plan, inputs, model)
        self._reader, self._transactions = reader, transactions
        self._queue = Queue()
        #: The requests of the transaction under way.
        self._answered: list[Request] = []
        self._pause = LEAST_MS
        #: When the work of this turn began, in monotonic seconds, and how long it usually takes until its answers are
        #: made: beside a transaction its reading belongs to it.
        self._began, self._work_s = 0.0, 0.0
        self.counts = InferenceCounts()

    def run(self, stop: threading.Event, progress: Progress = lambda counts: None) -> None:
        """Works until ``stop`` is set; what was read by then is answered and committed.

        Raises PenstockError for a store, a broker or a model that fails, and KafkaFailure.
        """
        try:
            with answering_pace():
                self._turns(stop, progress)
        except BaseException:
            with suppress(PenstockError, KafkaFailure):  # the first error says more
                self._settle()
            raise

    def go_on(self, consumer: Consumer, transactions: Transactions) -> None:
        """Has ``run`` go on with new clients, from what is committed."""
        self._transactions = transactions
        self._answered = []
        self._queue.clear()
        self._reader.go_on(consumer)

    def _turns(self, stop: threading.Event, progress: Progress) -> None:
        while not stop.is_set() or self._queue or self._answered:
            with self._forgetting():
                self._turn(self._rest() if stop.is_set() else self._read())
            self._count_lost()
            progress(self.counts)

    def _count_lost(self) -> None:
        self.counts.lost = self._reader.lost
        if self._metrics is not None:
            self._metrics.lost = self._reader.lost

    @contextmanager
    def _forgetting(self) -> Iterator[None]:
        """Drops what was read and not committed when the partitions are lost: their next owner reads it again."""
        try:
            yield
        except LostPartitions:
            with suppress(LostPartitions):
                self._settle()
            self._queue.clear()
            self._reader.let_go()

    def _read(self) -> list[Request]:
        """What has come, up to ``batch`` in all, while nothing is under way within ``deadline_ms`` of the first.

        While requests are waiting for their events nothing is held back to read more.
        """
        room = self._config.batch - len(self._queue)
        if room <= 0:
            return self._rest()
        if self._queue:
            records = self._reader.poll(self._pause, room)
        elif self._answered:
            return self._parsed(self._read_beside(room))
        else:
            records = self._gather(room)
        self._began = time.monotonic()
        return self._parsed(records)

    def _read_beside(self, room: int) -> list[Record]:
        """What has come when a transaction will just be under way until it is answered: any earlier it would only
        wait for that.
        """
        due = self._transactions.due
        self._transactions.wait(due - self._work_s)
        self._began = time.monotonic()
        return self._reader.poll(max(self._pause, (due - self._began) * 1000), room)

    def _gather(self, room: int) -> list[Record]:
        records = self._reader.poll(IDLE_MS, room)
        deadline = time.monotonic() + self._config.deadline_ms / 1000
        while records and len(records) < room and (left := deadline - time.monotonic()) > 0:
            records += self._reader.poll(left * 1000, room - len(records))
        return records

    def _parsed(self, records: list[Record]) -> list[Request]:
        return read_requests(self._parser, records, time.monotonic() + self._config.wait_ms / 1000)

    def _rest(self) -> list[Request]:
        """Nothing, after the pause."""
        time.sleep(self._pause / 1000)
        self._began = time.monotonic()
        return []

    def _turn(self, fresh: list[Request]) -> None:
        """Looks up, and answers what is ready."""
        waiting = [request for request in self._queue if request.awaited]
        good = [request for request in fresh if request.bad is None]
        if good or waiting:
            self._lookup.read(good, waiting, time.monotonic())
        self._queue.add(fresh)
        ready = self._queue.take_ready()
        if ready:
            self._answer(ready)
        elif self._transactions.ended:
            self._settle()
        self._pause = LEAST_MS if fresh or ready else min(MOST_MS, self._pause * GROWTH)

    def _answer(self, ready: list[Request]) -> None:
        group = self._reader.group
        assert group is not None  # requests are read by a member only
        offsets = {request.place: request.record.offset + 1 for request in ready}
        messages = self._answers.make(ready)
        self._work_s += WEIGHT * (time.monotonic() - self._began - self._work_s)
        self._settle()
        self._transactions.begin(messages, offsets, group)
        self._answered = ready

    def _settle(self) -> None:
        """Counts the requests of the transaction under way, when it is committed."""
        answered, self._answered = self._answered, []
        if not answered:
            return
        committed_at = self._transactions.settle()
        dead = [request for request in answered if request.bad is not None]
        stale = sum(request.stale and request.bad is None for request in answered)
        self.counts.add(InferenceCounts(len(answered), len(answered) - len(dead), len(dead), stale, 1))
        for request in dead:
            _log_refused(request)
        if self._metrics is not None:
            _measure(self._metrics, answered, stale, self._inputs, committed_at)


def _log_refused(request: Request) -> None:
    record, bad = request.record, request.bad
    place = about(topic=record.topic, partition=record.partition, offset=record.offset)
    _LOG.warning("a request is refused: %s", bad, extra=place)


def _measure(
    metrics: InferenceMetrics, ready: Sequence[Request], stale: int, inputs: Sequence[Input], committed_at: float
) -> None:
    """What a transaction adds to the metrics."""
    now = committed_at * 1000
    refused = [request.bad.code for request in ready if request.bad is not None]
    times = [request.record.timestamp for request in ready if request.record.timestamp >= 0]
    metrics.answered(len(ready), stale, refused, [(now - at) / 1000 for at in times])
    good = [request for request in ready if request.bad is None]
    for number, item in enumerate(inputs):
        found = ((request.t, request.found[number].t) for request in good)
        metrics.aged(item.name, [(asked - t) / 1000 for asked, t in found if t is not None])


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
    model = load_current(project.config.state / "models", plan)
    _check_moment(model, told)
    topic = _request_topic(project, plan)
    group = group or project.names.infer_group(plan.name)
    told(f"{plan.name} {model.version}: requests from {topic}, predictions to {plan.output}, as the group {group}")
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
        watch = opened.enter_context(TopicWatch(project.config, {topic: id}, asked.look))
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
            metrics = InferenceMetrics(model.name, model.version, model.fingerprint, names, reached, figures)
            told(f"metrics: {opened.enter_context(served(metrics, project.config.metrics.host, metrics_port))}")
        first: Begin = "earliest" if asked.anew else begin
        check = partial(_check_topic, asked, watch)
        requests = Reader(session.consumer, topic, start or {}, first, told, accept_loss=accept_loss, check=check)
        requests.lost = asked.lost
        job = Inference(project, model, requests, session.transactions, mirror or store, metrics)
        with alone(name), compiling(model, project.config.state, told):
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


def _check_moment(model: LoadedModel, told: Callable[[str], None]) -> None:
    """Refuses a model of features without the events at the request's time: the store's rows have them."""
    if model.metadata.before:
        raise RefusedError(
            f"{model.name} {model.version} was trained with --before: without the events at the request's time",
            where=str(model.file.parent),
            allowed="a model that was trained with them: infer serves rows that have them",
            hint=f"run 'penstock training-set {model.name}' without --before and 'penstock train {model.name}' again",
        )
    if model.metadata.before is None:
        told(f"{model.name} {model.version} does not say whether it was trained with --before; it is served as without")


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
