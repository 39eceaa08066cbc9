"""A model version as HTTP answers with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from penstock.features.plan import ModelPlan
from penstock.jobs.models.folder import LoadedModel
from penstock.jobs.serving.inputs import Input
from penstock.jobs.serving.lineup import lineup_of
from penstock.jobs.serving.predicting import Predicted, Predicting
from penstock.jobs.serving.prediction_json import FIELDS, PredictionJson
from penstock.jobs.serving.recent import Recent
from penstock.jobs.serving.requests import Request

#: A request has no place on Kafka and no time of its own there.
WITH_VECTOR = tuple(name for name in FIELDS if name not in ("id", "requested_at"))
WITHOUT_VECTOR = tuple(name for name in WITH_VECTOR if name != "vector")


class Version:
    """What answers until another version follows."""

    def __init__(self, plan: ModelPlan, inputs: Sequence[Input], model: LoadedModel, recent: Recent) -> None:
        self.model = model
        self._predicting = Predicting(plan, inputs, lineup_of(model), recent)
        self._json = {
            vector: PredictionJson(plan, inputs, WITH_VECTOR if vector else WITHOUT_VECTOR) for vector in (False, True)
        }

    def predict(self, requests: Sequence[Request]) -> Batch:
        """The answers to good requests, one at least, whose rows were read. May make some of them bad ones."""
        return Batch(self, self._predicting.predict(requests))

    def write(self, predicted: Predicted, vector: bool) -> list[bytes]:
        """The predictions as JSON."""
        return self._json[vector].write(predicted)


class Answers(Protocol):
    """The answers of one version, ``model``, to requests of a turn."""

    @property
    def model(self) -> LoadedModel: ...
    @property
    def numbers(self) -> npt.NDArray[np.float64]:
        """Shape (n,), or (n, outputs)."""

    def lines(self, vector: bool) -> Sequence[bytes]:
        """One JSON object for each request, with its vector or without."""


class Batch:
    """Those that were computed together."""

    def __init__(self, version: Version, predicted: Predicted) -> None:
        self.model, self.predicted = version.model, predicted
        self._version = version
        self._lines: dict[bool, list[bytes]] = {}

    @property
    def numbers(self) -> npt.NDArray[np.float64]:
        """Shape (n,), or (n, outputs)."""
        return self.predicted.answers

    def lines(self, vector: bool) -> list[bytes]:
        """One JSON object for each request, with its vector or without; written once for all who ask."""
        if vector not in self._lines:
            self._lines[vector] = self._version.write(self.predicted, vector)
        return self._lines[vector]


class Mixed:
    """Answers some of which were ready, without vectors: each part with the places of its requests."""

    def __init__(self, ready: Batch, ready_at: Sequence[int], computed: Batch, computed_at: Sequence[int]) -> None:
        self.model = computed.model
        self._parts = ((ready, ready_at), (computed, computed_at))
        self.numbers = np.empty((len(ready_at) + len(computed_at), *ready.numbers.shape[1:]))
        for batch, places in self._parts:
            self.numbers[list(places)] = batch.numbers

    def lines(self, vector: bool) -> list[bytes]:
        """One JSON object for each request; nobody asks for a vector."""
        lines = [b""] * len(self.numbers)
        for batch, places in self._parts:
            for place, line in zip(places, batch.lines(vector), strict=True):
                lines[place] = line
        return lines
