"""Rows and models of all kinds, and what a kernel must say of them."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from penstock.jobs.models.arrays import Matrix
from penstock.jobs.models.kernel.forest import read_forest
from penstock.jobs.models.kernel.native import Level, levels
from penstock.jobs.models.kernel.predictor import TreeKernel

ZERO = float(np.float32(1e-35))
#: Values that a decision may take for another one.
ODD = np.append(
    [0.0, -0.0, np.nan, np.inf, -np.inf, ZERO, -ZERO, np.nextafter(ZERO, 1), -np.nextafter(ZERO, 1), 1e-36, 5e-324],
    [1e300, -1e300, 0.5, -0.5, -1.0, 2.0**31, 2.0**31 - 1, 3e9, -3e9, 1e18],
)
#: A normal one, categories, whole numbers, many zeros, and one of few values.
INPUTS = 5
#: Vectors of 64 bytes, and of any that this processor has: so the code for AVX-512 is tested without it.
WIDE = Level("64 bytes", "", (), 64)


def data(n: int, seed: int, *, categories: int = 40, missing: float = 0.1) -> tuple[Matrix, npt.NDArray[np.float64]]:
    """Rows and a label that follows them."""
    numbers = np.random.default_rng(seed)
    rows = numbers.normal(size=(n, INPUTS))
    rows[:, 1], rows[:, 2] = numbers.integers(0, categories, n), numbers.integers(-3, 4, n)
    rows[numbers.random(n) < 0.5, 3] = 0.0
    rows[:, 4] = numbers.choice([0.0, 1e-300, -1e-300, 1e-35, 7.0], n)
    label = rows[:, 0] * rows[:, 3] + rows[:, 1] % 7 - (rows[:, 2] == 0) + (rows[:, 4] > 0)
    rows[numbers.random(rows.shape) < missing] = np.nan
    return rows, label


def odd_rows(n: int, seed: int, categories: int = 40) -> Matrix:
    """Rows that were not trained on, most of them with a value that is odd."""
    numbers = np.random.default_rng(seed)
    rows, _ = data(n, seed + 1, categories=categories + 5)
    places = numbers.random(rows.shape) < 0.3
    rows[places] = numbers.choice(ODD, int(places.sum()))
    return rows


def model(rows: Matrix, label: Any, rounds: int = 20, categorical: Any = (1,), **parameters: Any) -> str:
    """Of LightGBM, as text."""
    options = {"objective": "regression", "verbosity": -1, "num_threads": 1, "seed": 1, **parameters}
    examples = lgb.Dataset(rows, label, categorical_feature=list(categorical))
    return str(lgb.train(options, examples, rounds).model_to_string())


def check(text: str, rows: Matrix) -> None:
    """The Booster's bits on each kind of processor that this one can be: of all rows together, of few, and of one."""
    booster = lgb.Booster(model_str=text)
    expected = np.asarray(booster.predict(rows, num_threads=1))
    for level in (*levels(), WIDE):
        kernel = TreeKernel(read_forest(text), level)
        answers = kernel.predict(rows)
        assert answers.shape == expected.shape
        assert answers.tobytes() == expected.tobytes(), level
        for at in range(0, len(rows), 1 + len(rows) // 7):
            for few in (1, 2, 3, 17):
                assert kernel.predict(rows[at : at + few]).tobytes() == expected[at : at + few].tobytes(), (level, few)
