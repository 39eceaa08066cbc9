"""From requests and the rows read for them to the model's answers: the same for Kafka and for HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penstock.features.ingest import BadEvent
from penstock.features.plan import ModelPlan
from penstock.features.vector import Values, leaf_names, vectors
from penstock.jobs.models.folder import LoadedModel
from penstock.jobs.serving.gather import gathered
from penstock.jobs.serving.inputs import Input
from penstock.jobs.serving.requests import Found, Request
from penstock.jobs.serving.successor import Recent


@dataclass(frozen=True, eq=False)
class Predicted:
    """n requests with their answers, shape (n,), or (n, outputs); those of a request that is bad mean nothing.

    ``rows``: for each input the n rows that were read; ``vector``: n values of each item by name.
    """

    requests: Sequence[Request]
    rows: Sequence[Sequence[Found]]
    vector: Mapping[str, Values]
    answers: npt.NDArray[np.float64]


class Predicting:
    """Answers with one model version. Its vectors are added to ``recent``."""

    def __init__(self, plan: ModelPlan, inputs: Sequence[Input], model: LoadedModel, recent: Recent) -> None:
        self._plan, self._inputs, self._model, self._recent = plan, inputs, model, recent
        self._types = {column.name: column.type for column in plan.on.columns}
        self._columns = leaf_names(plan, "column")

    def predict(self, requests: Sequence[Request]) -> Predicted:
        """The answers to good requests, one at least, whose rows were read.

        A request becomes a bad one if its vector overflows, or the model has no finite number for it.
        """
        rows = [[request.found[number] for request in requests] for number in range(len(self._inputs))]
        made = vectors(self._plan, self._leaves(requests, rows), len(requests))
        for name, lost in made.overflow.items():
            for place in np.flatnonzero(lost):
                requests[place].bad = BadEvent("overflow", f"{name} of {self._plan.name} does not fit int64")
        answers = self._model.predict(made.columns)
        self._recent.add(len(requests), made.columns)
        for place in np.flatnonzero(~np.isfinite(answers.reshape(len(requests), -1)).all(axis=1)):
            requests[place].bad = BadEvent("no answer", f"{self._model.version} gives no finite number for its vector")
        return Predicted(requests, rows, made.columns, answers)

    def _leaves(self, requests: Sequence[Request], rows: Sequence[Sequence[Found]]) -> dict[str, Values]:
        leaves = {name: Values.of(self._types[name], [r.row[name] for r in requests]) for name in self._columns}
        for column in rows:
            leaves |= gathered(column)
        return leaves
