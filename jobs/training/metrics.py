"""How good predictions are, by the form of the answer, beside what a constant would give.

Predictions and labels are of n rows. Those of classes have the shape (n, classes), those of quantiles (n, quantiles);
the label of a class is its place, or their number where it is none of the classes.

AUC is the share of pairs (true, false) in the right order, ties half. Average precision is the mean precision at the
true rows, by falling prediction. Deviances are McCullagh and Nelder's, Generalized Linear Models, 2nd edition.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from penstock.features.exact_sums import exact_ratio, exact_sum
from penstock.features.objectives import CLASSES, PROBABILITY, QUANTILES, SCORE, Objective
from penstock.jobs.training.losses import SQUARED, losses_of, parameter
from penstock.jobs.training.ranking import ndcg

Doubles = npt.NDArray[np.float64]
Metrics = dict[str, float]

#: Bins of equal size by prediction, over which predicted and true shares are compared.
BINS = 10

_MAIN = {
    "l2": "rmse",
    "quantile": "pinball",
    "quantiles": "pinball",
    "poisson": "deviance",
    "tweedie": "deviance",
    "ranking": "ndcg",
}


def main_metric(objective: Objective) -> str:
    """The metric that the objective makes small, or for a ranking great."""
    if objective.answer in (PROBABILITY, CLASSES):
        return "log_loss"
    return _MAIN.get(objective.name, "mae")


def metrics_of(
    objective: Objective,
    predicted: Doubles,
    label: Doubles,
    weight: Doubles,
    group: npt.NDArray[np.int64] | None = None,
) -> Metrics:
    """Metrics by name, of n rows, n at least 1. Each metric is a weighted mean over the rows, or over the groups of a
    ranking. Shape of ``label``, ``weight`` and ``group``: (n,).
    """
    if objective.answer == SCORE:
        assert group is not None
        return ndcg(predicted, label, weight, group)
    losses = losses_of(objective, predicted, label)
    metrics = of_means({name: _mean(loss, weight) for name, loss in losses.items()})
    return metrics | (_of_order(predicted, label, weight) if objective.answer == PROBABILITY else {})


def of_means(means: Metrics) -> Metrics:
    """The metrics of mean losses, by name."""
    metrics = {("rmse" if name == SQUARED else name): mean for name, mean in means.items()}
    if SQUARED in means:
        metrics["rmse"] = math.sqrt(means[SQUARED])
    # the share of classes that the model does not know is worth a word only where there are some
    return {name: mean for name, mean in metrics.items() if name != "share_unknown" or mean > 0}


def constant(objective: Objective, label: Doubles, weight: Doubles, classes: int = 0) -> Doubles:
    """The best constant prediction for these labels, of the shape of an answer: their mean, median or quantiles, the
    share of each class; of a ranking any.
    """
    if objective.answer == CLASSES:
        shares: Doubles = np.array([weight[label == place].sum() for place in range(classes)]) / weight.sum()
        return shares
    if objective.answer == SCORE:
        return np.array(0.0)
    if objective.answer == QUANTILES:
        return np.array([_quantile(label, weight, alpha) for alpha in objective.alphas])
    if objective.name in ("l1", "huber", "quantile"):
        return np.array(_quantile(label, weight, parameter(objective) if objective.name == "quantile" else 0.5))
    return np.array(_mean(label, weight))


def _of_order(predicted: Doubles, label: Doubles, weight: Doubles) -> Metrics:
    """Of probabilities: what depends on all rows together."""
    metrics = {"calibration_error": _calibration_error(predicted, label, weight)}
    if 0 < np.count_nonzero(label) < len(label):
        metrics |= {"auc": _auc(predicted, label, weight), "average_precision": _precision(predicted, label, weight)}
    return metrics


def _auc(predicted: Doubles, label: Doubles, weight: Doubles) -> float:
    _, group = np.unique(predicted, return_inverse=True)
    true = np.bincount(group, weight * label)
    false = np.bincount(group, weight * (1 - label))
    below = np.cumsum(false) - false
    return float(np.sum(true * (below + false / 2)) / (true.sum() * false.sum()))


def _precision(predicted: Doubles, label: Doubles, weight: Doubles) -> float:
    _, group = np.unique(-predicted, return_inverse=True)
    true, all_rows = np.bincount(group, weight * label), np.bincount(group, weight)
    precision = np.cumsum(true) / np.maximum(np.cumsum(all_rows), np.finfo(float).tiny)
    return float(np.sum(true * precision) / true.sum())


def calibration(predicted: Doubles, label: Doubles, weight: Doubles) -> list[tuple[float, float, float]]:
    """Of each of at most ``BINS`` bins by prediction: mean prediction, true share, weight."""
    parts = np.array_split(np.argsort(predicted, kind="stable"), BINS)
    return [
        (_mean(predicted[rows], weight[rows]), _mean(label[rows], weight[rows]), float(weight[rows].sum()))
        for rows in parts
        if weight[rows].sum() > 0
    ]


def _calibration_error(predicted: Doubles, label: Doubles, weight: Doubles) -> float:
    bins = calibration(predicted, label, weight)
    return sum(abs(said - true) * share for said, true, share in bins) / sum(share for _, _, share in bins)


def _mean(values: npt.NDArray[np.float64] | npt.NDArray[np.bool_], weight: Doubles) -> float:
    """Of exact sums: it does not depend on the order of the rows."""
    return exact_ratio(exact_sum(values * weight), exact_sum(weight))


def _quantile(label: Doubles, weight: Doubles, alpha: float) -> float:
    """The label at which the weights of lesser ones pass the share ``alpha``; between two where it is exactly there."""
    order = np.argsort(label, kind="stable")
    passed = np.cumsum(weight[order])
    wanted = alpha * passed[-1]
    low = int(np.searchsorted(passed, wanted, "left"))
    high = int(np.searchsorted(passed, wanted, "right"))
    return float((label[order[min(low, len(label) - 1)]] + label[order[min(high, len(label) - 1)]]) / 2)
