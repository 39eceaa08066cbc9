"""A version held against the evaluated rows of its training set: slices, calibration, importance, SHAP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from penstock.features.dimensions import dimensions
from penstock.features.objectives import PROBABILITY
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.jobs.models.arrays import of_features
from penstock.jobs.models.folder import LoadedModel, load_version
from penstock.jobs.models.storage.storage import Models
from penstock.jobs.training.examples import Doubles, Examples, read_examples
from penstock.jobs.training.metrics import Metrics, calibration
from penstock.jobs.training.report.columns import SliceColumn
from penstock.jobs.training.report.slices import parts
from penstock.jobs.training.train import TrainReport, baseline_of, measured

#: Rows for which SHAP values are computed, evenly over the evaluated range, and those that are drawn.
SHAP_ROWS, DRAWN_ROWS = 2_000, 400


@dataclass(frozen=True)
class Part:
    """The rows of a slice. ``value``: what they have in common; ``baseline``: metrics of the best constant."""

    value: str
    rows: int
    metrics: Metrics
    baseline: Metrics


@dataclass(frozen=True)
class Importance:
    """A feature. ``gain``: its share of all that the splits gained, ``splits``: how many it has, ``shap``: the mean of
    the absolute SHAP values. ``points``: of the drawn rows SHAP value and rank of the feature's value from 0 to 1, NaN
    for a null; none of a vector, and where an answer has several numbers.
    """

    name: str
    gain: float
    splits: int
    shap: float
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Evaluation:
    """``slices``: by column; ``calibration``: of probabilities, in bins: mean prediction, true share, weight."""

    slices: dict[str, tuple[Part, ...]]
    calibration: tuple[tuple[float, float, float], ...]
    importance: tuple[Importance, ...]


def evaluation(
    file: Path,
    plan: ModelPlan,
    models: Models,
    spans: tuple[Span, Span],
    trained: TrainReport,
    columns: Mapping[str, SliceColumn],
) -> Evaluation:
    """Of the version that was just trained. ``spans``: trained and evaluated; ``columns``: by which rows are sliced.

    Raises what ``read_examples`` raises.
    """
    model = load_version(models, plan.name, trained.version, plan.fingerprint)
    held = read_examples(file, plan, *spans, model.metadata.categories)
    learned, tested = held.examples.between(spans[0]), held.examples.between(spans[1])
    answers = model.trees.predict(tested.matrix)
    answers = np.sort(answers, axis=1) if model.metadata.rising else answers
    return Evaluation(
        {
            name: tuple(
                Part(
                    value,
                    len(rows),
                    measured(plan, answers[rows], tested.at(rows)),
                    baseline_of(plan, held, learned, tested.at(rows)),
                )
                for value, rows in parts(column.values, times=column.times)
                if tested.weight[rows].sum() > 0
            )
            for name, column in columns.items()
        },
        tuple(calibration(answers, tested.label, tested.weight)) if plan.objective.answer == PROBABILITY else (),
        _importance(model, tested),
    )


def _importance(model: LoadedModel, tested: Examples) -> tuple[Importance, ...]:
    """The features, the most important first."""
    booster = model.booster
    sample = np.unique(np.linspace(0, len(tested.t) - 1, SHAP_ROWS).astype(np.int64))
    shap = model.shares(tested.matrix[sample])[:, :, :-1]
    drawn = np.unique(np.linspace(0, len(sample) - 1, DRAWN_ROWS).astype(np.int64))
    features = model.metadata.features
    gain, splits = (of_features(features, booster.feature_importance(kind)) for kind in ("gain", "split"))
    firsts = np.cumsum([0, *(dimensions(type) or 1 for _, type in features)])
    each = [
        Importance(
            name,
            float(gain[place] / max(gain.sum(), np.finfo(float).tiny)),
            int(splits[place]),
            float(np.abs(shap[:, :, place]).mean()),
            _points(shap[drawn, 0, place], tested.matrix[sample][drawn, firsts[place]])
            if shap.shape[1] == 1 and dimensions(type) is None
            else (),
        )
        for place, (name, type) in enumerate(features)
    ]
    return tuple(sorted(each, key=lambda feature: -feature.shap))


def _points(shap: Doubles, values: Doubles) -> tuple[tuple[float, float], ...]:
    known = np.unique(values[~np.isnan(values)])
    ranks: npt.NDArray[np.float64] = np.searchsorted(known, values) / max(len(known) - 1, 1)
    ranks[np.isnan(values)] = np.nan
    return tuple(zip(shap.tolist(), ranks.tolist(), strict=True))
