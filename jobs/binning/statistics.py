"""How far counts of now are from those of training, computed from the counts alone.

The population stability index is ``sum((w - p) * ln(w / p))`` over bins with shares ``p`` then and ``w`` now (Siddiqi,
Credit Risk Scorecards, 2006): Kullback and Leibler's divergence in both directions. Kolmogorov and Smirnov's statistic
is the greatest difference of the shares up to an edge. Wasserstein's distance is the area between them, here between
the first edge and the last one, in the feature's own unit.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from penstock.features.logarithm_columns import log
from penstock.jobs.binning.bins import Bins, Counts, Doubles

#: Many bins hold few values of a window each, and chance alone would make their index great. So neighbours are taken
#: together, up to these shares of training; the tails stay apart, for that is where a change of units shows.
SHARES = (0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)
#: The share, of all groups together, of what training has never seen.
UNSEEN = 1e-4
#: The quantile of the normal distribution that one of a million is above.
_Z = NormalDist().inv_cdf(1 - 1e-6)


class Reference:
    """The counts of training, to which others are compared. ``counts``: (size,), not all zero."""

    def __init__(self, bins: Bins, counts: Counts) -> None:
        self.bins, self.counts = bins, counts
        self.groups = _groups(bins, counts)
        self.size = int(self.groups.max()) + 1
        grouped = np.bincount(self.groups, counts, self.size)
        share = grouped / grouped.sum() + UNSEEN / self.size
        self._share: Doubles = share / share.sum()

    def psi(self, counts: Counts) -> Doubles:
        """Of windows, (windows, size), none empty; (windows,). One row of training is added to each window, so that an
        empty bin has a logarithm.
        """
        grouped = self._grouped(counts)
        total = grouped.sum(axis=1, keepdims=True)
        now = (grouped + self._share) / (total + 1)
        ratio = (now / self._share).ravel()
        return ((now - self._share) * log(ratio).reshape(now.shape)).sum(axis=1)  # type: ignore[no-any-return]

    def shares(self, counts: Counts) -> Doubles:
        """Of windows, (windows, size), none empty, the share of each group: (windows, groups)."""
        grouped = self._grouped(counts)
        return grouped / grouped.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]

    def excess(self, counts: Counts, greatest: Doubles) -> Doubles:
        """Of windows, the share of rows beyond the ``greatest`` share (groups,) that any window of training has in
        their group: (windows,), from 0 to 1.
        """
        return np.maximum(0.0, self.shares(counts) - greatest).sum(axis=1)  # type: ignore[no-any-return]

    def _grouped(self, counts: Counts) -> Doubles:
        grouped = np.zeros((len(counts), self.size))
        np.add.at(grouped.T, self.groups, counts.T)
        return grouped

    def by_chance(self, rows: Counts) -> Doubles:
        """What an index of so many rows of training itself, (windows,), is above in one of a million windows.

        Rows times index follow the chi-square distribution with a degree less than there are groups; its quantile is
        Wilson and Hilferty's (1931).
        """
        degrees = max(1, self.size - 1)
        cube = 1 - 2 / (9 * degrees) + _Z * math.sqrt(2 / (9 * degrees))
        return np.asarray(degrees * cube**3 / rows)

    def ks(self, counts: Counts) -> float | None:
        """Of known values; of texts, which have no order, and without any None."""
        gap = self._gap(counts)
        return None if gap is None else float(np.abs(gap).max(initial=0.0))

    def wasserstein(self, counts: Counts) -> float | None:
        """As ``ks``."""
        gap = self._gap(counts)
        return None if gap is None else float(np.sum(np.abs(gap[:-1]) * np.diff(self.bins.edges)))

    def _gap(self, counts: Counts) -> Doubles | None:
        """At each edge, the share of known values up to it now less that of training."""
        now, then = counts[:-1], self.counts[:-1]
        if self.bins.text or not now.sum() or not then.sum():
            return None
        shares = [np.cumsum(each)[:-1] / each.sum() for each in (now, then)]
        return np.asarray(shares[0] - shares[1])


def null_share(counts: Counts) -> float:
    """Of values, at least one."""
    return int(counts[-1]) / int(counts.sum())


def unseen_share(bins: Bins, counts: Counts) -> float:
    """Of values, at least one: those of texts that training did not have."""
    return int(counts[-2]) / int(counts.sum()) if bins.text else 0.0


def _groups(bins: Bins, counts: Counts) -> npt.NDArray[np.int64]:
    """Of each bin its group: texts, other texts and nulls have one each, numbers share one with their neighbours."""
    if bins.text:
        return np.arange(bins.size)
    known = counts[:-1]
    middles = np.cumsum(known) - known / 2
    _, places = np.unique(np.searchsorted(np.array(SHARES) * known.sum(), middles, "right"), return_inverse=True)
    return np.append(places, places.max() + 1)
