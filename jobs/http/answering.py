"""One model behind HTTP: the questions of a turn become one batch, and each gets its own part of the answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise

from penstock.features.errors import PenstockError
from penstock.jobs.ahead.held import Held
from penstock.jobs.http.question import Question
from penstock.jobs.http.refusal import Refusal, bad_requests
from penstock.jobs.http.version import Answers, Batch, Mixed, Version
from penstock.jobs.metrics.http import ServeMetrics
from penstock.jobs.models.folder import LoadedModel
from penstock.jobs.project.project import Project
from penstock.jobs.serving.inputs import inputs_of
from penstock.jobs.serving.lookup import Lookup, Rowed
from penstock.jobs.serving.parse import Parser
from penstock.jobs.serving.recent import Recent
from penstock.jobs.serving.requests import Request, read_requests

#: Of one question: its answer as bytes, or why there is none.
Outcome = bytes | Refusal


class Answering:
    """``successor`` gives the version that answers from now on, or None. One thread calls ``answer``."""

    def __init__(self, project: Project, model: LoadedModel, store: Rowed) -> None:
        self.plan = plan = project.model(model.name).model_plan
        self.source = plan.on.as_typed()
        self.inputs = inputs_of(plan, project.plans)
        self.recent = Recent()
        self._parser, self._lookup = Parser(self.source), Lookup(self.inputs, store)
        self.version = self._of(model)
        self.successor: Callable[[], LoadedModel | None] = lambda: None
        self.metrics: ServeMetrics | None = None
        #: Answers that were computed before, where there are any.
        self.held: Held | None = None

    def answer(self, questions: Sequence[Question]) -> list[Outcome]:
        """An outcome for each question, in their order.

        All their requests are parsed, looked up and predicted together, with one version. A question with a bad
        request is refused, and says of each of them what is wrong. A store that does not answer refuses all questions.
        """
        self._succeed()
        requests = read_requests(self._parser, [record for each in questions for record in each.records], 0.0)
        asked = list(_parts(requests, questions))
        good = [number for number, part in enumerate(asked) if all(request.bad is None for request in part)]
        outcomes: dict[int, Outcome] = {}
        if any(asked[number] for number in good):
            outcomes = self._predicted(questions, asked, good)
        self._measure(questions, requests)
        return [
            outcomes[number] if number in outcomes else self._refused(part, questions[number].many)
            for number, part in enumerate(asked)
        ]

    def _batch(self, requests: Sequence[Request], bare: bool) -> Answers:
        """The answers: those that are ready, and the rest computed. ``bare``: nobody wants a vector."""
        now = time.monotonic()
        if self.held is None:
            return self._computed(requests, now)
        ready, rest = None, list(range(len(requests)))
        if bare:
            ready, rest = self.held.ready(requests, self.version.model, now)
        if self.metrics is not None:
            self.metrics.held(str(self.plan.name), len(requests) - len(rest), len(rest))
        if ready is None:
            return self._computed(requests, now)
        batch, left = Batch(self.version, ready), set(rest)
        if not rest:
            return batch
        ready_at = [place for place in range(len(requests)) if place not in left]
        return Mixed(batch, ready_at, self._computed([requests[place] for place in rest], now), rest)

    def _computed(self, requests: Sequence[Request], now: float) -> Batch:
        # nobody waits for a request's own event: it may never come
        self._lookup.read(requests, [], now)
        return self.version.predict(requests)

    def _measure(self, questions: Sequence[Question], requests: Sequence[Request]) -> None:
        if self.metrics is None:
            return
        name, now = str(self.plan.name), time.monotonic()
        refused = [request.bad.code for request in requests if request.bad is not None]
        good = [request for request in requests if request.bad is None and request.found]
        stale = sum(request.stale for request in good)
        self.metrics.answered(name, len(requests), refused, stale, [now - each.asked for each in questions])
        for number, item in enumerate(self.inputs):
            read = ((request.t, request.found[number].t) for request in good)
            self.metrics.aged(name, item.name, [(asked - t) / 1000 for asked, t in read if t is not None])

    def _predicted(
        self, questions: Sequence[Question], asked: Sequence[Sequence[Request]], good: Sequence[int]
    ) -> dict[int, Outcome]:
        """By number, the outcome of each question whose requests can be answered."""
        requests = [request for number in good for request in asked[number]]
        bare = not any(questions[number].vector for number in good)
        try:
            batch = self._batch(requests, bare)
        except PenstockError as error:
            return dict.fromkeys(good, Refusal(503, error, retry_s=1))
        ends = accumulate((len(asked[number]) for number in good), initial=0)
        return {
            number: questions[number].spell(batch, start, stop)
            for number, (start, stop) in zip(good, pairwise(ends), strict=True)
            if all(request.bad is None for request in asked[number])
        }

    def _refused(self, requests: Sequence[Request], many: bool) -> Refusal:
        bad = [(place, request.bad) for place, request in enumerate(requests) if request.bad is not None]
        return bad_requests(self.source, bad, many)

    def _succeed(self) -> None:
        """Between two turns: the answers of a turn are of one version."""
        new = self.successor()
        if new is not None:
            self.version = self._of(new)

    def _of(self, model: LoadedModel) -> Version:
        return Version(self.plan, self.inputs, model, self.recent)


def _parts(requests: Sequence[Request], questions: Sequence[Question]) -> Iterator[Sequence[Request]]:
    for start, stop in pairwise(accumulate((len(each.records) for each in questions), initial=0)):
        yield requests[start:stop]


def as_json(batch: Answers, start: int, stop: int, *, many: bool, vector: bool) -> bytes:
    """The answer in the project's own JSON: an object, or an array of them."""
    lines = batch.lines(vector)[start:stop]
    return b"[" + b",".join(lines) + b"]" if many else lines[0]
