"""The bins of a model's features: between the thresholds of its own splits, and its categories.

A value and another one in the same bin are the same to every tree. So what these counts cannot tell, the model cannot
tell either. Counts are whole numbers: they can be added up, and are the same in stream and batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from penstock.features.vector import Values
from penstock.jobs.models.kernel.forest import CATEGORICAL, Forest

Counts = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

#: What the label is called beside the features.
LABEL = "label"
#: What LightGBM writes for an infinite threshold.
_BEYOND = 1e300
#: Shares of trained labels between which the label's bins lie, its tails apart.
LABEL_SHARES = (0.001, 0.01, *(n / 20 for n in range(1, 20)), 0.99, 0.999)


@dataclass(frozen=True)
class Bins:
    """Of one feature, or of the label. ``edges``: rising, of numbers: bin ``i`` has the values above ``i`` of them.
    ``categories``: of texts, a bin each; then one for other texts. The last bin is for nulls.
    """

    name: str
    type: str
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def text(self) -> bool:
        """Is it a text?"""
        return self.type == "string"

    @property
    def size(self) -> int:
        """How many bins there are."""
        return (len(self.categories) if self.text else len(self.edges)) + 2

    def count(self, values: Values) -> Counts:
        """Of n values, how many are in each bin. Shape (size,)."""
        return np.bincount(self.places(values), minlength=self.size)

    def places(self, values: Values) -> Counts:
        """The bin of each of n values. Shape (n,)."""
        if self.text:
            known = {category: place for place, category in enumerate(self.categories)}
            found = np.array([known.get(value, len(known)) for value in values.tolist()], dtype=np.int64)
            return np.where(values.null, self.size - 1, found)
        return self.places_of_numbers(np.where(values.null, np.nan, values.values.astype(np.float64)))

    def places_of_numbers(self, column: Doubles) -> Counts:
        """The same of a column of a model's matrix: a text is its category's place there, a null is NaN. Texts that
        are no category must not be among them.
        """
        null = np.isnan(column)
        found = np.where(null, 0, column) if self.text else np.searchsorted(self.edges, column, "left")
        return np.where(null, self.size - 1, found).astype(np.int64)


def bins_of(features: Sequence[tuple[str, str]], categories: Mapping[str, Sequence[str]], forest: Forest) -> list[Bins]:
    """Of each feature (name and type, in the model's order)."""
    # a threshold beyond all numbers tells nulls from numbers, and has no bin of its own
    numeric = ((forest.decision & CATEGORICAL) == 0) & (np.abs(forest.threshold) < _BEYOND)
    return [
        Bins(name, type, categories=tuple(categories.get(name, ())))
        if type == "string"
        else Bins(name, type, tuple(np.unique(forest.threshold[numeric & (forest.feature == place)]).tolist()))
        for place, (name, type) in enumerate(features)
    ]


def label_bins(label: Doubles, classes: Sequence[str]) -> Bins:
    """Of labels as a model learns them, (n,): between quantiles of these, or a bin for each class."""
    if classes:
        return Bins(LABEL, "string", categories=tuple(classes))
    edges = np.quantile(label, LABEL_SHARES, method="lower") if len(label) else np.empty(0)
    return Bins(LABEL, "float64", tuple(np.unique(edges).tolist()))


def count_all(bins: Sequence[Bins], columns: Mapping[str, Values]) -> Counts:
    """The counts of all of them, one behind the other."""
    return np.concatenate([each.count(columns[each.name]) for each in bins])


def slices_of(bins: Sequence[Bins]) -> dict[str, slice]:
    """Where each one's counts are among those of ``count_all``, by name."""
    ends = np.cumsum([0, *(each.size for each in bins)]).tolist()
    return {each.name: slice(low, high) for each, (low, high) in zip(bins, pairwise(ends), strict=True)}
