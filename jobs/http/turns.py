"""The thread that answers: what comes while one batch is computed is the next one. Nobody waits on a timer."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress

from penstock.features.errors import PenstockError
from penstock.jobs.console.logs import about, logger
from penstock.jobs.http.answering import Answering, Outcome
from penstock.jobs.http.question import Question
from penstock.jobs.http.refusal import Refusal

_LOG = logger("serve")

#: A question, and the model that it is for.
Asked = tuple[Answering, Question]


class Turns:
    """A context manager. ``batch``: requests that are computed at once, at most, unless one body has more.

    ``waiting``: requests that may wait for an answer.
    """

    def __init__(self, batch: int, waiting: int) -> None:
        self._batch, self._room = batch, waiting
        self._asked: queue.SimpleQueue[Asked | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="answers", daemon=True)

    def __enter__(self) -> Turns:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._asked.put(None)
        self._thread.join()

    async def ask(self, model: Answering, question: Question) -> bytes:
        """The answer. Raises Refusal. To be called in the event loop that the question was made in."""
        size = len(question.records)
        if size > self._room:
            raise Refusal(
                503,
                PenstockError("too many requests wait for an answer", hint="ask again later, or start more processes"),
                retry_s=1,
            )
        self._room -= size
        loop = asyncio.get_running_loop()
        late = loop.call_later(max(0.0, question.until - time.monotonic()), _expire, question)
        self._asked.put((model, question))
        try:
            return await question.answer
        finally:
            late.cancel()
            self._room += size

    def _run(self) -> None:
        while (first := self._asked.get()) is not None:
            taken, ended = self._turn(first)
            for model in dict.fromkeys(model for model, _ in taken):
                _answer(model, [question for other, question in taken if other is model])
            if ended:
                return

    def _turn(self, first: Asked) -> tuple[list[Asked], bool]:
        """What has come by now, and whether it is the last."""
        taken, size = [first], len(first[1].records)
        while size < self._batch:
            try:
                asked = self._asked.get_nowait()
            except queue.Empty:
                break
            if asked is None:
                return taken, True
            taken.append(asked)
            size += len(asked[1].records)
        return taken, False


def _expire(question: Question) -> None:
    if not question.answer.done():
        error = PenstockError(
            "the deadline has passed", allowed="[serve] deadline_ms", hint="ask for fewer at once, or again later"
        )
        question.answer.set_exception(Refusal(504, error, retry_s=1))


def _answer(model: Answering, questions: Sequence[Question]) -> None:
    now = time.monotonic()
    waiting = [question for question in questions if question.until > now]
    if not waiting:
        return
    try:
        outcomes: Iterable[Outcome] = model.answer(waiting)
    except Exception as error:  # one batch is lost, and the next one may be answered
        _LOG.exception("a batch could not be answered", extra=about(model=str(model.plan.name)))
        unforeseen = PenstockError(f"the server failed: {type(error).__name__}", hint="its log says where")
        outcomes = [Refusal(500, unforeseen)] * len(waiting)
    pairs = list(zip(waiting, outcomes, strict=True))
    with suppress(RuntimeError):  # the loop has ended, and nobody waits any more
        waiting[0].answer.get_loop().call_soon_threadsafe(_deliver, pairs)


def _deliver(pairs: Sequence[tuple[Question, Outcome]]) -> None:
    for question, outcome in pairs:
        if question.answer.done():
            continue
        if isinstance(outcome, Refusal):
            question.answer.set_exception(outcome)
        else:
            question.answer.set_result(outcome)
