"""The vectors that were answered last: a version is tried on them before it answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from penstock.features.vector import Values

#: So many of the newest vectors are kept; of a model with ``by=`` so many, as each part needs some of its own.
VECTORS, VECTORS_OF_PARTS = 1_000, 10_000

Columns = Mapping[str, Values]


class Recent:
    """The newest vectors, as they came. One thread adds, another one may read. ``most``: how many are enough."""

    def __init__(self, most: int = VECTORS) -> None:
        self._batches: deque[tuple[int, Columns, Sequence[Any] | None]] = deque()
        self._rows, self._most = 0, most

    def add(self, rows: int, columns: Columns, parts: Sequence[Any] | None = None) -> None:
        """Keeps the vectors of a transaction; the oldest go once the others are enough. ``parts``: of which value of
        the model's column each is.
        """
        self._batches.append((rows, columns, parts))
        self._rows += rows
        while self._rows - self._batches[0][0] >= self._most:
            self._rows -= self._batches.popleft()[0]

    def batches(self, part: Any = None) -> list[Columns]:
        """Those that are there now: all of them, or those of a part."""
        kept = list(self._batches)
        if part is None:
            return [columns for _, columns, _ in kept]
        return [
            _chosen(columns, [place for place, each in enumerate(parts or ()) if each == part])
            for _, columns, parts in kept
        ]


def _chosen(columns: Columns, places: list[int]) -> Columns:
    at = np.array(places, dtype=np.int64)
    return {name: Values(each.type, each.values[at], each.null[at]) for name, each in columns.items()}
