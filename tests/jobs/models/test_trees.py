"""Who predicts."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from penstock.jobs.models.arrays import Matrix
from penstock.jobs.models.trees import Trees


@pytest.fixture(scope="module")
def trees() -> Trees:
    numbers = np.random.default_rng(1).normal(size=(500, 2))
    parameters = {"num_leaves": 4, "verbosity": -1, "num_threads": 1}
    return Trees(lgb.train(parameters, lgb.Dataset(numbers, numbers[:, 0]), 5))


class Constant:
    def predict(self, matrix: Matrix) -> Matrix:
        return np.full(len(matrix), 7.0)


def test_no_rows_give_no_predictions(trees: Trees) -> None:
    assert trees.predict(np.empty((0, 2))).shape == (0,)


def test_the_booster_predicts_until_another_takes_over(trees: Trees) -> None:
    rows = np.zeros((3, 2))
    mine = Trees(trees.booster)
    assert mine.predict(rows).tolist() == trees.booster.predict(rows).tolist() == mine.by_booster(rows).tolist()
    assert mine.runtime == "LightGBM"
    mine.take_over(Constant(), "seven")
    assert mine.runtime == "seven"
    assert mine.predict(rows).tolist() == [7.0] * 3
    assert mine.by_booster(rows).tolist() == trees.booster.predict(rows).tolist()
