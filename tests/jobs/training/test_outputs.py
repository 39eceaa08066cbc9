"""Models whose answers are several numbers, or only an order: classes, quantiles, rankings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock import DefinitionError, Objective
from penstock.features.errors import UsageError
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.features.vector import Values
from penstock.jobs.models.folder import LoadedModel, load_current
from penstock.jobs.training.metrics import constant, metrics_of
from penstock.jobs.training.train import TrainReport, train
from tests.jobs.models.examples import CUT, END, plan, rows, write_set

TRAINED, EVALUATED = Span(0, CUT), Span(CUT, END)
#: Few and small trees: enough to learn from rows of noise with one column that tells.
SMALL = {"num_iterations": 20, "num_leaves": 15, "min_data_in_leaf": 40}
QUANTILES = Objective.quantiles(0.1, 0.5, 0.9)


def fit(folder: Path, of: ModelPlan, columns: dict[str, Any], **more: Any) -> tuple[TrainReport, LoadedModel]:
    folder.mkdir(exist_ok=True)
    file = write_set(folder / "set.parquet", of, columns)
    told = SMALL | more.pop("parameters", {})
    report = train(file, of, folder / "models", TRAINED, EVALUATED, parameters=told, **more)
    return report, load_current(folder / "models", of)


def answers(model: LoadedModel, rows: dict[str, Any], n: int = 500) -> Any:
    return model.predict({name: Values.of(type, rows[name][:n]) for name, type in model.metadata.features})


def labelled(change: Any) -> dict[str, Any]:
    columns = rows()
    columns["label"] = [None if y is None else change(y) for y in columns["label"]]
    return columns


def size(y: float) -> str:
    return "small" if y < -2 else "large, 100%" if y > 7 else "médium"


def ranked() -> tuple[ModelPlan, dict[str, Any]]:
    """Groups of ten, whose rows are not side by side; the grade follows x."""
    columns = labelled(lambda y: int(np.clip(np.floor(y / 5) + 2, 0, 4)))
    columns["group"] = [f"g{i % 10 + i // 100 * 10}" for i in range(END)]
    return plan("int64", training={"objective": "ranking", "group": lambda orders: orders.kind}), columns


@pytest.mark.parametrize(
    ("type", "change", "outputs"),
    [
        ("string", size, ("large, 100%", "médium", "small")),
        ("bool", lambda y: y > 3, ("false", "true")),
        ("int64", lambda y: 9 if y < 0 else 10, ("9", "10")),
    ],
)
def test_each_class_has_a_probability_under_its_own_label(
    tmp_path: Path, type: str, change: Any, outputs: tuple[str, ...]
) -> None:
    columns = labelled(change)
    report, model = fit(tmp_path, plan(type, training={"objective": "multiclass"}), columns)
    assert (model.metadata.answer, model.metadata.outputs) == ("classes", outputs)
    said = answers(model, columns)
    assert said.shape == (500, len(outputs)) and said.sum(axis=1) == pytest.approx(1)
    assert report.main == "log_loss" and report.metrics["log_loss"] < report.baseline["log_loss"] / 2
    assert report.metrics["accuracy"] > 0.8 > report.baseline["accuracy"]
    parts = model.contributions({name: Values.of(t, columns[name][:3]) for name, t in model.metadata.features})
    assert parts.shape == (3, len(outputs), len(model.metadata.features) + 1)


def test_a_class_that_was_not_trained_counts_as_wrong(tmp_path: Path) -> None:
    columns = labelled(size)
    columns["label"][CUT + 1 : CUT + 101] = ["new"] * 100
    report, model = fit(tmp_path, plan("string", training={"objective": "multiclass"}), columns)
    assert "new" not in model.metadata.outputs
    assert report.metrics["share_unknown"] == pytest.approx(100 / report.evaluated_rows)
    assert report.metrics["log_loss"] > 100 / report.evaluated_rows * 30


def test_folds_and_early_stopping_know_all_classes(tmp_path: Path) -> None:
    columns = labelled(size)
    columns["label"][:3_000] = ["small"] * 3_000
    columns["label"][3_000:CUT] = ["médium" if y == "large, 100%" else y for y in columns["label"][3_000:CUT]]
    columns["label"][5_900:CUT] = ["large, 100%"] * 100
    of = plan("string", training={"objective": "multiclass"})
    report, _ = fit(tmp_path, of, columns, folds=3, parameters={"early_stopping_round": 3})
    assert [len(fold.metrics) for fold in report.folds] == [2, 2, 2] and 1 <= report.rounds <= 20


def test_quantiles_are_answered_together_and_never_cross(tmp_path: Path) -> None:
    noise = iter(np.random.default_rng(2).normal(scale=3, size=END).tolist())
    report, model = fit(tmp_path, plan(training={"objective": QUANTILES}), labelled(lambda y: y + next(noise)))
    assert (model.metadata.answer, model.metadata.outputs) == ("quantiles", ("0.1", "0.5", "0.9"))
    said = answers(model, rows())
    assert said.shape == (500, 3) and (np.diff(said, axis=1) >= 0).all()
    assert report.main == "pinball" and report.metrics["pinball"] < report.baseline["pinball"] / 2
    for alpha in (0.1, 0.5, 0.9):
        assert report.metrics[f"share_below_{alpha}"] == pytest.approx(alpha, abs=0.08)
    assert np.mean([report.metrics[f"pinball_{alpha}"] for alpha in (0.1, 0.5, 0.9)]) == pytest.approx(
        report.metrics["pinball"]
    )


def test_each_quantile_has_the_bits_of_a_model_of_its_own(tmp_path: Path) -> None:
    crossing = Objective.quantiles(0.1, 0.5, 0.9, crossing=True)
    _, model = fit(tmp_path / "all", plan(training={"objective": crossing}), rows())
    said = answers(model, rows(), END)
    for place, alpha in enumerate((0.1, 0.5, 0.9)):
        of = plan(training={"objective": Objective.quantile(alpha)})
        _, alone = fit(tmp_path / str(alpha), of, rows())
        assert answers(alone, rows(), END).tobytes() == said[:, place].tobytes()
    assert (np.diff(said, axis=1) < 0).any()
    _, ordered = fit(tmp_path / "ordered", plan(training={"objective": QUANTILES}), rows())
    assert answers(ordered, rows(), END).tobytes() == np.sort(said, axis=1).tobytes()


def test_a_ranking_puts_the_better_rows_first(tmp_path: Path) -> None:
    of, columns = ranked()
    report, model = fit(tmp_path, of, columns)
    assert (report.main, model.metadata.answer, model.metadata.outputs) == ("ndcg", "score", ())
    assert report.metrics["ndcg"] > 0.9 > report.baseline["ndcg"]
    assert report.metrics["ndcg_1"] > report.baseline["ndcg_1"] + 0.2
    assert answers(model, columns).shape == (500,)
    stopped, _ = fit(tmp_path, of, columns, folds=2, parameters={"early_stopping_round": 3, "num_iterations": 500})
    assert stopped.rounds < 500 and stopped.folds[1].metrics["ndcg"] > 0.8


@pytest.mark.parametrize("objective", ["multiclass", QUANTILES, "ranking"])
def test_the_same_set_gives_the_same_bytes(tmp_path: Path, objective: Any) -> None:
    of, columns = ranked()
    if objective != "ranking":
        type = "string" if objective == "multiclass" else "float64"
        of, columns = plan(type, training={"objective": objective}), labelled(size if type == "string" else float)
    texts = [fit(tmp_path / name, of, columns)[1].read() for name in ("one", "two")]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("label", "training", "what"),
    [
        ("float64", {"objective": "multiclass"}, "label y is float64, which objective 'multiclass' does not learn"),
        ("string", {"objective": "binary"}, "label y is string, which objective 'binary' does not learn"),
        ("timestamp", {"objective": "multiclass"}, "label y is timestamp"),
        ("string", {}, "is string"),
        ("int64", {"objective": "ranking"}, "objective 'ranking' without group="),
        ("int64", {"objective": "l2", "group": lambda orders: orders.n}, "group= with objective 'l2'"),
        ("int64", {"objective": "ranking", "group": "kind"}, "group= is not an expression"),
        ("int64", {"objective": "ranking", "group": lambda orders: orders.x}, "group= is float64"),
        ("string", {"objective": "multiclass", "monotone": {"x": 1}}, "no monotone= with objective 'multiclass'"),
        ("float64", {"objective": QUANTILES, "monotone": {"x": 1}}, "no monotone= with objective 'quantiles'"),
    ],
)
def test_definitions_that_fit_no_objective(label: str, training: Any, what: str) -> None:
    with pytest.raises(DefinitionError, match=what):
        plan(label, training=training)


@pytest.mark.parametrize("wrong", [(), (0.5,), (0.9, 0.1), (0.5, 0.5), (0.1, 1.0), (0.1, "0.9")])
def test_quantiles_rise_between_0_and_1(wrong: Any) -> None:
    with pytest.raises(DefinitionError):
        Objective.quantiles(*wrong)


def test_a_text_label_points_to_its_objective() -> None:
    with pytest.raises(DefinitionError) as raised:
        plan("string")
    assert raised.value.hint == "objective='multiclass' learns which of several texts it is"


def test_the_fingerprint_tells_answers_apart() -> None:
    plans = [
        plan(training={"objective": Objective.quantiles(0.1, 0.9)}),
        plan(training={"objective": Objective.quantiles(0.1, 0.8)}),
        plan(training={"objective": Objective.quantiles(0.1, 0.9, crossing=True)}),
        plan("int64", training={"objective": "ranking", "group": lambda orders: orders.n}),
        plan("int64", training={"objective": "ranking", "group": lambda orders: orders.kind}),
    ]
    assert len({each.fingerprint for each in plans}) == len(plans)


def spoiled(change: Any) -> Any:
    def ranking() -> tuple[ModelPlan, dict[str, Any]]:
        of, columns = ranked()
        return of, columns | change(columns)

    return ranking


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (lambda: (plan("string", training={"objective": "multiclass"}), labelled(lambda y: "a")), "are 'a'"),
        (
            lambda: (plan("int64", training={"objective": "multiclass"}), labelled(lambda y: int(y * 1e6))),
            "classes in the trained range",
        ),
        (spoiled(lambda c: {"label": [31 if i == 5 else 1 for i in range(END)]}), "the first is 31"),
        (spoiled(lambda c: {"label": [-1] * END}), "the first is -1"),
        (spoiled(lambda c: {"group": [None, *c["group"][1:]], "label": [1] * END}), "1 rows of cost have no group"),
        (spoiled(lambda c: {"label": [*c["label"][:CUT], *[0] * (END - CUT)]}), "no order is better than another"),
        (spoiled(lambda c: {"group": [str(i) for i in range(END)]}), "no group of cost has two different labels"),
    ],
)
def test_rows_that_cannot_be_learned(tmp_path: Path, given: Any, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        fit(tmp_path, *given())
    assert not (tmp_path / "models").exists()


def test_metrics_by_hand() -> None:
    one = np.ones(3)
    classes = plan("string", training={"objective": "multiclass"}).objective
    said = np.array([[0.5, 0.5], [0.2, 0.8], [0.9, 0.1]])
    found = metrics_of(classes, said, np.array([0.0, 1.0, 1.0]), one)
    assert found == {"log_loss": pytest.approx(-np.log([0.5, 0.8, 0.1]).mean()), "accuracy": pytest.approx(2 / 3)}
    assert constant(classes, np.array([0.0, 1.0, 1.0]), one, 3).tolist() == pytest.approx([1 / 3, 2 / 3, 0])
    two = Objective.quantiles(0.25, 0.5)
    assert constant(two, np.array([1.0, 2.0, 9.0, 4.0]), np.ones(4)).tolist() == [1.5, 3.0]
    found = metrics_of(two, np.array([[1.0, 2.0], [3.0, 3.0]]), np.array([2.0, 2.0]), np.ones(2))
    assert found["pinball_0.25"] == pytest.approx((0.25 + 0.75) / 2) and found["share_below_0.25"] == 0.5


def test_ndcg_by_hand() -> None:
    ranking = ranked()[0].objective
    label, group = np.array([0.0, 2.0, 1.0, 1.0, 0.0]), np.array([0, 0, 0, 1, 1])
    best = metrics_of(ranking, np.array([0.0, 9.0, 1.0, 5.0, 4.0]), label, np.ones(5), group)
    assert best == {"ndcg": 1.0, "ndcg_1": 1.0, "ndcg_5": 1.0, "ndcg_10": 1.0}
    worst = metrics_of(ranking, np.array([9.0, 0.0, 1.0, 4.0, 5.0]), label, np.ones(5), group)
    ideal = 3 + 1 / np.log2(3)
    assert worst["ndcg"] == pytest.approx(((1 / np.log2(3) + 3 / 2) / ideal + 1 / np.log2(3)) / 2)
    assert worst["ndcg_1"] == 0
    same = metrics_of(ranking, np.zeros(5), label, np.ones(5), group)
    assert same["ndcg_1"] == pytest.approx((4 / 3 / 3 + 1 / 2) / 2)
    nothing = metrics_of(ranking, np.zeros(5), np.zeros(5), np.ones(5), group)
    assert set(nothing.values()) == {1.0}
