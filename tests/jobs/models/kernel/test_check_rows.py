"""Rows about a model's own thresholds."""

from __future__ import annotations

import numpy as np

from penstock.jobs.models.kernel.check_rows import ROWS, check_rows
from penstock.jobs.models.kernel.columns import NEXT_TO_ZERO as ZERO
from penstock.jobs.models.kernel.forest import Forest, read_forest

HEAD = "tree\nnum_class=1\nmax_feature_idx=2\nobjective=regression\n"
FEATURES = [("x", "float64"), ("kind", "string"), ("n", "int64")]
KNOWN = {"kind": ("a", "b")}


def tree(features: str, thresholds: str, decisions: str, more: str = "num_cat=0") -> str:
    """Each node's right child is the next one."""
    nodes = len(features.split())
    left = " ".join(str(-1 - node) for node in range(nodes))
    right = " ".join([*(str(node) for node in range(1, nodes)), str(-1 - nodes)])
    lines = [f"num_leaves={nodes + 1}", more, f"split_feature={features}", f"threshold={thresholds}"]
    lines += [f"decision_type={decisions}", f"left_child={left}", f"right_child={right}"]
    return "\n".join([*lines, f"leaf_value={' '.join(['1'] * (nodes + 1))}", "", ""])


def forest() -> Forest:
    sets = "num_cat=2\ncat_boundaries=0 1 2\ncat_threshold=32 128"
    first = tree("0 1 0 2", "0.5 0 -1.0000000180025095e-35 1", "2 1 2 1", sets)
    return read_forest(f"{HEAD}\nTree=0\n{first}\nTree=1\n{tree('0', '1e10', '2')}\nend of trees")


def test_every_threshold_with_its_neighbours_and_every_category() -> None:
    rows = check_rows(forest(), FEATURES, KNOWN)
    assert rows.shape[1] == 3 and len(rows) >= ROWS
    for at in (0.5, -ZERO, 1e10):
        assert np.isin([at, np.nextafter(at, -np.inf), np.nextafter(at, np.inf)], rows[:, 0]).all()
    assert sorted(set(rows[~np.isnan(rows[:, 1]), 1].tolist())) == [0.0, 1.0, 2.0, 5.0]
    assert np.isin([7.0, 8.0], rows[:, 2]).all()
    assert np.isnan(rows).any(axis=0).all()


def test_more_thresholds_than_rows_are_all_there() -> None:
    at = np.arange(1.0, ROWS + 1.0)
    many = tree(" ".join(["0"] * ROWS), " ".join(map(str, at)), " ".join(["2"] * ROWS))
    rows = check_rows(read_forest(f"{HEAD}\nTree=0\n{many}\nend of trees"), FEATURES, {})
    assert np.isin(at, rows[:, 0]).all()


def test_they_are_always_the_same() -> None:
    first, second = (check_rows(forest(), FEATURES, KNOWN) for _ in range(2))
    assert first.tobytes() == second.tobytes()
