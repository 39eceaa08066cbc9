"""Windows for a comparison: whole hours, as many together as have enough rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penstock.jobs.binning.bins import Counts

#: Windows are made of hours of requests' event times, in milliseconds.
HOUR_MS = 3_600_000
#: A block has so many rows at least: fewer say little, whatever they are.
ROWS = 30


@dataclass(frozen=True)
class Blocks:
    """k windows of h hours one after the other. ``starts`` (k,) and ``ends`` (k,): places among the hours; ``from_ms``
    and ``to_ms`` (k,): their times; ``rows`` (k,).
    """

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    from_ms: npt.NDArray[np.int64]
    to_ms: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def counts(self, of_hours: Counts) -> Counts:
        """Of counts by hour, (h, bins), those of each block: (k, bins)."""
        if not len(self):
            return np.zeros((0, of_hours.shape[1]), np.int64)
        return np.add.reduceat(of_hours[: self.ends[-1]], self.starts, axis=0)


def blocks_of(hours: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> Blocks:
    """Each block is as short as can be. ``hours`` (h,): rising, in milliseconds; ``rows`` (h,): those of each.

    The newest hours are a block as soon as they have enough rows; fewer are none.
    """
    starts, ends, held = [], [], 0
    start = 0
    for place, number in enumerate(rows.tolist()):
        held += number
        if held >= ROWS:
            starts.append(start)
            ends.append(place + 1)
            start, held = place + 1, 0
    first, last = np.array(starts, np.int64), np.array(ends, np.int64)
    passed = np.concatenate([[0], np.cumsum(rows)]).astype(np.int64)
    return Blocks(first, last, hours[first], hours[last - 1] + HOUR_MS, passed[last] - passed[first])
