"""Training: a LightGBM model on one range of a training set, evaluated on another, saved as the current version."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np

from penstock.features.errors import UsageError
from penstock.features.objectives import QUANTILES
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.jobs.binning.trained import trained as counts_of
from penstock.jobs.models.folder import FORMAT, Metadata, Range, save, sha256
from penstock.jobs.models.lines import line_of
from penstock.jobs.models.storage.storage import Models
from penstock.jobs.training.enough import check_groups, insist, without_rows
from penstock.jobs.training.examples import Doubles, Examples, TrainingSet, learned_label, read_examples
from penstock.jobs.training.fit import fit, rounds
from penstock.jobs.training.metrics import Metrics, constant, main_metric, metrics_of
from penstock.jobs.training.parameters import Parameters, Value, parameters_of

#: Rows to train on that a value needs for a version of its own, unless told otherwise.
LEAST = 1_000


@dataclass(frozen=True)
class Fold:
    """A model of one part of the trained range, evaluated on the part that follows it. Times in milliseconds.
    ``baseline``: metrics of the best constant for the first part.
    """

    trained: Span
    evaluated: Span
    metrics: Metrics
    baseline: Metrics


@dataclass(frozen=True)
class TrainReport:
    """A version and how good it is on the evaluated rows, by metric. ``baseline``: the same of the best constant for
    the trained labels; ``on_trained``: of the model on the rows it was trained on; ``rounds``: its trees;
    ``part``: of a model with ``by=``, the value that the version is for, None for the rest.
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
    part: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def summary(self) -> str:
        """One line."""
        main = self.main
        more = f", AUC {self.metrics['auc']:.3f}" if "auc" in self.metrics else ""
        return (
            f"{line_of(self.model, self.part)} {self.version}: {_WORDS[main]} {self.metrics[main]:.3f}{more} on "
            f"{self.evaluated_rows:,} rows (the best constant: {self.baseline[main]:.3f}), trained on "
            f"{self.trained_rows:,}"
        )


_WORDS = {
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "pinball": "pinball loss",
    "deviance": "deviance",
    "log_loss": "log loss",
    "ndcg": "NDCG",
}


def train(
    file: Path,
    plan: ModelPlan,
    models: Models,
    trained: Span,
    evaluated: Span,
    *,
    threads: int = 1,
    parameters: Mapping[str, Value] | None = None,
    folds: int = 0,
    part: str | None = None,
    current: bool = True,
) -> TrainReport:
    """Trains on the labelled rows of the first range, evaluates on the second, and makes the version current
    unless told otherwise. ``part``: of a model with ``by=``, the value whose rows alone count; None: all rows count,
    for the rest.

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
    return _train(Task(file, plan, models, trained, evaluated, threads, folds, current), held, told, part)


def train_parts(
    file: Path,
    plan: ModelPlan,
    models: Models,
    trained: Span,
    evaluated: Span,
    *,
    threads: int = 1,
    parameters: Mapping[str, Value] | None = None,
    least: int = LEAST,
) -> tuple[list[TrainReport], dict[str, str]]:
    """Trains a model with ``by=``: a version for the rest, and one for each value with ``least`` rows to train on.

    Returns their reports, that of the rest first; and by value why it is left to the rest, where it has rows. Raises as
    ``train`` for the rest.
    """
    learned_label(plan)
    told = parameters_of(plan, parameters or {}, threads)
    held = read_examples(file, plan, trained, evaluated)
    task = Task(file, plan, models, trained, evaluated, threads, 0, True)
    reports, left = [_train(task, held, dict(told), None)], {}
    texts = held.examples.between(trained).part
    assert texts is not None
    for part, rows in sorted(Counter(text for text in texts.tolist() if text is not None).items()):
        if rows < least:
            left[part] = f"{rows:,} rows to train on, {least:,} are needed"
            continue
        try:
            reports.append(_train(task, held, dict(told), part))
        except UsageError as error:
            left[part] = error.what
    return reports, left


@dataclass(frozen=True)
class Task:
    """What is trained: the arguments of ``train`` that are the same for all parts."""

    file: Path
    plan: ModelPlan
    models: Models
    trained: Span
    evaluated: Span
    threads: int
    folds: int
    current: bool


def _train(task: Task, whole: TrainingSet, told: Parameters, part: str | None) -> TrainReport:
    file, plan, models, threads = task.file, task.plan, task.models, task.threads
    trained, evaluated = task.trained, task.evaluated
    line_of(plan.name, part)  # a value that cannot name a folder is told before the work
    held = replace(whole, examples=whole.examples.of_part(part))
    told |= {"num_class": len(held.classes)} if held.classes else {}
    learned, tested = held.examples.between(trained), held.examples.between(evaluated)
    insist(file, plan, told, {trained: learned, evaluated: tested}, held.classes)
    told["num_iterations"] = trees = rounds(plan, learned, trained, told)
    told.pop("early_stopping_round", None)
    of_folds = [
        _fold(plan, held, told, learned, *cut, threads) for cut in _cuts(file, plan, learned, trained, task.folds)
    ]
    booster = fit(plan, learned, told)
    metrics = _of(plan, booster, tested, threads)
    baseline = baseline_of(plan, held, learned, tested)
    on_trained = _of(plan, booster, learned, threads)
    figures = {**metrics, **named("baseline", baseline), **named("trained", on_trained)}
    ranges = (learned.range(trained), tested.range(evaluated))
    return TrainReport(
        plan.name,
        saved(plan, models, booster, held, learned, ranges, figures, told, part=part, current=task.current),
        plan.objective.name,
        main_metric(plan.objective),
        trees,
        len(learned.t),
        len(tested.t),
        metrics,
        baseline,
        on_trained,
        of_folds,
        part,
    )


def saved(
    plan: ModelPlan,
    models: Models,
    booster: lgb.Booster,
    held: TrainingSet,
    learned: Examples,
    ranges: tuple[Range, Range],
    metrics: Metrics,
    told: Parameters,
    *,
    part: str | None = None,
    current: bool = True,
) -> str:
    """Writes the version, with the counts of the rows that it learned, and makes it the current one unless told
    otherwise. Returns its name.
    """
    model = booster.model_to_string()
    trained, evaluated = ranges
    features = tuple((item.name, item.type) for item in plan.vector)
    counts = counts_of(features, held.categories, held.classes, model, learned.matrix, learned.label, learned.t)
    counted = counts.model_dump_json().encode()
    metadata = Metadata(
        format=FORMAT,
        model=plan.name,
        fingerprint=plan.fingerprint,
        features=features,
        categories=held.categories,
        label=learned_label(plan),
        before=held.before,
        answer=plan.objective.answer,
        outputs=outputs_of(plan, held),
        rising=rising(plan),
        part=part,
        trained=trained,
        evaluated=evaluated,
        metrics=metrics,
        parameters=told,
        libraries={"lightgbm": lgb.__version__, "numpy": np.__version__, "python": platform.python_version()},
        created=datetime.now(UTC),
        counts_sha256=sha256(counted),
        model_sha256=sha256(model.encode()),
    )
    return save(models, metadata, model.encode(), counted, current=current)


def named(of: str, metrics: Metrics) -> Metrics:
    """Metrics as they stand in a version's metadata beside its own."""
    return {f"{of}_{name}": value for name, value in metrics.items()}


def _fold(
    plan: ModelPlan, held: TrainingSet, told: Parameters, learned: Examples, past: Span, future: Span, threads: int
) -> Fold:
    before, after = learned.between(past), learned.between(future)
    metrics = _of(plan, fit(plan, before, told), after, threads)
    return Fold(past, future, metrics, baseline_of(plan, held, before, after))


def _cuts(file: Path, plan: ModelPlan, learned: Examples, trained: Span, folds: int) -> list[tuple[Span, Span]]:
    """Of each fold the trained and the evaluated part."""
    edges = [trained.from_ms + (trained.to_ms - trained.from_ms) * n // (folds + 1) for n in range(folds + 2)]
    cuts = [(Span(edges[0], edges[n]), Span(edges[n], edges[n + 1])) for n in range(1, folds + 1)]
    for past, future in cuts:
        for span in (past, future):
            if not len(learned.between(span).t):
                raise without_rows(plan, span, file, "fewer --folds, or a longer range")
            check_groups(file, plan, span, learned.between(span))
    return cuts


def _of(plan: ModelPlan, booster: lgb.Booster, examples: Examples, threads: int) -> Metrics:
    answers: Doubles = np.asarray(booster.predict(examples.matrix, num_threads=threads))
    return measured(plan, np.sort(answers, axis=1) if rising(plan) else answers, examples)


def measured(plan: ModelPlan, answers: Doubles, examples: Examples) -> Metrics:
    """Metrics by name of answers to the examples."""
    return metrics_of(plan.objective, answers, examples.label, examples.weight, examples.group)


def baseline_of(plan: ModelPlan, held: TrainingSet, learned: Examples, tested: Examples) -> Metrics:
    """Metrics of the best constant for the learned labels."""
    guess = constant(plan.objective, learned.label, learned.weight, len(held.classes))
    return measured(plan, np.tile(guess, (len(tested.t), *[1] * guess.ndim)), tested)


def outputs_of(plan: ModelPlan, held: TrainingSet) -> tuple[str, ...]:
    """The names of the numbers in an answer; none for one number."""
    return held.classes or tuple(map(repr, plan.objective.alphas))


def rising(plan: ModelPlan) -> bool:
    """Are the numbers of an answer put in order?"""
    return plan.objective.answer == QUANTILES and not plan.objective.crossing
