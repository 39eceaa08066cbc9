"""Rows on which two predictors of one model must say the same: at, below and above each of its own thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from penstock.jobs.models.arrays import Matrix
from penstock.jobs.models.kernel.columns import NEXT_TO_ZERO as ZERO
from penstock.jobs.models.kernel.columns import categories_in
from penstock.jobs.models.kernel.forest import Floats, Forest

#: Rows at least; and the share of values that are missing.
ROWS, MISSING = 512, 0.05
#: Beside the thresholds: about zero, and far beyond.
_ALWAYS = [0.0, ZERO, -ZERO, np.nextafter(ZERO, 1), -np.nextafter(ZERO, 1), 1e-300, -1e-300, 1e300, -1e300]


def check_rows(forest: Forest, features: Sequence[tuple[str, str]], categories: Mapping[str, Sequence[str]]) -> Matrix:
    """Shape (rows, features): each feature's values in an order of their own, each at least once, always the same."""
    numbers = np.random.default_rng(0)
    at, sets = _thresholds(forest), _categories(forest)
    columns = [
        np.append(
            _codes(sets[place], len(categories.get(name, ()))) if type == "string" else _around(at[place], sets[place]),
            [np.nan],
        )
        for place, (name, type) in enumerate(features)
    ]
    columns = [np.append(column, np.full(int(len(column) * MISSING), np.nan)) for column in columns]
    rows = max(ROWS, *map(len, columns))
    return np.column_stack([numbers.permutation(np.resize(column, rows)) for column in columns])


def _around(thresholds: Floats, categories: Floats) -> Floats:
    at = np.unique(thresholds)
    return np.concatenate(
        [at, np.nextafter(at, -np.inf), np.nextafter(at, np.inf), categories, categories + 1, _ALWAYS]
    )


def _codes(categories: Floats, known: int) -> Floats:
    """Each known one, and one beyond."""
    return np.union1d(categories, np.arange(known + 1.0))


def _thresholds(forest: Forest) -> list[Floats]:
    """By feature, over all trees."""
    numeric = np.ones(len(forest.feature), dtype=np.bool_)
    numeric[list(forest.sets)] = False
    return [forest.threshold[numeric & (forest.feature == feature)] for feature in range(forest.features)]


def _categories(forest: Forest) -> list[Floats]:
    """By feature those that stand in any set."""
    own: list[Floats] = [np.empty(0)] * forest.features
    for node, words in forest.sets.items():
        feature = int(forest.feature[node])
        own[feature] = np.union1d(own[feature], categories_in(words))
    return own
