"""Training: a LightGBM model on one range of a training set, evaluated on another, saved as the current version."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np

from penstock.features.errors import UsageError
from penstock.features.objectives import PROBABILITY
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.jobs.console.times import range_words
from penstock.jobs.models.folder import FORMAT, Metadata, Range, save, sha256
from penstock.jobs.training.examples import Doubles, Examples, TrainingSet, learned_label, read_examples
from penstock.jobs.training.metrics import Metrics, constant, main_metric, metrics_of
from penstock.jobs.training.parameters import Parameters, Value, parameters_of

#: With early stopping, the share of the trained range, at its end, on which the rounds are counted.
STOPPING_SHARE = 0.2


@dataclass(frozen=True)
class Fold:
    """A model of one part of the trained range, evaluated on the part that follows it. Times in milliseconds."""

    trained: Span
    evaluated: Span
    metrics: Metrics


@dataclass(frozen=True)
class TrainReport:
    """A version and how good it is on the evaluated rows, by metric. ``baseline``: the same of the best constant for
    the trained labels; ``on_trained``: of the model on the rows it was trained on; ``rounds``: its trees.
    """

    model: str
    version: str
    objective: str
    main: str
    rounds: int
    trained_rows: int
    evaluated_rows: int
    metrics: Metrics
    baseline: Metrics
    on_trained: Metrics
    folds: list[Fold] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def summary(self) -> str:
        """One line."""
        main = self.main
        more = f", AUC {self.metrics['auc']:.3f}" if "auc" in self.metrics else ""
        return (
            f"{self.model} {self.version}: {_WORDS[main]} {self.metrics[main]:.3f}{more} on {self.evaluated_rows:,} "
            f"rows (the best constant: {self.baseline[main]:.3f}), trained on {self.trained_rows:,}"
        )


_WORDS = {
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "pinball": "pinball loss",
    "deviance": "deviance",
    "log_loss": "log loss",
}


def train(
    file: Path,
    plan: ModelPlan,
    models: Path,
    trained: Span,
    evaluated: Span,
    *,
    threads: int = 1,
    parameters: Mapping[str, Value] | None = None,
    folds: int = 0,
) -> TrainReport:
    """Trains on the labelled rows of the first range, evaluates on the second, and makes the version current.

    ``parameters`` of LightGBM go before those of the definition. With ``early_stopping_round`` among them, the rounds
    are counted on the last fifth of the trained range by time, and then all of it is trained with so many. ``folds``:
    the trained range is cut into so many parts and one, by time, and each part but the first is predicted by a model
    of all parts before it.

    The same file and ranges give the same trees with any number of ``threads``, and with the same number the same model
    to the byte. Raises UsageError without rows or labels in a range, without the file, with a range beyond it, or for
    what the objective cannot learn; RefusedError for a training set of another definition.
    """
    learned_label(plan)  # what cannot be learned is told before any parameter
    told = parameters_of(plan, parameters or {}, threads)
    held = read_examples(file, plan, trained, evaluated)
    learned, tested = held.examples.between(trained), held.examples.between(evaluated)
    _insist(file, plan, told, {trained: learned, evaluated: tested})
    told["num_iterations"] = rounds = _rounds(plan, learned, trained, told)
    of_folds = [
        Fold(past, future, _of(plan, _fit(plan, learned.between(past), told), learned.between(future), threads))
        for past, future in _cuts(file, plan, learned, trained, folds)
    ]
    booster = _fit(plan, learned, told)
    metrics = _of(plan, booster, tested, threads)
    guess = np.full(len(tested.label), constant(plan.objective, learned.label, learned.weight))
    baseline = metrics_of(plan.objective, guess, tested.label, tested.weight)
    on_trained = _of(plan, booster, learned, threads)
    measured = {**metrics, **_named("baseline", baseline), **_named("trained", on_trained)}
    ranges = (learned.range(trained), tested.range(evaluated))
    return TrainReport(
        plan.name,
        _saved(plan, models, booster, held, ranges, measured, told),
        plan.objective.name,
        main_metric(plan.objective),
        rounds,
        len(learned.t),
        len(tested.t),
        metrics,
        baseline,
        on_trained,
        of_folds,
    )


def _saved(
    plan: ModelPlan,
    models: Path,
    booster: lgb.Booster,
    held: TrainingSet,
    ranges: tuple[Range, Range],
    metrics: Metrics,
    told: Parameters,
) -> str:
    """Writes the version. Returns its name."""
    model = booster.model_to_string()
    trained, evaluated = ranges
    metadata = Metadata(
        format=FORMAT,
        model=plan.name,
        fingerprint=plan.fingerprint,
        features=tuple((item.name, item.type) for item in plan.vector),
        categories=held.categories,
        label=learned_label(plan),
        before=held.before,
        trained=trained,
        evaluated=evaluated,
        metrics=metrics,
        parameters=told,
        libraries={"lightgbm": lgb.__version__, "numpy": np.__version__, "python": platform.python_version()},
        created=datetime.now(UTC),
        model_sha256=sha256(model.encode()),
    )
    return save(models, metadata, model)


def _named(of: str, metrics: Metrics) -> Metrics:
    return {f"{of}_{name}": value for name, value in metrics.items()}


def _without_rows(plan: ModelPlan, span: Span, where: Path, allowed: str) -> UsageError:
    weighed = " and a weight" if plan.weight else ""
    what = f"{plan.name} has no row with a label{weighed} from {range_words(span)}"
    return UsageError(what, where=str(where), allowed=allowed)


def _insist(file: Path, plan: ModelPlan, told: Parameters, ranges: Mapping[Span, Examples]) -> None:
    for span, examples in ranges.items():
        if not len(examples.t) or not examples.weight.sum() > 0:
            raise _without_rows(plan, span, file, "a range that holds some")
    learned, least = next(iter(ranges.values())), 2 * int(told["min_data_in_leaf"])
    if len(learned.t) < least:
        raise UsageError(
            f"{plan.name} has {len(learned.t):,} rows to train on, and no tree has a split below {least:,}",
            where=str(file),
            allowed="a longer range, or a smaller min_data_in_leaf",
            hint=f"--param min_data_in_leaf={max(1, len(learned.t) // 20)}",
        )
    if plan.objective.answer == PROBABILITY and len(np.unique(learned.label)) < 2:
        raise UsageError(
            f"all {len(learned.t):,} labels to train {plan.name} on are {'true' if learned.label[0] else 'false'}",
            where=str(file),
            allowed="a range with both",
        )


def _fit(plan: ModelPlan, learned: Examples, told: Parameters, tested: Examples | None = None) -> lgb.Booster:
    data = _dataset(plan, learned)
    if tested is None:
        return lgb.train(dict(told), data)
    return lgb.train(dict(told), data, valid_sets=[_dataset(plan, tested, data)])


def _dataset(plan: ModelPlan, examples: Examples, reference: lgb.Dataset | None = None) -> lgb.Dataset:
    names = [item.name for item in plan.vector]
    strings = [place for place, item in enumerate(plan.vector) if item.type == "string"]
    weight = None if plan.weight is None else examples.weight
    return lgb.Dataset(
        examples.matrix,
        examples.label,
        weight=weight,
        feature_name=names,
        categorical_feature=strings,
        reference=reference,
    )


def _rounds(plan: ModelPlan, learned: Examples, trained: Span, told: Parameters) -> int:
    """How many trees: those that were asked for, or fewer where more would no longer help."""
    if int(told.get("early_stopping_round", 0)) <= 0:
        return int(told["num_iterations"])
    cut = trained.to_ms - int((trained.to_ms - trained.from_ms) * STOPPING_SHARE)
    past, future = learned.between(Span(trained.from_ms, cut)), learned.between(Span(cut, trained.to_ms))
    if not len(past.t) or not len(future.t):
        raise UsageError(
            f"the trained range of {plan.name} has no rows on both sides of {range_words(Span(cut, trained.to_ms))}",
            where="early_stopping_round",
            hint="train on a longer range",
        )
    found = _fit(plan, past, told, future).best_iteration
    del told["early_stopping_round"]
    return found


def _cuts(file: Path, plan: ModelPlan, learned: Examples, trained: Span, folds: int) -> list[tuple[Span, Span]]:
    """Of each fold the trained and the evaluated part."""
    edges = [trained.from_ms + (trained.to_ms - trained.from_ms) * n // (folds + 1) for n in range(folds + 2)]
    cuts = [(Span(edges[0], edges[n]), Span(edges[n], edges[n + 1])) for n in range(1, folds + 1)]
    for past, future in cuts:
        for span in (past, future):
            if not len(learned.between(span).t):
                raise _without_rows(plan, span, file, "fewer --folds, or a longer range")
    return cuts


def _of(plan: ModelPlan, booster: lgb.Booster, examples: Examples, threads: int) -> Metrics:
    predicted: Doubles = np.asarray(booster.predict(examples.matrix, num_threads=threads))
    return metrics_of(plan.objective, predicted, examples.label, examples.weight)
