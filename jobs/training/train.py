"""Training: a LightGBM model on one range of a training set, evaluated on another, saved as the current version."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.features.errors import RefusedError, UsageError
from penstock.features.plan import LabelPlan, ModelPlan
from penstock.features.vector import Values
from penstock.jobs.batch.parts import BEFORE, FINGERPRINT, FROM, TO
from penstock.jobs.console.times import range_words
from penstock.jobs.models.arrays import Matrix, matrix, values_of
from penstock.jobs.models.folder import FORMAT, Metadata, Range, save, sha256
from penstock.jobs.parquet.checksums import check_files

Span = tuple[int, int]

#: The type of the labels that the trainer can learn.
LEARNED = "float64"
_LEARN_ELSEWHERE = {
    "bool": "the training set has the label: a classifier can be trained on it elsewhere",
    "int64": "for a quantity declare the column as float64; for classes train elsewhere on the training set",
}

ROUNDS = 100
#: L1 is the metric itself. On the flights, October: L1 10.3, squared error 10.4, Huber 10.5 to 11.2 minutes.
PARAMETERS: dict[str, str | int | float | bool] = {
    "objective": "regression_l1",
    "learning_rate": 0.12,
    "num_leaves": 63,
    "max_bin": 127,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.7,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True)
class TrainReport:
    """A version and how good it is. ``mae``: mean absolute error over the evaluated rows; ``median_mae``: that of
    always predicting the median of the trained labels; ``trained_mae``: of the model on the rows it was trained on.
    """

    model: str
    version: str
    trained_rows: int
    evaluated_rows: int
    mae: float
    median_mae: float
    trained_mae: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def summary(self) -> str:
        """One line."""
        return (
            f"{self.model} {self.version}: mean absolute error {self.mae:.3f} on {self.evaluated_rows:,} rows "
            f"(predicting the median: {self.median_mae:.3f}), trained on {self.trained_rows:,}"
        )


@dataclass(frozen=True)
class Examples:
    """The labelled rows of a training set: ``matrix`` (n, features), ``label`` (n,) and ``t`` (n,), milliseconds."""

    matrix: Matrix
    label: npt.NDArray[np.float64]
    t: npt.NDArray[np.int64]

    def between(self, span: Span) -> Examples:
        """Those with ``span[0] <= t < span[1]``."""
        chosen = (self.t >= span[0]) & (self.t < span[1])
        return Examples(self.matrix[chosen], self.label[chosen], self.t[chosen])

    def range(self, span: Span) -> Range:
        """The range with its rows."""
        return Range(from_ms=span[0], to_ms=span[1], rows=len(self.t))


def train(
    file: Path, plan: ModelPlan, models: Path, trained: Span, evaluated: Span, *, threads: int = 1
) -> TrainReport:
    """Trains on the labelled rows of the first range, evaluates on the second, and makes the version current.

    The same file and ranges give the same trees with any number of ``threads``, and with the same number the same model
    to the byte. Raises UsageError without rows or labels in a range, without the file or with a range beyond it, and
    RefusedError for a training set of another definition.
    """
    label = _label(plan)
    table = _read(file, plan, trained, evaluated)
    columns = {item.name: values_of(item.type, table[item.name]) for item in plan.vector}
    categories = _categories(columns, np.asarray(table["t"]), trained)
    examples = _examples(plan, table, columns, categories)
    learned, tested = examples.between(trained), examples.between(evaluated)
    _insist(file, plan, {trained: learned, evaluated: tested})
    booster = _fit(plan, learned, threads)
    metrics = _metrics(booster, learned, tested, threads)
    model = booster.model_to_string()
    metadata = Metadata(
        format=FORMAT,
        model=plan.name,
        fingerprint=plan.fingerprint,
        features=tuple((item.name, item.type) for item in plan.vector),
        categories=categories,
        label=label,
        before=table.schema.metadata[BEFORE] == b"true",
        trained=learned.range(trained),
        evaluated=tested.range(evaluated),
        metrics=metrics,
        parameters={**PARAMETERS, "rounds": ROUNDS},
        libraries={"lightgbm": lgb.__version__, "numpy": np.__version__, "python": platform.python_version()},
        created=datetime.now(UTC),
        model_sha256=sha256(model.encode()),
    )
    return TrainReport(plan.name, save(models, metadata, model), len(learned.t), len(tested.t), **metrics)


def _label(plan: ModelPlan) -> LabelPlan:
    if plan.label is None:
        raise UsageError(f"{plan.name} has no label to learn", where=plan.name, allowed="label=, a column of a stream")
    if plan.label.type != LEARNED:
        raise UsageError(
            f"the trainer does not learn {plan.label.source}.{plan.label.column}, which is {plan.label.type}: "
            "it fits numbers by their absolute error, which gives no probabilities and no classes",
            where=plan.name,
            allowed=f"a label of type {LEARNED}",
            hint=_LEARN_ELSEWHERE[plan.label.type],
        )
    return plan.label


def _read(file: Path, plan: ModelPlan, trained: Span, evaluated: Span) -> pa.Table:
    again = f"run 'penstock training-set {plan.name}'"
    if not file.exists():
        raise UsageError(f"{plan.name} has no training set", where=str(file), hint=f"{again} first")
    check_files([file])
    found = pq.read_schema(file).metadata or {}
    fingerprint = found.get(FINGERPRINT, b"").decode()
    if fingerprint != plan.fingerprint:
        raise RefusedError(
            f"the training set of {plan.name} was made by another definition: {fingerprint or 'no fingerprint'}",
            where=str(file),
            allowed=plan.fingerprint,
            hint=f"{again} again",
        )
    if BEFORE not in found:
        raise UsageError(
            f"the training set of {plan.name} does not say whether it was made with --before",
            where=str(file),
            hint=f"an earlier version made it: {again} again",
        )
    _check_spans(file, (int(found[FROM]), int(found[TO])), trained, evaluated)
    return pq.read_table(file, partitioning=None, columns=["t", "label", *(item.name for item in plan.vector)])


def _check_spans(file: Path, held: Span, trained: Span, evaluated: Span) -> None:
    for what, span in (("training", trained), ("evaluation", evaluated)):
        if span[0] >= span[1]:
            raise UsageError(
                f"the {what} range {range_words(span)} is empty", allowed="--from before --to before --until"
            )
        if span[0] < held[0] or span[1] > held[1]:
            raise UsageError(
                f"the {what} range {range_words(span)} is not in the training set",
                where=str(file),
                allowed=f"times within {range_words(held)}",
                hint="run 'penstock training-set' over all of it",
            )


def _categories(columns: Mapping[str, Values], t: npt.NDArray[np.int64], trained: Span) -> dict[str, tuple[str, ...]]:
    """The strings of each string feature in the trained range, sorted: others are unseen, now and when serving."""
    seen = (t >= trained[0]) & (t < trained[1])
    return {
        name: tuple(sorted(set(column.values[seen & ~column.null].tolist())))
        for name, column in columns.items()
        if column.type == "string"
    }


def _examples(
    plan: ModelPlan, table: pa.Table, columns: Mapping[str, Values], categories: Mapping[str, tuple[str, ...]]
) -> Examples:
    label = values_of(_label(plan).type, table["label"])
    filled = matrix([(item.name, item.type) for item in plan.vector], categories, columns)
    known = ~label.null
    return Examples(filled[known], label.values[known].astype(np.float64), np.asarray(table["t"])[known])


def _insist(file: Path, plan: ModelPlan, ranges: Mapping[Span, Examples]) -> None:
    for span, examples in ranges.items():
        if not len(examples.t):
            raise UsageError(
                f"{plan.name} has no row with a label from {range_words(span)}",
                where=str(file),
                allowed="a range that holds some",
            )


def _fit(plan: ModelPlan, learned: Examples, threads: int) -> lgb.Booster:
    names = [item.name for item in plan.vector]
    strings = [place for place, item in enumerate(plan.vector) if item.type == "string"]
    data = lgb.Dataset(learned.matrix, learned.label, feature_name=names, categorical_feature=strings)
    return lgb.train({**PARAMETERS, "num_threads": threads}, data, ROUNDS)


def _metrics(booster: lgb.Booster, learned: Examples, tested: Examples, threads: int) -> dict[str, float]:
    def predicted(examples: Examples) -> Any:
        return np.asarray(booster.predict(examples.matrix, num_threads=threads))

    return {
        "mae": _mae(predicted(tested), tested.label),
        "median_mae": _mae(np.median(learned.label), tested.label),
        "trained_mae": _mae(predicted(learned), learned.label),
    }


def _mae(predicted: Any, label: npt.NDArray[np.float64]) -> float:
    return float(np.mean(np.abs(predicted - label)))
