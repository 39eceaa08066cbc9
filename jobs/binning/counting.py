"""Counts predictions' vectors and labels in the bins of the versions that answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import orjson

from penstock.features.errors import UsageError
from penstock.features.objectives import CLASSES
from penstock.features.plan import ModelPlan
from penstock.features.vector import Values
from penstock.jobs.binning.bins import Bins, Counts, count_all
from penstock.jobs.binning.trained import Trained
from penstock.jobs.models.folder import check_version, read_counts
from penstock.jobs.models.lines import line_of, parts_of
from penstock.jobs.models.storage.storage import Models
from penstock.jobs.training.examples import json_key


class Counting:
    """``models``: where versions are kept. A version that is gone, or has no counts of its training, counts nothing."""

    def __init__(self, models: Models, plan: ModelPlan) -> None:
        self._models, self._plan = models, plan
        self.trained = cache(self._trained)

    def _trained(self, version: str) -> Trained | None:
        for line in self._lines():
            with suppress(UsageError):
                check_version(self._models, line, version)
                return trained_of(self._models, line, version)
        return None

    def _lines(self) -> Iterator[str]:
        """Where versions may be: of the rest, and of each value of a column."""
        yield self._plan.name
        if self._plan.by is not None:
            for part in parts_of(self._models, self._plan.name):
                yield line_of(self._plan.name, part)

    def described(self, version: str) -> bytes | None:
        """What a version was trained on, as ``Trained`` is written."""
        trained = self.trained(version)
        return None if trained is None else trained.model_dump_json().encode()

    def vectors(self, version: str, vectors: Sequence[bytes]) -> Counts | None:
        """Of vectors as JSON, the counts of all features one behind the other."""
        trained = self.trained(version)
        if trained is None:
            return None
        rows = [orjson.loads(vector) for vector in vectors]
        columns = {
            feature.name: Values.of(feature.type, [_entry(row, feature.name) for row in rows])
            for feature in trained.features
        }
        return count_all([feature.bins for feature in trained.features], columns)

    def labels(self, version: str, labels: Sequence[Any]) -> Counts | None:
        """Of labels, None for null."""
        trained = self.trained(version)
        return None if trained is None else label_counts(self._plan, trained.label.bins, labels)


def _entry(row: dict[str, Any], name: str) -> Any:
    """A feature's value, or an element of the vector that it belongs to."""
    if name in row:
        return row[name]
    owner, _, place = name.rpartition(".")
    return None if row[owner] is None else row[owner][int(place)]


def trained_of(models: Models, model: str, version: str) -> Trained | None:
    """What a version was trained on; None where it has no counts. Raises PenstockError for a damaged version."""
    counts = read_counts(models, model, version)
    return None if counts is None else Trained.model_validate_json(counts)


def label_counts(plan: ModelPlan, bins: Bins, labels: Sequence[Any]) -> Counts:
    """Of labels as a stream has them, None for null. A class is a text, as in the answers."""
    assert plan.label is not None
    if plan.objective.answer != CLASSES:
        return bins.count(Values.of("float64", [None if label is None else float(label) for label in labels]))
    # SQLite has no bools
    typed = [bool(label) if plan.label.type == "bool" and label is not None else label for label in labels]
    return bins.count(Values.of("string", [None if label is None else json_key(label) for label in typed]))
