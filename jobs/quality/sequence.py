"""A confidence sequence for a mean difference: an interval that may be looked at at any time, and after each look.

The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit
theory and asymptotic confidence sequences", Annals of Statistics 52(6), 2024, Theorem 2.2. After t differences with
mean m and variance v it is, with r = rho**2,

    m ± sqrt(v) * sqrt(2 * (t*r + 1) / (t*t*r) * log(sqrt(t*r + 1) / alpha))

For differences that depend on those before them it covers the running mean of their conditional means (section 2.5
there). Losses have no bounds, so no sequence for bounded numbers would do; its price is that the first look waits.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

#: The share of sequences that at some time do not hold the mean.
ALPHA = 0.05
#: The first look is after so many differences: before it a variance says little.
FIRST = 200
#: The sequence is tightest after about so many.
TIGHT = 2_000


class Sequence(NamedTuple):
    """After each number ``labels`` of differences (k,): their ``mean``, and the bounds ``low`` and ``high``."""

    labels: npt.NDArray[np.int64]
    mean: Doubles
    low: Doubles
    high: Doubles


def rho_squared(alpha: float = ALPHA, tight: int = TIGHT) -> float:
    """The r with which the sequence is tightest after ``tight`` differences (appendix of the same paper)."""
    twice = -2 * math.log(alpha)
    return (twice + math.log(twice + 1)) / tight


def confidence_sequence(differences: Doubles, alpha: float = ALPHA) -> Sequence:
    """From the ``FIRST`` difference on, in the order in which they became known; empty where there are fewer.

    Shape of ``differences``: (n,).
    """
    count = np.arange(1, len(differences) + 1)
    mean = np.cumsum(differences) / count
    variance = np.maximum(np.cumsum(differences * differences) / count - mean * mean, 0.0)
    r = rho_squared(alpha)
    spread = 2 * (count * r + 1) / (count * count * r) * np.log(np.sqrt(count * r + 1) / alpha)
    width = np.sqrt(variance * spread)
    seen = slice(FIRST - 1, None)
    return Sequence(count[seen], mean[seen], (mean - width)[seen], (mean + width)[seen])
