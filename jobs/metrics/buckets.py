"""Histograms that take a whole batch at once: Prometheus' own takes one value at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from prometheus_client.core import HistogramMetricFamily

#: Upper bounds in seconds, for what takes from a millisecond to a minute.
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
#: Upper bounds in seconds, for what is from a second to a month old.
AGES = (1.0, 10.0, 60.0, 300.0, 1_800.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0, 2_592_000.0)
#: Upper bounds of a number of records.
SIZES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 5_000.0, 50_000.0)


class Buckets:
    """Counts of values by ``bounds``, their upper bounds, ascending; one more bucket takes what is above them all."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = np.asarray(bounds)
        self._counts = np.zeros(len(bounds) + 1, dtype=np.int64)
        self._sum = 0.0

    def observe(self, values: ArrayLike) -> None:
        """Counts values in."""
        taken = np.asarray(values, dtype=np.float64)
        # a value that equals a bound is within it
        places = np.searchsorted(self._bounds, taken, side="left")
        self._counts += np.bincount(places, minlength=len(self._counts))
        self._sum += float(taken.sum())

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str]) -> None:
        """Puts the cumulative counts into a family, under these labels' values."""
        bounds = [*(repr(bound) for bound in self._bounds.tolist()), "+Inf"]
        counts = np.cumsum(self._counts).tolist()
        family.add_metric(labels, list(zip(bounds, counts, strict=True)), self._sum)
