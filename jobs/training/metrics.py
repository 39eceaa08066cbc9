"""How good predictions are, by the form of the answer, beside what a constant would give.

Predictions and labels are of n rows. Those of classes have the shape (n, classes), those of quantiles (n, quantiles);
the label of a class is its place, or their number where it is none of the classes.

AUC is the share of pairs (true, false) in the right order, ties half. Average precision is the mean precision at the
true rows, by falling prediction. Deviances are McCullagh and Nelder's, Generalized Linear Models, 2nd edition.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from penstock.features.objectives import CLASSES, PROBABILITY, QUANTILES, SCORE, Objective
from penstock.jobs.training.ranking import ndcg

Doubles = npt.NDArray[np.float64]
Metrics = dict[str, float]

#: Bins of equal size by prediction, over which predicted and true shares are compared.
BINS = 10
#: Predictions are this far from 0 and 1 for the logarithm of a loss.
_EDGE = 1e-15


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
    if objective.answer == PROBABILITY:
        return _of_probabilities(predicted, label, weight)
    if objective.answer == CLASSES:
        return _of_classes(predicted, label.astype(np.int64), weight)
    if objective.answer == QUANTILES:
        return _of_quantiles(objective, predicted, label, weight)
    if objective.answer == SCORE:
        assert group is not None
        return ndcg(predicted, label, weight, group)
    error = predicted - label
    metrics = {"mae": _mean(np.abs(error), weight), "rmse": float(np.sqrt(_mean(error**2, weight)))}
    if objective.name == "quantile":
        metrics["pinball"] = _mean(_pinball(_alpha(objective), error), weight)
        metrics["share_below"] = _mean(label <= predicted, weight)
    if objective.name in ("poisson", "tweedie"):
        metrics["deviance"] = _mean(_deviance(_power(objective), predicted, label), weight)
    return metrics


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
        return np.array(_quantile(label, weight, _alpha(objective) if objective.name == "quantile" else 0.5))
    return np.array(_mean(label, weight))


def _of_classes(predicted: Doubles, label: npt.NDArray[np.int64], weight: Doubles) -> Metrics:
    """A row whose class the model does not know has the probability 0."""
    classes = predicted.shape[1]
    known = label < classes
    own = np.where(known, predicted[np.arange(len(label)), np.where(known, label, 0)], 0.0)
    metrics = {
        "log_loss": _mean(-np.log(np.maximum(own, _EDGE)), weight),
        "accuracy": _mean(np.argmax(predicted, axis=1) == label, weight),
    }
    return metrics if known.all() else {**metrics, "share_unknown": _mean(~known, weight)}


def _of_quantiles(objective: Objective, predicted: Doubles, label: Doubles, weight: Doubles) -> Metrics:
    metrics: Metrics = {"pinball": 0.0}
    for alpha, answers in zip(objective.alphas, predicted.T, strict=True):
        pinball = _mean(_pinball(alpha, answers - label), weight)
        metrics["pinball"] += pinball / len(objective.alphas)
        metrics |= {f"pinball_{alpha!r}": pinball, f"share_below_{alpha!r}": _mean(label <= answers, weight)}
    return metrics


def _of_probabilities(predicted: Doubles, label: Doubles, weight: Doubles) -> Metrics:
    inside = np.clip(predicted, _EDGE, 1 - _EDGE)
    loss = -np.where(label > 0, np.log(inside), np.log1p(-inside))
    metrics = {
        "log_loss": _mean(loss, weight),
        "brier": _mean((predicted - label) ** 2, weight),
        "calibration_error": _calibration_error(predicted, label, weight),
        "share_true": _mean(label, weight),
    }
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


def _pinball(alpha: float, error: Doubles) -> Doubles:
    loss: Doubles = np.where(error < 0, -alpha * error, (1 - alpha) * error)
    return loss


def _deviance(power: float, predicted: Doubles, label: Doubles) -> Doubles:
    mean: Doubles = np.maximum(predicted, _EDGE)
    if power == 1:
        logs: Doubles = np.where(label > 0, label * np.log(np.maximum(label, _EDGE) / mean), 0.0)
        poisson: Doubles = 2 * (logs - label + mean)
        return poisson
    own = label ** (2 - power) / ((1 - power) * (2 - power))
    tweedie: Doubles = 2 * (own - label * mean ** (1 - power) / (1 - power) + mean ** (2 - power) / (2 - power))
    return tweedie


def _alpha(objective: Objective) -> float:
    assert objective.parameter is not None
    return objective.parameter[1]


def _power(objective: Objective) -> float:
    return objective.parameter[1] if objective.parameter else 1.0


def _mean(values: npt.NDArray[np.float64] | npt.NDArray[np.bool_], weight: Doubles) -> float:
    return float(np.sum(values * weight) / np.sum(weight))


def _quantile(label: Doubles, weight: Doubles, alpha: float) -> float:
    """The label at which the weights of lesser ones pass the share ``alpha``; between two where it is exactly there."""
    order = np.argsort(label, kind="stable")
    passed = np.cumsum(weight[order])
    wanted = alpha * passed[-1]
    low = int(np.searchsorted(passed, wanted, "left"))
    high = int(np.searchsorted(passed, wanted, "right"))
    return float((label[order[min(low, len(label) - 1)]] + label[order[min(high, len(label) - 1)]]) / 2)
