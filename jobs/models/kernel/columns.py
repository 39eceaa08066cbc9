"""All of LightGBM's decisions as one: a byte of a column is above a node's threshold, or it is not.

Each feature has bounds, and a value's rank is how many of them are below it. A column gives a byte for each rank, and
for NaN: how many of its own thresholds are below the value, or whether a category is outside a set. How a value is
missing, and where it goes then, is in these bytes, so native code knows nothing of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penstock.features.errors import RefusedError
from penstock.jobs.models.kernel.forest import CATEGORICAL, DEFAULT_LEFT, NONE, ZERO, Floats, Forest, Ints

Bytes = npt.NDArray[np.uint8]

#: LightGBM's kZeroThreshold, a float: what is no farther from zero is zero.
NEXT_TO_ZERO = float(np.float32(1e-35))
#: The most thresholds of a column: its bytes are 0 to 255.
_MOST = 255
#: The most bytes of all columns together. Only many sets of many categories can need more.
_LARGEST = 64 * 2**20


@dataclass(frozen=True)
class RankedFeature:
    """``bounds``: rising, shape (bounds,). ``columns``: shape (2**steps, columns), a row for each rank, and the last
    row for NaN. There are fewer than ``2**steps - 1`` bounds: a search among so many, filled up by infinity, takes
    ``steps``.
    """

    feature: int
    steps: int
    bounds: Floats
    columns: Bytes


@dataclass(frozen=True)
class Columns:
    """``column``, ``threshold``: of each node. A node's right child is next where its column's byte is above."""

    features: Sequence[RankedFeature]
    column: Ints
    threshold: Ints


class _Numeric:
    """Thresholds of one feature and of one way to be missing."""

    def __init__(self, thresholds: Floats, missing: int, left: bool) -> None:
        self.thresholds, self._missing, self._left = thresholds, missing, left

    @property
    def bounds(self) -> Floats:
        # zero has a rank of its own where it is missing: values next to it are zero
        return np.append(self.thresholds, [-NEXT_TO_ZERO, 0.0]) if self._missing == ZERO else self.thresholds

    def bytes(self, bounds: Floats) -> Bytes:
        """Of each rank, and of NaN."""
        below = np.searchsorted(np.searchsorted(bounds, self.thresholds), np.arange(len(bounds) + 1)).astype(np.uint8)
        zero, default = np.searchsorted(bounds, 0.0), 0 if self._left else 255
        if self._missing == ZERO:
            below[zero] = default
        return np.append(below, below[zero] if self._missing == NONE else np.uint8(default))


class _Set:
    """Categories of one feature that go left."""

    def __init__(self, words: npt.NDArray[np.uint32]) -> None:
        self._own = categories_in(words)

    @property
    def bounds(self) -> Floats:
        """A value is taken without its fraction: below and above each category; zero's begins above -1."""
        below = np.nextafter(np.union1d(self._own, self._own + 1), -np.inf)
        return np.where(below < 0, -1.0, below)

    def bytes(self, bounds: Floats) -> Bytes:
        """Of each rank, and of NaN."""
        least = np.trunc(np.nextafter(np.append(-np.inf, bounds), np.inf))
        return np.append(~np.isin(least, self._own), True).astype(np.uint8)


def categories_in(words: npt.NDArray[np.uint32]) -> Floats:
    """Of a set, rising."""
    bits = np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little")
    return np.flatnonzero(bits).astype(np.float64)


@dataclass(frozen=True)
class _Column:
    """``nodes`` read it, with ``thresholds``."""

    feature: int
    own: _Numeric | _Set
    nodes: Ints
    thresholds: Ints


def columns_of(forest: Forest) -> Columns:
    """Raises RefusedError for columns that would be too large."""
    column, threshold = np.zeros((2, len(forest.feature)), dtype=np.int64)
    by_feature: dict[int, list[_Column]] = defaultdict(list)
    for each in (*_numeric(forest), *_categorical(forest)):
        by_feature[each.feature].append(each)
    features: list[RankedFeature] = []
    first, size = 0, 0
    for feature, columns in sorted(by_feature.items()):
        features.append(_ranked(feature, [each.own for each in columns], _LARGEST - size))
        size += features[-1].columns.size
        for number, each in enumerate(columns, first):
            column[each.nodes], threshold[each.nodes] = number, each.thresholds
        first += len(columns)
    return Columns(features, column, threshold)


def _ranked(feature: int, columns: Sequence[_Numeric | _Set], room: int) -> RankedFeature:
    bounds = np.unique(np.concatenate([column.bounds for column in columns]))
    steps = (len(bounds) + 1).bit_length()
    if (len(columns) << steps) > room:
        raise RefusedError(f"the model's sets of categories need more than {_LARGEST >> 20} MB as tables")
    table = np.zeros((len(columns), 1 << steps), dtype=np.uint8)
    for row, column in zip(table, columns, strict=True):
        own = column.bytes(bounds)
        row[: len(bounds) + 1], row[-1] = own[:-1], own[-1]
    return RankedFeature(feature, steps, bounds, np.ascontiguousarray(table.T))


def _numeric(forest: Forest) -> Iterator[_Column]:
    nodes = np.flatnonzero((forest.decision & CATEGORICAL) == 0)
    missing, left = (forest.decision[nodes] >> 2) & 3, (forest.decision[nodes] & DEFAULT_LEFT) != 0
    # where nothing is missing there is no default
    left |= missing == NONE
    key = forest.feature[nodes] * 8 + missing * 2 + left
    order = np.argsort(key)
    nodes, key = nodes[order], key[order]
    for own in np.split(nodes, np.flatnonzero(np.diff(key)) + 1):
        if len(own):
            decision = int(forest.decision[own[0]])
            distinct, place = np.unique(forest.threshold[own], return_inverse=True)
            for first in range(0, len(distinct), _MOST):
                those = (place >= first) & (place < first + _MOST)
                ways = (decision >> 2) & 3, bool(decision & DEFAULT_LEFT)
                numeric = _Numeric(distinct[first : first + _MOST], *ways)
                yield _Column(int(forest.feature[own[0]]), numeric, own[those], place[those] - first)


def _categorical(forest: Forest) -> Iterator[_Column]:
    same: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for node, words in forest.sets.items():
        same[int(forest.feature[node]), words.tobytes()].append(node)
    for (feature, bits), nodes in same.items():
        own = _Set(np.frombuffer(bits, dtype=np.uint32))
        yield _Column(feature, own, np.array(nodes), np.zeros(len(nodes), dtype=np.int64))
