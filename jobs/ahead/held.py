"""Answers that are ready: read from the store once, kept in memory, and given as long as they hold.

An answer whose rows have changed never holds again: clocks do not go back. So it is looked at in vain once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from penstock.features.plan import ModelPlan
from penstock.jobs.ahead.rests import Clocks, clocks_of, read_text, rows_of
from penstock.jobs.ahead.view import RESTS_ON, VERSION, AheadView
from penstock.jobs.models.folder import LoadedModel
from penstock.jobs.serving.inputs import Input
from penstock.jobs.serving.lineup import Role
from penstock.jobs.serving.predicting import Predicted, Said
from penstock.jobs.serving.requests import Found, Request
from penstock.jobs.store.bulk import BulkStore

#: Keys that are remembered; beyond that all are read anew.
MOST = 200_000
#: Seconds between two looks whether answers were written.
LOOK_S = 0.5

Key = tuple[Any, ...]


@dataclass(slots=True, eq=False)
class _Answer:
    """``numbers`` that ``version`` gave over the rows that ``clocks`` name; ``found``: these rows, once asked for."""

    version: str
    clocks: Clocks
    numbers: tuple[float, ...]
    found: dict[int, Found] = field(default_factory=dict)


#: Stands for a key whose answer was not read yet.
_UNKNOWN = _Answer("", (), ())


class Held:
    """``numbers``: of an answer. One thread asks."""

    def __init__(self, plan: ModelPlan, inputs: Sequence[Input], numbers: int, store: BulkStore) -> None:
        self._view, self._store, self._inputs = AheadView(plan, inputs, numbers), store, inputs
        self._own = [number for number, item in enumerate(inputs) if item.own]
        #: None for a key without an answer that may hold.
        self._answers: dict[Key, _Answer | None] = {}
        self._written, self._look_at = -1, 0.0

    def ready(self, requests: Sequence[Request], model: LoadedModel, now: float) -> tuple[Predicted | None, list[int]]:
        """The answers of a version that hold for some of the requests, and the places of the others.

        An answer holds if each row that it rests on is the store's row now. Where some request has no answer that may
        hold, none is given: to compute one costs nearly as much as to compute all. ``now``: monotonic seconds. Requests
        that are not answered are as they were. Raises PenstockError.
        """
        self._look(now)
        keys = [tuple(request.row[column] for column in self._view.columns) for request in requests]
        if None in [self._answers.get(key, _UNKNOWN) for key in keys]:
            return None, list(range(len(requests)))
        self._fetch([key for key in dict.fromkeys(keys) if key not in self._answers])
        answers = {place: each for place, key in enumerate(keys) if (each := self._answers[key]) is not None}
        if len(answers) < len(requests) or any(each.version != model.version for each in answers.values()):
            return None, list(range(len(requests)))
        held = self._holding(requests, keys, answers)
        rest = [place for place in range(len(requests)) if place not in held]
        if not held:
            return None, rest
        chosen = [requests[place] for place in held]
        rows = [[request.found[number] for request in chosen] for number in range(len(self._inputs))]
        numbers = np.array([each.numbers for each in held.values()], dtype=np.float64)
        said = Said(Role(model), np.arange(len(chosen)), numbers[:, 0] if numbers.shape[1] == 1 else numbers)
        return Predicted(chosen, rows, {}, [said]), rest

    def _holding(
        self, requests: Sequence[Request], keys: Sequence[Key], answers: dict[int, _Answer]
    ) -> dict[int, _Answer]:
        """Those that hold, their requests' ``found`` filled; the others are forgotten."""
        current = clocks_of(self._inputs, self._store, [requests[place].row for place in answers])
        held: dict[int, _Answer] = {}
        for (place, answer), clocks in zip(answers.items(), current, strict=True):
            if answer.clocks == clocks:
                held[place] = answer
                self._fill(requests[place], answer)
            else:
                self._answers[keys[place]] = None
        return held

    def _fill(self, request: Request, answer: _Answer) -> None:
        if not answer.found:
            answer.found = rows_of(self._inputs, request.row, answer.clocks)
        request.found = answer.found
        request.stale = any(self._misses(request, number) for number in self._own)

    def _misses(self, request: Request, number: int) -> bool:
        """Does a view not know of the request's own event?"""
        found = request.found[number]
        late = found.t is None or found.t < request.t
        return late and self._inputs[number].feeds(request.row, found.key)

    def _look(self, now: float) -> None:
        """Forgets all answers when others have been written."""
        if now < self._look_at and len(self._answers) <= MOST:
            return
        (written,) = self._store.batches([self._view.name])
        if written != self._written or len(self._answers) > MOST:
            self._answers, self._written = {}, written
        self._look_at = now + LOOK_S

    def _fetch(self, keys: Sequence[Key]) -> None:
        """Reads the stored answers of keys."""
        if not keys:
            return
        (columns,) = self._store.read_rows([(self._view.schema, keys)])
        versions, rests = columns[VERSION].values.tolist(), columns[RESTS_ON].values.tolist()
        numbers = zip(*(columns[name].values.tolist() for name in self._view.values), strict=True)
        for key, there, version, text, each in zip(keys, columns.present, versions, rests, numbers, strict=True):
            self._answers[key] = _Answer(version, read_text(text), each) if there else None
