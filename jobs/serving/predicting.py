"""From requests and the rows read for them to the model's answers: the same for Kafka and for HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.features.ingest import BadEvent
from penstock.features.plan import ModelPlan
from penstock.features.vector import Values, leaf_names, vectors
from penstock.jobs.models.arrays import Matrices
from penstock.jobs.serving.gather import gathered
from penstock.jobs.serving.inputs import Input
from penstock.jobs.serving.lineup import Chooser, Lineup, Role
from penstock.jobs.serving.recent import Recent
from penstock.jobs.serving.requests import Found, Request

#: By role the requests that it answers.
Places = Mapping[Role, Sequence[int]]


@dataclass(frozen=True, eq=False)
class Said:
    """What one role answered: to the requests at ``places``, shape (places,) or (places, outputs)."""

    role: Role
    places: npt.NDArray[np.int64]
    answers: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Predicted:
    """n requests with their answers; those of a request that is bad mean nothing.

    ``rows``: for each input the n rows that were read; ``vector``: n values of each item by name. ``said``: each
    request's place is in one of them; ``shadow``: at most in one, and only where the answer is a finite number.
    """

    requests: Sequence[Request]
    rows: Sequence[Sequence[Found]]
    vector: Mapping[str, Values]
    said: Sequence[Said]
    shadow: Sequence[Said] = field(default=())

    @property
    def answers(self) -> npt.NDArray[np.float64]:
        """Those of a lineup of one version. Shape (n,) or (n, outputs)."""
        (said,) = self.said
        return said.answers


class Predicting:
    """Answers with the versions of ``lineup``, which may be replaced. Its vectors are added to ``recent``."""

    def __init__(self, plan: ModelPlan, inputs: Sequence[Input], lineup: Lineup, recent: Recent) -> None:
        self._plan, self._inputs, self._recent = plan, inputs, recent
        self._types = {column.name: column.type for column in plan.on.columns}
        self._columns = leaf_names(plan, "column")
        self._features = [(str(item.name), item.type) for item in plan.vector]
        self._chooser, self._by = Chooser(plan, inputs), plan.by
        self.lineup = lineup

    def predict(self, requests: Sequence[Request]) -> Predicted:
        """The answers to good requests, one at least, whose rows were read.

        A request becomes a bad one if its vector overflows, or the model has no finite number for it.
        """
        rows = [[request.found[number] for request in requests] for number in range(len(self._inputs))]
        made = vectors(self._plan, self._leaves(requests, rows), len(requests))
        for name, lost in made.overflow.items():
            for place in np.flatnonzero(lost):
                requests[place].bad = BadEvent("overflow", f"{name} of {self._plan.name} does not fit int64")
        parts = None if self._by is None else [request.row[self._by] for request in requests]
        self._recent.add(len(requests), made.columns, parts)
        matrices = Matrices(self._features, made.columns)
        chosen, shadows = self._roles(requests, parts)
        said = [self._say(role, places, matrices) for role, places in chosen.items()]
        if not all(_finite(answers).all() for answers in _by_width(said)):
            _mark(requests, said)
        shadow = [_finite_alone(self._say(role, places, matrices)) for role, places in shadows.items()]
        return Predicted(requests, rows, made.columns, said, shadow)

    def _roles(self, requests: Sequence[Request], parts: Sequence[Any] | None) -> tuple[Places, Places]:
        """Who answers which request, and which shadow answers beside it."""
        lineup = self.lineup
        if parts is None and lineup.canary is None:
            everywhere = range(len(requests))
            return {lineup.current: everywhere}, {} if lineup.shadow is None else {lineup.shadow: everywhere}
        chosen: dict[Role, list[int]] = {}
        shadows: dict[Role, list[int]] = {}
        for place, (request, part) in enumerate(zip(requests, parts or [None] * len(requests), strict=True)):
            own = lineup.at(part)
            chosen.setdefault(self._chooser.choose(own, request), []).append(place)
            if own.shadow is not None:
                shadows.setdefault(own.shadow, []).append(place)
        return chosen, shadows

    def _say(self, role: Role, places: Sequence[int], matrices: Matrices) -> Said:
        at = np.array(places)
        return Said(role, at, role.model.predict_matrix(matrices.of(role.model.metadata.categories, at)))

    def _leaves(self, requests: Sequence[Request], rows: Sequence[Sequence[Found]]) -> dict[str, Values]:
        leaves = {name: Values.of(self._types[name], [r.row[name] for r in requests]) for name in self._columns}
        for column in rows:
            leaves |= gathered(column)
        return leaves


def _by_width(said: Sequence[Said]) -> list[npt.NDArray[np.float64]]:
    """The answers of all roles with as many numbers: one look at many of them costs as much as one at a few."""
    widths: dict[int, list[npt.NDArray[np.float64]]] = {}
    for each in said:
        answers = each.answers.reshape(len(each.answers), -1)
        widths.setdefault(answers.shape[1], []).append(answers)
    return [np.concatenate(some) if len(some) > 1 else some[0] for some in widths.values()]


def _mark(requests: Sequence[Request], said: Sequence[Said]) -> None:
    """Makes bad ones of the requests that have no finite answer."""
    for each in said:
        for place in each.places[~_finite(each.answers)].tolist():
            detail = f"{each.role.model.version} gives no finite number for its vector"
            requests[place].bad = BadEvent("no answer", detail)


def _finite(answers: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    finite: npt.NDArray[np.bool_] = np.isfinite(answers.reshape(len(answers), -1)).all(axis=1)
    return finite


def _finite_alone(said: Said) -> Said:
    finite = _finite(said.answers)
    return said if finite.all() else Said(said.role, said.places[finite], said.answers[finite])
