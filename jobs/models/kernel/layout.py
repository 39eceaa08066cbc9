"""Where the nodes and leaves of a forest stand: its nodes from the root down, its leaves from left to right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penstock.features.errors import RefusedError
from penstock.jobs.models.kernel.forest import Forest, Ints


@dataclass(frozen=True)
class Layout:
    """Of each node: its ``tree``, its ``level`` (0: root), the ``start`` of its leaves in its tree from the left, and
    how many of them its left child has, ``under_left``. ``position``: of each leaf its place in its tree from the left.
    ``depth``: of each tree its levels of nodes.
    """

    tree: Ints
    level: Ints
    start: Ints
    under_left: Ints
    position: Ints
    depth: Ints


def lay_out(forest: Forest) -> Layout:
    """All trees at once, level by level. Raises RefusedError for what is no tree: native code follows it blindly."""
    levels = _levels(forest)
    nodes, leaves = len(forest.feature), len(forest.value)
    # of nodes, then of leaves: a leaf's complement finds it from the end
    under = np.ones(nodes + leaves, dtype=np.int64)
    child = _places(forest.left, nodes), _places(forest.right, nodes)
    for level in reversed(levels):
        under[level] = under[child[0][level]] + under[child[1][level]]
    start, number = np.zeros(nodes + leaves, dtype=np.int64), np.zeros(nodes, dtype=np.int64)
    for place, level in enumerate(levels):
        number[level] = place
        start[child[0][level]] = start[level]
        start[child[1][level]] = start[level] + under[child[0][level]]
    tree = np.repeat(np.arange(forest.trees), np.diff(forest.first_node))
    depth = np.zeros(forest.trees, dtype=np.int64)
    np.maximum.at(depth, tree, number + 1)
    return Layout(tree, number, start[:nodes], under[child[0]], start[nodes:], depth)


def _places(child: Ints, nodes: int) -> Ints:
    """Of nodes and of the leaves that follow them in one array."""
    return np.where(child < 0, nodes + ~child, child)


def _levels(forest: Forest) -> list[Ints]:
    """The nodes of each level. Every node and leaf must be reached once, from the root of its own tree."""
    tree_of_node = np.repeat(np.arange(forest.trees), np.diff(forest.first_node))
    tree_of_leaf = np.repeat(np.arange(forest.trees), forest.leaves)
    reached_leaves, levels = [forest.first_leaf[:-1][forest.leaves == 1]], []
    level = forest.first_node[:-1][forest.leaves > 1]
    reached = 0
    while len(level):
        reached += len(level)
        levels.append(level)
        children = np.concatenate([forest.left[level], forest.right[level]])
        owner = np.tile(tree_of_node[level], 2)
        is_leaf = children < 0
        _check(children[~is_leaf], owner[~is_leaf], tree_of_node)
        _check(~children[is_leaf], owner[is_leaf], tree_of_leaf)
        reached_leaves.append(~children[is_leaf])
        level = children[~is_leaf]
        if reached > len(tree_of_node):
            break
    leaves = np.sort(np.concatenate(reached_leaves))
    if reached != len(tree_of_node) or not np.array_equal(leaves, np.arange(len(tree_of_leaf))):
        raise RefusedError("a tree of the model does not reach each of its nodes and leaves once")
    return levels


def _check(places: Ints, owner: Ints, tree: Ints) -> None:
    if len(places) and (places.min() < 0 or places.max() >= len(tree) or not np.array_equal(tree[places], owner)):
        raise RefusedError("a tree of the model has a child that it does not have")
