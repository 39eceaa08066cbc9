"""The trees of LightGBM's text format as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penstock.features.errors import RefusedError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: Bits of a node's decision type: a set of categories, the default is left, and two bits of how a value is missing.
CATEGORICAL, DEFAULT_LEFT = 1, 2
#: How a value is missing: never (NaN is zero), zero and NaN, or NaN.
NONE, ZERO, NAN = 0, 1, 2

_DOUBLES = {"threshold", "leaf_value", "leaf_const", "leaf_coeff"}
_AT_NODES = ("split_feature", "threshold", "decision_type", "left_child", "right_child")


@dataclass(frozen=True)
class Forest:
    """All trees, one after the other. Nodes and leaves are counted over all trees.

    ``left``, ``right``: of each node the child: a node, or the complement of a leaf. ``first_node``, ``first_leaf``:
    one more than there are trees. ``sets``: of each categorical node the 32-bit words of its set, by node.
    ``linear``: of each leaf its terms, None without linear trees.
    """

    features: int
    #: Sums for each row; tree ``i`` adds to sum ``i % outputs``.
    outputs: int
    objective: str | None
    averaged: bool
    first_node: Ints
    first_leaf: Ints
    feature: Ints
    threshold: Floats
    decision: Ints
    left: Ints
    right: Ints
    value: Floats
    sets: dict[int, npt.NDArray[np.uint32]]
    linear: Linear | None

    @property
    def trees(self) -> int:
        """Their number."""
        return len(self.first_leaf) - 1

    @property
    def leaves(self) -> Ints:
        """Of each tree. Shape (trees,)."""
        return np.diff(self.first_leaf)


@dataclass(frozen=True)
class Linear:
    """Leaf ``i`` is a constant and the terms ``first[i]`` to ``first[i + 1]``: a feature's value times a coefficient.

    ``linear``: of each leaf whether its tree is linear; others have only their value.
    """

    linear: npt.NDArray[np.bool_]
    constant: Floats
    first: Ints
    feature: Ints
    coefficient: Floats


def read_forest(model: str) -> Forest:
    """The trees of a model's text. Raises RefusedError for a text that is not LightGBM's, or trees that are none."""
    try:
        forest = _forest(model)
    except (KeyError, ValueError, IndexError, OverflowError) as error:
        raise RefusedError(f"the model's trees cannot be read: {error}") from None
    _check(forest)
    return forest


def _check(forest: Forest) -> None:
    """What native code takes as given. Of the trees' shape see ``layout``."""
    used = [forest.feature] if forest.linear is None else [forest.feature, forest.linear.feature]
    if any(len(those) and not 0 <= those.min() <= those.max() < forest.features for those in used):
        raise RefusedError("a tree of the model reads a feature that the model does not have")
    if forest.outputs < 1 or forest.trees % forest.outputs:
        raise RefusedError(f"the model has {forest.trees} trees for {forest.outputs} sums")
    if forest.sets.keys() != set(np.flatnonzero(forest.decision & CATEGORICAL).tolist()):
        raise RefusedError("a tree of the model decides by a set of categories that is not there")
    if np.isnan(forest.threshold).any() or (((forest.decision >> 2) & 3) > NAN).any():
        raise RefusedError("a tree of the model has a decision that LightGBM does not describe")


def _forest(model: str) -> Forest:
    head, *blocks = model.split("\nTree=")
    facts = _facts(head)
    trees = [_facts(block.partition("\n\n")[0]) for block in blocks]
    leaves = np.array([int(tree["num_leaves"]) for tree in trees], dtype=np.int64)
    first_node, first_leaf = _first(leaves - 1), _first(leaves)
    # of a tree of one leaf the lines of its nodes are empty, or not there
    feature, threshold, decision, left, right = (_joined(name, trees, leaves - 1) for name in _AT_NODES)
    own_node, own_leaf = np.repeat(first_node[:-1], leaves - 1), np.repeat(first_leaf[:-1], leaves - 1)
    left, right = (np.where(child < 0, child - own_leaf, child + own_node) for child in (left, right))
    return Forest(
        features=int(facts["max_feature_idx"]) + 1,
        outputs=int(facts.get("num_tree_per_iteration", facts["num_class"])),
        objective=facts.get("objective"),
        averaged="average_output" in facts,
        first_node=first_node,
        first_leaf=first_leaf,
        feature=feature,
        threshold=threshold,
        decision=decision,
        left=left,
        right=right,
        value=_joined("leaf_value", trees, leaves),
        sets=dict(_sets(trees, first_node, threshold, decision)),
        linear=_linear(trees, leaves),
    )


def _facts(lines: str) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in lines.split("\n"))}


def _first(counts: Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(counts)])


def _joined(name: str, trees: Sequence[dict[str, str]], counts: Ints) -> npt.NDArray[Any]:
    """A line's numbers, of all trees. Raises ValueError where a tree has too many or too few."""
    lines = [
        _line(name, number, tree.get(name, ""), count)
        for number, (tree, count) in enumerate(zip(trees, counts.tolist(), strict=True))
        if count
    ]
    text = " ".join(lines)
    numbers: npt.NDArray[Any] = (
        # faster than numpy's, and as exact
        pa.array(text.split(), pa.string()).cast(pa.float64()).to_numpy()
        if name in _DOUBLES
        else np.fromstring(text, dtype=np.int64, sep=" ")
    )
    if len(numbers) != counts.sum():
        raise ValueError(f"{name} has {len(numbers)} numbers, not {counts.sum()}")
    return numbers


def _line(name: str, tree: int, line: str, count: int) -> str:
    if line.count(" ") + 1 != count:
        # of linear trees spaces are doubled
        words = line.split()
        if len(words) != count:
            raise ValueError(f"tree {tree} has {len(words)} numbers of {name}, not {count}")
        return " ".join(words)
    return line


def _sets(
    trees: Sequence[dict[str, str]], first_node: Ints, threshold: Floats, decision: Ints
) -> Iterator[tuple[int, npt.NDArray[np.uint32]]]:
    for number, tree in enumerate(trees):
        if int(tree.get("num_cat", 0)):
            bounds = np.array(tree["cat_boundaries"].split(), dtype=np.int64)
            words = np.array(tree["cat_threshold"].split(), dtype=np.uint32)
            for node in range(first_node[number], first_node[number + 1]):
                if decision[node] & CATEGORICAL:
                    place = int(threshold[node])
                    if not 0 <= bounds[place] <= bounds[place + 1] <= len(words):
                        raise ValueError(f"tree {number} has a set that is not there")
                    yield node, words[bounds[place] : bounds[place + 1]]


def _linear(trees: Sequence[dict[str, str]], leaves: Ints) -> Linear | None:
    linear = np.array([tree.get("is_linear", "0") == "1" for tree in trees], dtype=np.bool_)
    if not linear.any():
        return None
    its = [tree if is_so else {} for tree, is_so in zip(trees, linear, strict=True)]
    zeros = [" ".join(["0"] * count) for count in leaves.tolist()]
    filled = [{"num_features": zero, "leaf_const": zero, **tree} for tree, zero in zip(its, zeros, strict=True)]
    counts = _joined("num_features", filled, leaves)
    terms = np.add.reduceat(counts, _first(leaves)[:-1])
    return Linear(
        linear=np.repeat(linear, leaves),
        constant=_joined("leaf_const", filled, leaves),
        first=_first(counts),
        feature=_joined("leaf_features", filled, terms),
        coefficient=_joined("leaf_coeff", filled, terms),
    )
