"""How well scores rank: NDCG (Järvelin and Kekäläinen 2002), with gains 2**grade - 1 as LightGBM learns them.

Equal scores say nothing about the order of their rows. So each row has the mean of the discounts of their places
(McSherry and Najork 2008), which is what an order by chance gives.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

#: NDCG of the first so many rows of each group, beside that of all.
CUTS = (1, 5, 10)


def ndcg(score: Doubles, label: Doubles, weight: Doubles, group: npt.NDArray[np.int64]) -> dict[str, float]:
    """The mean over the groups, weighted by the mean weight of their rows; all arguments have the shape (n,).

    A group whose labels are all 0 has no order that is better than another, and is left out. Where all groups are like
    that, every order is the best: 1.
    """
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    parts = [rows for rows in np.split(order, starts[1:]) if (label[rows] > 0).any()]
    shares = np.array([weight[rows].mean() for rows in parts])
    names = {"ndcg": len(score), **{f"ndcg_{cut}": cut for cut in CUTS}}
    if not shares.sum() > 0:
        return dict.fromkeys(names, 1.0)
    return {
        name: float(np.sum(shares * [_of_group(score[rows], label[rows], cut) for rows in parts]) / shares.sum())
        for name, cut in names.items()
    }


def _of_group(score: Doubles, label: Doubles, cut: int) -> float:
    gains = 2.0**label - 1
    discounts = np.where(np.arange(len(label)) < cut, 1 / np.log2(np.arange(len(label)) + 2.0), 0.0)
    _, place, ties = np.unique(-score, return_inverse=True, return_counts=True)
    of_ties = np.add.reduceat(discounts, np.cumsum(ties) - ties) / ties
    return float(np.sum(gains * of_ties[place]) / np.sum(np.sort(gains)[::-1] * discounts))
