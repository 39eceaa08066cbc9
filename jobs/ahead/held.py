"""Answers that are ready: read from the store once, kept in memory, and given as long as they hold."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from penstock.features.plan import ModelPlan
from penstock.jobs.ahead.rests import Rests
from penstock.jobs.ahead.view import RESTS_ON, VERSION, AheadView
from penstock.jobs.models.folder import LoadedModel
from penstock.jobs.serving.inputs import Input
from penstock.jobs.serving.lineup import Role
from penstock.jobs.serving.predicting import Predicted, Said
from penstock.jobs.serving.requests import Request
from penstock.jobs.store.bulk import BulkStore

#: Answers in memory; those that were asked for last stay.
MOST = 100_000

Key = tuple[Any, ...]


class _Answer(NamedTuple):
    """``numbers`` that ``version`` gave over the rows that ``rests_on`` names."""

    version: str | None
    rests_on: str | None
    numbers: tuple[float, ...]


class Held:
    """``numbers``: of an answer. One thread asks."""

    def __init__(self, plan: ModelPlan, inputs: Sequence[Input], numbers: int, store: BulkStore) -> None:
        self._view, self._store, self._inputs = AheadView(plan, inputs, numbers), store, range(len(inputs))
        self._rests = Rests(inputs, store)
        self._answers: OrderedDict[Key, _Answer] = OrderedDict()

    def ready(self, requests: Sequence[Request], model: LoadedModel, now: float) -> tuple[Predicted | None, list[int]]:
        """The answers of a version that hold for some of the requests, and the places of the others.

        An answer holds if each row that it rests on is the store's row now. ``now``: monotonic seconds. Requests that
        are not answered are as they were. Raises PenstockError.
        """
        rests = self._rests.look(requests, now)
        keys = [tuple(request.row[column] for column in self._view.columns) for request in requests]
        wanted = [_Wanted(key, model.version, text) for key, text in zip(keys, rests, strict=True)]
        self._fetch(list(dict.fromkeys(each.key for each in wanted if self._numbers(each) is None)))
        found = [self._numbers(each) for each in wanted]
        held = [place for place, numbers in enumerate(found) if numbers is not None]
        rest = [place for place, numbers in enumerate(found) if numbers is None]
        for place in rest:
            requests[place].found, requests[place].stale = {}, False
        if not held:
            return None, rest
        chosen = [requests[place] for place in held]
        rows = [[request.found[number] for request in chosen] for number in self._inputs]
        answers = np.array([found[place] for place in held], dtype=np.float64)
        said = Said(Role(model), np.arange(len(chosen)), answers[:, 0] if answers.shape[1] == 1 else answers)
        return Predicted(chosen, rows, {}, [said]), rest

    def _numbers(self, wanted: _Wanted) -> tuple[float, ...] | None:
        answer = self._answers.get(wanted.key)
        if answer is None or answer.version != wanted.version or answer.rests_on != wanted.rests_on:
            return None
        self._answers.move_to_end(wanted.key)
        return answer.numbers

    def _fetch(self, keys: Sequence[Key]) -> None:
        """Reads the stored answers of keys anew."""
        if not keys:
            return
        (columns,) = self._store.read_rows([(self._view.schema, keys)])
        versions, rests = columns[VERSION].values.tolist(), columns[RESTS_ON].values.tolist()
        numbers = zip(*(columns[name].values.tolist() for name in self._view.values), strict=True)
        for key, there, version, text, each in zip(keys, columns.present, versions, rests, numbers, strict=True):
            if there:
                self._answers[key] = _Answer(version, text, each)
                self._answers.move_to_end(key)
        while len(self._answers) > MOST:
            self._answers.popitem(last=False)


class _Wanted(NamedTuple):
    """An answer for ``key`` by ``version`` over the rows that ``rests_on`` names."""

    key: Key
    version: str
    rests_on: str
