"""Rows on which two predictors of one model must say the same: at, below and above each of its own thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from penstock.jobs.models.arrays import Matrix
from penstock.jobs.models.kernel.columns import NEXT_TO_ZERO as ZERO

#: Rows at least; and the share of values that are missing beside those that stand among a feature's own.
ROWS, MISSING = 1_024, 0.05
#: Beside the thresholds: about zero, and far beyond.
_ALWAYS = [0.0, ZERO, -ZERO, np.nextafter(ZERO, 1), -np.nextafter(ZERO, 1), 1e-300, -1e-300, 1e300, -1e300, np.nan]


def check_rows(model: str, features: Sequence[tuple[str, str]], categories: Mapping[str, Sequence[str]]) -> Matrix:
    """Shape (rows, features): each feature's values in an order of their own, each at least once, always the same.

    ``model``: the text of model.txt.
    """
    numbers = np.random.default_rng(0)
    columns = [
        _category_codes(len(categories.get(name, ()))) if type == "string" else _around(found)
        for (name, type), found in zip(features, _thresholds(model, len(features)), strict=True)
    ]
    rows = max(ROWS, *map(len, columns))
    matrix = np.column_stack([numbers.permutation(np.resize(column, rows)) for column in columns])
    matrix[numbers.random(matrix.shape) < MISSING] = np.nan
    return np.vstack([matrix, *_each_once(matrix, columns)])


def _each_once(matrix: Matrix, columns: Sequence[npt.NDArray[np.float64]]) -> Iterator[Matrix]:
    """Rows that hold what was overwritten by a missing value."""
    for place, column in enumerate(columns):
        lost = column[~np.isin(column, matrix[:, place]) & ~np.isnan(column)]
        if len(lost):
            rows = np.resize(matrix, (len(lost), matrix.shape[1]))
            rows[:, place] = lost
            yield rows


def _around(thresholds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    at = np.unique(thresholds)
    return np.concatenate([at, np.nextafter(at, -np.inf), np.nextafter(at, np.inf), _ALWAYS])


def _category_codes(known: int) -> npt.NDArray[np.float64]:
    """Each known one, one beyond, and the missing one."""
    return np.array([*range(known + 1), np.nan])


def _thresholds(model: str, features: int) -> list[npt.NDArray[np.float64]]:
    """By feature, over all trees. Those of categories are places in a list of bits, and say nothing by themselves."""
    lines: dict[str, list[str]] = {"split_feature": [], "threshold": []}
    for line in model.splitlines():
        name, _, numbers = line.partition("=")
        if name in lines:
            lines[name].append(numbers)
    place, threshold = (np.fromstring(" ".join(each), dtype=np.float64, sep=" ") for each in lines.values())
    return [threshold[place == feature] for feature in range(features)]
