"""Order within ranges of a sequence: the k-th least number of a range, and how many of a range are below a bound.

A wavelet matrix (SPIRE 2012): the numbers by their bits, from the highest down, each level with the zeros
before the ones and otherwise in the order of the level above. A range stays a range from level to level. All queries go
down together, so no level is kept, and a query costs one step per bit.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from penstock.features.compilers.duckdb.words import Int64s


def kth(numbers: Int64s, low: Int64s, high: Int64s, k: Int64s) -> Int64s:
    """For each query the ``k``-th least (from 0) of ``numbers[low:high]``; anything where there are no more than k.

    ``numbers`` are not negative.
    """
    found = np.zeros_like(k)
    for bit, zeros in _levels(numbers, int(numbers.max(initial=0))):
        a, b = zeros[low], zeros[high]
        upper = k >= b - a
        k = np.where(upper, k - (b - a), k)
        low, high = _down(zeros, low, high, a, b, upper)
        found |= upper.astype(np.int64) << bit
    return found


def count_below(numbers: Int64s, low: Int64s, high: Int64s, bounds: Int64s) -> Int64s:
    """For each query how many of ``numbers[low:high]`` are below its bound. Neither numbers nor bounds are negative."""
    count = np.zeros_like(bounds)
    for bit, zeros in _levels(numbers, max(int(numbers.max(initial=0)), int(bounds.max(initial=0)))):
        a, b = zeros[low], zeros[high]
        upper = (bounds >> bit & 1).astype(np.bool_)
        count += np.where(upper, b - a, 0)
        low, high = _down(zeros, low, high, a, b, upper)
    return count


def _levels(numbers: Int64s, greatest: int) -> Iterator[tuple[int, Int64s]]:
    """Each bit, from the highest, and how many of the level's first 0, 1, … n numbers have it not."""
    for bit in range(greatest.bit_length() - 1, -1, -1):
        ones = (numbers >> bit & 1).astype(np.bool_)
        yield bit, np.concatenate((np.zeros(1, np.int64), np.cumsum(~ones, dtype=np.int64)))
        numbers = np.concatenate((numbers[~ones], numbers[ones]))


def _down(
    zeros: Int64s, low: Int64s, high: Int64s, a: Int64s, b: Int64s, upper: np.typing.NDArray[np.bool_]
) -> tuple[Int64s, Int64s]:
    """The ranges one level down: among the zeros, or behind all of them among the ones."""
    return np.where(upper, zeros[-1] + low - a, a), np.where(upper, zeros[-1] + high - b, b)
