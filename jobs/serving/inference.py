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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from penstock.features.errors import PenstockError
from penstock.jobs.console.logs import about, logger
from penstock.jobs.kafka.errors import KafkaFailure, LostPartitions
from penstock.jobs.kafka.interface import Consumer, Record
from penstock.jobs.metrics.inference import InferenceMetrics, JobMetrics
from penstock.jobs.process.interpreter import answering_pace
from penstock.jobs.project.project import Project
from penstock.jobs.serving.counts import InferenceCounts, Progress
from penstock.jobs.serving.inputs import Input, merged
from penstock.jobs.serving.intake import Intake
from penstock.jobs.serving.lookup import MakeLookup
from penstock.jobs.serving.parse import Parser
from penstock.jobs.serving.reader import Reader
from penstock.jobs.serving.requests import Queue, Request, read_requests
from penstock.jobs.serving.served import ServedModel
from penstock.jobs.serving.transactions import Transactions

_LOG = logger("infer")


class Inference:
    """The loop: ``reader`` gives requests, ``transactions`` takes answers, what ``lookup`` makes gives features."""

    def __init__(
        self,
        project: Project,
        models: Sequence[ServedModel],
        reader: Reader,
        transactions: Transactions,
        lookup: MakeLookup,
        metrics: JobMetrics | None = None,
    ) -> None:
        inputs, numbers = merged([model.inputs for model in models])
        self._metrics, self._config = metrics, project.config.inference
        self._models: dict[str, list[ServedModel]] = {}
        for model, own in zip(models, numbers, strict=True):
            model.numbers = None if len(models) == 1 else own
            self._models.setdefault(model.topic, []).append(model)
        self._parsers = {topic: Parser(first.plan.on) for topic, (first, *_) in self._models.items()}
        by_topic = {
            topic: tuple(dict.fromkeys(number for model in some for number in numbers[models.index(model)]))
            for topic, some in self._models.items()
        }
        self._lookup = lookup(inputs, numbers=by_topic)
        self._reader, self._transactions = reader, transactions
        self._intake = Intake(self._config, reader, transactions)
        self._queue = Queue()
        #: The requests of the transaction under way, as those of each model.
        self._answered: list[tuple[ServedModel, list[Request]]] = []
        self.counts = InferenceCounts()

    def run(self, stop: threading.Event, progress: Progress = lambda counts: None) -> None:
        """Works until ``stop`` is set; what was read by then is answered and committed. Where requests may wait for
        ever, those that still wait are left to the next start.

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
        self._intake.go_on(consumer, transactions)

    def _turns(self, stop: threading.Event, progress: Progress) -> None:
        while not stop.is_set() or self._queue or self._answered:
            for models in self._models.values():
                for model in models:
                    model.succeed()
            with self._forgetting():
                self._turn(self._rest() if stop.is_set() else self._read())
            if stop.is_set() and not self._lookup.bounded:
                self._queue.clear()
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
        return self._parsed(self._intake.read(len(self._queue), bool(self._answered)))

    def _parsed(self, records: list[Record]) -> list[Request]:
        until = time.monotonic() + self._config.wait_ms / 1000
        topics: dict[str, list[Record]] = {}
        for record in records:
            topics.setdefault(record.topic, []).append(record)
        parsed = (read_requests(self._parsers[topic], some, until) for topic, some in topics.items())
        return [request for requests in parsed for request in requests]

    def _rest(self) -> list[Request]:
        self._intake.rest()
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
        self._intake.turned(bool(fresh or ready))

    def _answer(self, ready: list[Request]) -> None:
        group = self._reader.group
        assert group is not None  # requests are read by a member only
        offsets = {request.place: request.record.offset + 1 for request in ready}
        answered = list(self._own(ready))
        messages = [message for model, requests in answered for message in model.make(requests)]
        self._intake.answered()
        self._settle()
        self._transactions.begin(messages, offsets, group)
        self._answered = answered

    def _own(self, ready: Sequence[Request]) -> Iterator[tuple[ServedModel, list[Request]]]:
        """The requests of each model that has any."""
        topics: dict[str, list[Request]] = {}
        for request in ready:
            topics.setdefault(request.record.topic, []).append(request)
        for topic, requests in topics.items():
            for model in self._models[topic]:
                yield model, model.own(requests)

    def _settle(self) -> None:
        """Counts the requests of the transaction under way, when it is committed."""
        answered, self._answered = self._answered, []
        if not answered:
            return
        committed_at = self._transactions.settle()
        self.counts.batches += 1
        for model, requests in answered:
            dead = [request for request in requests if request.bad is not None]
            stale = sum(request.stale and request.bad is None for request in requests)
            self.counts.add(InferenceCounts(len(requests), len(requests) - len(dead), len(dead), stale))
            for request in dead:
                _log_refused(request)
            if model.metrics is not None:
                _measure(model.metrics, requests, stale, model.inputs, committed_at)


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
