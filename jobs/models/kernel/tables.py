"""A forest as the arrays that native code reads.

Trees stand by the sum that they add to, in their order, and in groups of ``GROUP``: a group is filled up by trees of
one leaf of -0.0, which changes no sum. Bytes are compared as signed ones: they are stored less 128.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum, auto
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.jobs.models.kernel.columns import Columns, columns_of
from penstock.jobs.models.kernel.forest import Forest, Ints
from penstock.jobs.models.kernel.layout import Layout, lay_out

#: Trees that are followed at once.
GROUP = 8
#: The most leaves of a tree whose places are single bytes; and those from which on a walk is faster for any rows.
_BYTE, _MOST_LEAVES = 256, 2_048
#: A column of a small block takes about as long as so many nodes, and a step in large trees, which waits for memory.
_COLUMN, _LARGE_STEP = 2, 4
#: What a copy of a column's bytes reads at most too much.
_SPARE = 8
#: A byte that no byte of a column is above.
_NEVER = 127


class Head(IntEnum):
    """What stands where in the head: an array of 64-bit integers, with addresses of the other arrays."""

    INPUTS = 0
    OUTPUTS = auto()
    #: Groups of trees for each sum.
    GROUPS = auto()
    #: Ranked features, of ``Feature`` each.
    RANKED = auto()
    FEATURES = auto()
    BOUNDS = auto()
    BYTES = auto()
    #: Of each tree, and one more: its first node.
    FIRST_NODE = auto()
    #: Nodes as blocks of rows read them: column, threshold, own place, right child's place, as four bytes each.
    NODES = auto()
    #: Of each tree: its first leaf.
    FIRST_LEAF = auto()
    VALUES = auto()
    #: Nodes, then leaves, as a walk reads them: column, threshold, left, right. A leaf is its own left child.
    STEPS = auto()
    #: The number of the first leaf among them.
    LEAVES = auto()
    #: Of each tree where a walk begins.
    ROOTS = auto()
    #: Sums are divided by this double, given by its bits.
    DIVISOR = auto()
    #: Of each leaf where its terms begin, and one more; -1 for a leaf of a tree that is not linear. 0: none is.
    TERMS = auto()
    CONSTANTS = auto()
    TERM_FEATURES = auto()
    COEFFICIENTS = auto()


class Feature(IntEnum):
    """What stands where in a ranked feature, as 64-bit integers. Places are in bounds, in bytes, and in columns."""

    FEATURE = 0
    STEPS = auto()
    BOUNDS = auto()
    BYTES = auto()
    COLUMNS = auto()
    FIRST_COLUMN = auto()


@dataclass(frozen=True)
class Tables:
    """``head``: see ``Head``; it is of use while this object lives. ``columns``: bytes for each row of a block.

    ``size``: bytes of a leaf's place. ``few``: up to so many rows are walked one by one, and more are followed as
    blocks.
    """

    head: Ints
    columns: int
    size: int
    few: float
    #: What the head has addresses of.
    arrays: tuple[npt.NDArray[Any], ...]


def tables_of(forest: Forest) -> Tables:
    """Raises RefusedError for trees that are none, and for columns that would be too large."""
    layout, columns = lay_out(forest), columns_of(forest)
    places, size = _Places(forest, layout), 1 + bool((forest.leaves > _BYTE).any())
    first_column = np.cumsum([0, *(ranked.columns.shape[1] for ranked in columns.features)])
    arrays: dict[Head, npt.NDArray[Any]] = {
        Head.FEATURES: _features(columns, first_column),
        Head.BOUNDS: _bounds(columns),
        Head.BYTES: _bytes(columns),
        Head.FIRST_NODE: places.first_node,
        Head.NODES: _nodes(places, layout, columns, size),
        Head.FIRST_LEAF: places.first_leaf,
        Head.VALUES: np.append(forest.value[places.leaves], -0.0),
        Head.STEPS: _steps(places, forest, columns),
        Head.ROOTS: places.roots(forest),
        **_linear(places, forest),
    }
    head = np.zeros(len(Head), dtype=np.int64)
    for name, array in arrays.items():
        head[name] = array.ctypes.data
    head[Head.INPUTS], head[Head.OUTPUTS] = forest.features, forest.outputs
    head[Head.GROUPS] = len(places.trees) // GROUP // forest.outputs
    head[Head.RANKED] = len(columns.features)
    head[Head.LEAVES] = len(forest.feature)
    divisor = np.float64(forest.trees // forest.outputs if forest.averaged else 1)
    head[Head.DIVISOR] = divisor.view(np.int64)
    few = _few(forest, layout, int(first_column[-1]))
    return Tables(head, int(first_column[-1]), size, few, tuple(arrays.values()))


def _few(forest: Forest, layout: Layout, columns: int) -> float:
    """A walk takes the steps of a path for each row; a block takes every node and column, for one row or for many."""
    if (forest.leaves > _MOST_LEAVES).any():
        return math.inf
    step = _LARGE_STEP if (forest.leaves > _BYTE).any() else 1
    return (len(forest.feature) + _COLUMN * columns) / max(1, step * int(layout.depth.sum()))


class _Places:
    """Where trees, nodes and leaves stand: ``trees``, -1 where a group is filled up, ``nodes`` and ``leaves`` are their
    numbers in the forest, in the new order.
    """

    def __init__(self, forest: Forest, layout: Layout) -> None:
        rounds = forest.trees // forest.outputs
        trees = np.full((forest.outputs, -(-rounds // GROUP) * GROUP), -1)
        trees[:, :rounds] = np.arange(forest.trees).reshape(rounds, forest.outputs).T
        self.trees = trees.ravel()
        place = np.zeros(forest.trees, dtype=np.int64)
        place[self.trees[self.trees >= 0]] = np.flatnonzero(self.trees >= 0)
        self.nodes = np.lexsort((layout.level, place[layout.tree]))
        self.leaves = np.lexsort((layout.position, np.repeat(place, forest.leaves)))
        filled = self.trees < 0
        counts = np.where(filled, 0, forest.leaves[self.trees] if forest.trees else 0)
        self.first_node = np.concatenate([[0], np.cumsum(counts - ~filled)])
        # what fills up has one leaf, behind all others
        self.first_leaf = np.where(filled, len(forest.value), np.cumsum(counts) - counts)

    def roots(self, forest: Forest) -> npt.NDArray[np.int32]:
        """Steps of a walk."""
        of_one_leaf = np.diff(self.first_node) == 0
        return np.where(of_one_leaf, len(forest.feature) + self.first_leaf, self.first_node[:-1]).astype(np.int32)


def _features(columns: Columns, first_column: Ints) -> Ints:
    table = np.zeros((len(columns.features), len(Feature)), dtype=np.int64)
    bounds, size = 0, 0
    for row, ranked, first in zip(table, columns.features, first_column[:-1], strict=True):
        row[Feature.FEATURE], row[Feature.STEPS], row[Feature.FIRST_COLUMN] = ranked.feature, ranked.steps, first
        row[Feature.BOUNDS], row[Feature.COLUMNS] = bounds, ranked.columns.shape[1]
        # the first rank's place in the tree of bounds is behind all of them
        row[Feature.BYTES] = size - (ranked.columns.shape[1] << ranked.steps)
        bounds, size = bounds + (1 << ranked.steps), size + ranked.columns.size
    return table


def _bounds(columns: Columns) -> npt.NDArray[np.float64]:
    """Of each feature as a tree: its root at place 1, and below place k the places 2k and 2k + 1. Filled up by
    infinity: nothing is above it.
    """
    parts = [np.empty(0)]
    for ranked in columns.features:
        filled = np.full((1 << ranked.steps) - 1, np.inf)
        filled[: len(ranked.bounds)] = ranked.bounds
        levels = [filled[(1 << below) - 1 :: 2 << below] for below in reversed(range(ranked.steps))]
        parts += [np.zeros(1), *levels]
    return np.concatenate(parts)


def _bytes(columns: Columns) -> npt.NDArray[np.uint8]:
    """Less 128."""
    parts = [*(ranked.columns.ravel() for ranked in columns.features), np.zeros(_SPARE, dtype=np.uint8)]
    bytes: npt.NDArray[np.uint8] = np.concatenate(parts)
    return np.bitwise_xor(bytes, 128, dtype=np.uint8)


def _nodes(places: _Places, layout: Layout, columns: Columns, size: int) -> npt.NDArray[np.uint32]:
    table = np.empty((len(places.nodes), 4), dtype=np.uint32)
    start = layout.start[places.nodes]
    table[:, 0] = columns.column[places.nodes]
    # one byte four times, or two twice: a processor repeats 32 bits in all of a vector without a shuffle
    mask, repeat = (0xFF, 0x01010101) if size == 1 else (0xFFFF, 0x00010001)
    bytes = (columns.threshold[places.nodes] - 128, start, start + layout.under_left[places.nodes])
    for word, byte in enumerate(bytes, 1):
        table[:, word] = (byte & mask) * repeat
    return table


def _steps(places: _Places, forest: Forest, columns: Columns) -> npt.NDArray[np.int32]:
    nodes, leaves = len(places.nodes), len(places.leaves)
    new = np.empty(nodes + leaves, dtype=np.int64)
    new[places.nodes] = np.arange(nodes)
    new[nodes + places.leaves] = nodes + np.arange(leaves)
    table = np.empty((nodes + leaves + 1, 4), dtype=np.int32)
    table[:nodes, 0], table[:nodes, 1] = columns.column[places.nodes], columns.threshold[places.nodes] - 128
    for place, child in enumerate((forest.left, forest.right), 2):
        own = child[places.nodes]
        table[:nodes, place] = new[np.where(own < 0, nodes + ~own, own)]
    table[nodes:, 0], table[nodes:, 1] = 0, _NEVER
    table[nodes:, 2:] = np.arange(nodes, nodes + leaves + 1)[:, None]
    return table


def _linear(places: _Places, forest: Forest) -> dict[Head, npt.NDArray[Any]]:
    linear = forest.linear
    if linear is None:
        return {}
    counts = np.diff(linear.first)[places.leaves]
    first = np.cumsum(counts) - counts
    term = np.repeat(linear.first[places.leaves] - first, counts) + np.arange(counts.sum())
    begin = np.append(np.where(linear.linear[places.leaves], first, -1), -1)
    end = np.append(first + counts, 0)
    return {
        Head.TERMS: np.stack([begin, end], axis=1),
        Head.CONSTANTS: np.append(linear.constant[places.leaves], 0.0),
        Head.TERM_FEATURES: linear.feature[term],
        Head.COEFFICIENTS: linear.coefficient[term],
    }
