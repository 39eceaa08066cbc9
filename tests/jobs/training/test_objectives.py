"""Objectives, parameters, weights and folds: what is learned, what is refused, and the metrics of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from penstock import DefinitionError, Objective
from penstock.features.errors import UsageError
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.features.vector import Values
from penstock.jobs.models.folder import load_current
from penstock.jobs.training.metrics import calibration, constant, metrics_of
from penstock.jobs.training.train import TrainReport, train
from tests.jobs.models.examples import CUT, END, plan, rows, write_set

TRAINED, EVALUATED = Span(0, CUT), Span(CUT, END)


def fit(
    folder: Path, of: ModelPlan, columns: dict[str, Any] | None = None, **options: Any
) -> tuple[TrainReport, lgb.Booster]:
    file = write_set(folder / "set.parquet", of, columns or rows())
    report = train(file, of, folder / "models", TRAINED, EVALUATED, **options)
    return report, load_current(folder / "models", of).booster


def labelled(change: Any) -> dict[str, Any]:
    columns = rows()
    columns["label"] = [None if y is None else change(y) for y in columns["label"]]
    return columns


def test_a_bool_is_learned_as_a_probability(tmp_path: Path) -> None:
    of = plan("bool", training={"objective": "binary"})
    report, _ = fit(tmp_path, of, labelled(lambda y: y > 3))
    assert report.metrics["auc"] > 0.95 and report.metrics["log_loss"] < report.baseline["log_loss"] / 2
    assert report.metrics["calibration_error"] < 0.05
    model = load_current(tmp_path / "models", of)
    columns = {name: Values.of(type, rows()[name][:50]) for name, type in model.metadata.features}
    answers = model.predict(columns)
    assert ((answers > 0) & (answers < 1)).all()


@pytest.mark.parametrize(
    ("objective", "metric"),
    [("l2", "rmse"), (Objective.huber(1.0), "mae"), ("poisson", "deviance"), (Objective.tweedie(1.5), "deviance")],
)
def test_each_objective_beats_the_best_constant(tmp_path: Path, objective: Any, metric: str) -> None:
    report, booster = fit(tmp_path, plan(training={"objective": objective}), labelled(abs))
    assert report.main == metric and report.metrics[metric] < report.baseline[metric]
    assert f"[objective: {report.objective}" in booster.model_to_string() or report.objective in ("l2", "huber")


def test_a_quantile_lies_above_its_share_of_the_labels(tmp_path: Path) -> None:
    report, _ = fit(tmp_path, plan(training={"objective": Objective.quantile(0.9)}))
    assert report.metrics["share_below"] == pytest.approx(0.9, abs=0.05)
    assert report.metrics["pinball"] < report.baseline["pinball"]


def test_rows_without_weight_teach_nothing(tmp_path: Path) -> None:
    columns = rows()
    columns["weight"] = [float(i % 2) for i in range(END)]
    columns["label"] = [y if y is None or i % 2 else 1e6 for i, y in enumerate(columns["label"])]
    of = plan(training={"weight": lambda orders: orders.x})
    report, _ = fit(tmp_path, of, columns)
    assert report.metrics["mae"] < report.baseline["mae"] / 2


def test_a_monotone_feature_never_lowers_the_answer(tmp_path: Path) -> None:
    of = plan(training={"objective": "l2", "monotone": {"x": -1}})
    fit(tmp_path, of)
    model = load_current(tmp_path / "models", of)
    values = {name: rows()[name][:1] * 50 for name, _ in model.metadata.features}
    values["x"] = np.linspace(-3, 3, 50).tolist()
    answers = model.predict({name: Values.of(type, values[name]) for name, type in model.metadata.features})
    assert (np.diff(answers) <= 0).all()


def test_parameters_go_by_any_of_their_names(tmp_path: Path) -> None:
    of = plan(training={"parameters": {"n_iter": 7, "eta": 0.1}})
    report, booster = fit(tmp_path, of, parameters={"num_leaves": 3})
    assert (report.rounds, booster.num_trees()) == (7, 7)
    text = booster.model_to_string()
    assert "[learning_rate: 0.1]" in text and "[num_leaves: 3]" in text


@pytest.mark.parametrize(
    ("given", "what", "hint"),
    [
        ({"lerning_rate": 0.1}, "no parameter 'lerning_rate'", "did you mean 'learning_rate'?"),
        ({"nthread": 2}, "nthread is no parameter of a model", None),
        ({"application": "binary"}, "application is no parameter of a model", None),
        ({"alpha": 0.3}, "the objective of cost decides alpha, not a parameter", None),
        ({"tweedie_variance_power": 1.2}, "the objective of cost decides tweedie_variance_power", None),
        ({"num_classes": 3}, "num_classes is no parameter of a model", None),
        ({"scale_pos_weight": 3.0}, "LightGBM does not read scale_pos_weight with objective 'l1'", None),
        ({"forcedsplits_filename": "/a"}, "forcedsplits_filename is no parameter of a model", None),
        ({"num_leaves": "many"}, "num_leaves should be of type int", None),
        ({"feature_fraction": 7.0}, "feature_fraction", None),
    ],
)
def test_a_parameter_that_lightgbm_does_not_take(tmp_path: Path, given: Any, what: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as raised:
        fit(tmp_path, plan(), parameters=given)
    assert what in raised.value.what and raised.value.hint == hint
    assert not (tmp_path / "models").exists()


def test_early_stopping_is_by_time(tmp_path: Path) -> None:
    more = {"num_iterations": 2_000, "early_stopping_round": 5}
    report, booster = fit(tmp_path, plan(training={"objective": "l2"}), parameters=more)
    assert 10 < report.rounds < 2_000 and booster.num_trees() == report.rounds


def test_each_fold_predicts_what_comes_after_it(tmp_path: Path) -> None:
    report, _ = fit(tmp_path, plan(), folds=3)
    assert [fold.evaluated for fold in report.folds] == [(1_500, 3_000), (3_000, 4_500), (4_500, 6_000)]
    assert [fold.trained for fold in report.folds] == [(0, 1_500), (0, 3_000), (0, 4_500)]
    assert report.folds[-1].metrics["mae"] < report.folds[0].metrics["mae"]


@pytest.mark.parametrize(
    ("label", "objective", "change", "what"),
    [
        ("float64", "l1", lambda y: float("nan") if y > 30 else y, "cannot be learned"),
        ("float64", "l1", lambda y: float("inf") if y > 30 else y, "the first is inf"),
        ("float64", "poisson", lambda y: y, "cannot be learned with objective 'poisson'"),
        ("float64", "binary", abs, "cannot be learned with objective 'binary'"),
        ("bool", "binary", lambda y: True, "labels to train cost on are true"),
    ],
)
def test_labels_that_no_model_can_learn(tmp_path: Path, label: str, objective: str, change: Any, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        fit(tmp_path, plan(label, training={"objective": objective}), labelled(change))


def test_too_few_rows_for_a_split(tmp_path: Path) -> None:
    file = write_set(tmp_path / "set.parquet", plan(), rows())
    with pytest.raises(UsageError, match="no tree has a split below 400") as raised:
        train(file, plan(), tmp_path / "models", Span(0, 300), EVALUATED)
    assert raised.value.hint == "--param min_data_in_leaf=14"
    assert train(file, plan(), tmp_path / "models", Span(0, 300), EVALUATED, parameters={"min_data_in_leaf": 14}).rounds


@pytest.mark.parametrize(
    ("training", "what"),
    [
        ({"objective": "binry"}, "'binry' is not an objective"),
        ({"objective": "binary", "monotone": {"z": 1}}, "monotone= has no 'z'"),
        ({"objective": "binary", "monotone": {"kind": 1}}, "monotone= of kind, which is string"),
        ({"objective": "binary", "monotone": {"x": 2}}, "is 2"),
        ({"monotone": {"x": 1}}, "no monotone= with objective 'l1'"),
        ({"objective": "l2"}, "the label y is bool, which objective 'l2' does not learn"),
        ({"weight": lambda orders: orders.kind}, "weight= is string"),
        ({"filter": lambda orders: orders.x}, "filter= is float64"),
    ],
)
def test_a_definition_that_cannot_be_trained(training: Any, what: str) -> None:
    with pytest.raises(DefinitionError, match=what):
        plan("bool", training=training)


@pytest.mark.parametrize("wrong", [0, 1, -0.5, True, "0.5"])
def test_a_share_lies_between_0_and_1(wrong: Any) -> None:
    with pytest.raises(DefinitionError):
        Objective.quantile(wrong)


def test_the_fingerprint_covers_what_the_answers_mean() -> None:
    usual = plan().fingerprint
    assert plan(training={"objective": "l1", "parameters": {"eta": 1}}).fingerprint == usual
    squared = plan(training={"objective": "l2"}).fingerprint
    assert squared != usual
    assert plan(training={"objective": "l2", "monotone": {"x": 1}}).fingerprint == squared
    assert plan(training={"filter": lambda orders: orders.x > 1}).fingerprint != usual


def test_metrics_by_hand() -> None:
    said, true, one = np.array([0.1, 0.4, 0.4, 0.8]), np.array([0.0, 1.0, 0.0, 1.0]), np.ones(4)
    binary = metrics_of(plan("bool", training={"objective": "binary"}).objective, said, true, one)
    assert binary["auc"] == 3.5 / 4
    assert binary["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert binary["log_loss"] == pytest.approx(-np.log([0.9, 0.4, 0.6, 0.8]).mean())
    assert sum(share for _, _, share in calibration(said, true, one)) == 4
    usual = plan().objective
    assert constant(usual, np.array([1.0, 2.0, 9.0, 4.0]), one) == 3.0
    assert constant(Objective.quantile(0.75), np.array([1.0, 2.0, 9.0, 4.0]), one) == 6.5
    assert metrics_of(usual, said, true, np.array([1.0, 0.0, 0.0, 0.0])) == {"mae": 0.1, "rmse": pytest.approx(0.1)}
