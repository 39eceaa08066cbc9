"""Rows about a model's own thresholds."""

from __future__ import annotations

import numpy as np

from penstock.jobs.models.check_rows import ROWS, check_rows
from penstock.jobs.models.kernel.columns import NEXT_TO_ZERO as ZERO

MODEL = """tree
Tree=0
split_feature=0 1 0
threshold=0.5 0 -1.0000000180025095e-35
Tree=1
split_feature=0
threshold=1e10
"""
FEATURES = [("x", "float64"), ("kind", "string"), ("n", "int64")]


def test_every_threshold_with_its_neighbours_and_every_category() -> None:
    rows = check_rows(MODEL, FEATURES, {"kind": ("a", "b")})
    assert rows.shape[1] == 3 and len(rows) >= ROWS
    for at in (0.5, -ZERO, 1e10):
        assert np.isin([at, np.nextafter(at, -np.inf), np.nextafter(at, np.inf)], rows[:, 0]).all()
    assert sorted(set(rows[~np.isnan(rows[:, 1]), 1].tolist())) == [0.0, 1.0, 2.0]
    assert np.isnan(rows).any(axis=0).all()


def test_more_thresholds_than_rows_are_all_there() -> None:
    at = np.arange(1.0, ROWS + 1.0)
    text = f"split_feature={' '.join(['0'] * ROWS)}\nthreshold={' '.join(map(str, at))}\n"
    rows = check_rows(text, FEATURES[:1], {})
    assert np.isin(at, rows[:, 0]).all()


def test_they_are_always_the_same() -> None:
    first, second = (check_rows(MODEL, FEATURES, {"kind": ("a", "b")}) for _ in range(2))
    assert first.tobytes() == second.tobytes()
