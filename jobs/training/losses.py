"""How far each answer is from its label: the losses whose means are metrics.

Each row is computed by itself from IEEE operations and the logarithm of the language, so a row has the same bits
whoever computes it: training over a range, and the stream row by row. Predictions and labels are of n rows, as in
``penstock.jobs.training.metrics``. No loss is greater than the greatest double.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from penstock.features.logarithm_columns import log
from penstock.features.objectives import CLASSES, PROBABILITY, QUANTILES, SCORE, Objective

Doubles = npt.NDArray[np.float64]
#: By metric, of each row; shape (n,).
Losses = dict[str, Doubles]

#: Predictions are this far from 0 and 1 for the logarithm of a loss.
_EDGE = 1e-15
_MOST = np.finfo(np.float64).max
#: Of a mean squared error, of which the metric is the root.
SQUARED = "squared_error"


def losses_of(objective: Objective, predicted: Doubles, label: Doubles) -> Losses:
    """Losses by the name of their metric. A ranking has none: a score means nothing without its group."""
    with np.errstate(over="ignore"):
        losses = _losses(objective, predicted, label)
    return {name: np.minimum(loss, _MOST) for name, loss in losses.items()}


def _losses(objective: Objective, predicted: Doubles, label: Doubles) -> Losses:
    if objective.answer == SCORE:
        return {}
    if objective.answer == PROBABILITY:
        return _of_probabilities(predicted, label)
    if objective.answer == CLASSES:
        return _of_classes(predicted, label.astype(np.int64))
    if objective.answer == QUANTILES:
        return _of_quantiles(objective, predicted, label)
    error = predicted - label
    losses: Losses = {"mae": np.abs(error), SQUARED: error * error}
    if objective.name == "quantile":
        losses["pinball"] = _pinball(parameter(objective), error)
        losses["share_below"] = (label <= predicted).astype(np.float64)
    if objective.name in ("poisson", "tweedie"):
        losses["deviance"] = _deviance(parameter(objective), predicted, label)
    return losses


def parameter(objective: Objective) -> float:
    """The objective's own one; 1 where it has none."""
    return objective.parameter[1] if objective.parameter else 1.0


def _of_probabilities(predicted: Doubles, label: Doubles) -> Losses:
    inside = np.clip(predicted, _EDGE, 1 - _EDGE)
    miss = predicted - label
    return {
        "log_loss": -log(np.where(label > 0, inside, 1 - inside)),
        "brier": miss * miss,
        "share_true": label.astype(np.float64),
    }


def _of_classes(predicted: Doubles, label: npt.NDArray[np.int64]) -> Losses:
    """A row whose class the model does not know has the probability 0."""
    known = label < predicted.shape[1]
    own = np.where(known, predicted[np.arange(len(label)), np.where(known, label, 0)], 0.0)
    return {
        "log_loss": -log(np.maximum(own, _EDGE)),
        "accuracy": (np.argmax(predicted, axis=1) == label).astype(np.float64),
        "share_unknown": (~known).astype(np.float64),
    }


def _of_quantiles(objective: Objective, predicted: Doubles, label: Doubles) -> Losses:
    losses: Losses = {"pinball": np.zeros(len(label))}
    for alpha, answers in zip(objective.alphas, predicted.T, strict=True):
        pinball = _pinball(alpha, answers - label)
        losses["pinball"] = losses["pinball"] + pinball / len(objective.alphas)
        losses |= {f"pinball_{alpha!r}": pinball, f"share_below_{alpha!r}": (label <= answers).astype(np.float64)}
    return losses


def _pinball(alpha: float, error: Doubles) -> Doubles:
    loss: Doubles = np.where(error < 0, -alpha * error, (1 - alpha) * error)
    return loss


def _deviance(power: float, predicted: Doubles, label: Doubles) -> Doubles:
    mean: Doubles = np.maximum(predicted, _EDGE)
    if power == 1:
        logs: Doubles = np.where(label > 0, label * log(np.maximum(label, _EDGE) / mean), 0.0)
        poisson: Doubles = 2 * (logs - label + mean)
        return poisson
    own = _power(label, 2 - power) / ((1 - power) * (2 - power))
    first, second = _power(mean, 1 - power), _power(mean, 2 - power)
    tweedie: Doubles = 2 * (own - label * first / (1 - power) + second / (2 - power))
    return tweedie


def _power(base: Doubles, exponent: float) -> Doubles:
    """One by one: numpy's own may differ by how many rows there are."""
    return np.fromiter((math.pow(number, exponent) for number in base.tolist()), np.float64, len(base))
