"""The kernel gives the Booster's bits, whatever the trees, the objective and the values are."""

from __future__ import annotations

import threading
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.features.errors import RefusedError, UsageError
from penstock.jobs.models.kernel.forest import read_forest
from penstock.jobs.models.kernel.native import levels
from penstock.jobs.models.kernel.predictor import TreeKernel
from penstock.jobs.models.merged import merged
from tests.jobs.models.kernel.examples import INPUTS, check, data, model, odd_rows

ROWS, LABEL = data(2_000, 1)
CLASSES = np.digitize(LABEL, [1, 3, 5])
ABOVE = LABEL > 2
POSITIVE = np.exp(LABEL / 4)
FOREST = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}

TREES: dict[str, dict[str, Any]] = {
    "zero as missing": {"zero_as_missing": True},
    "nothing missing": {"use_missing": False},
    "one leaf": {"min_gain_to_split": 1e12},
    "two leaves": {"num_leaves": 2},
    "one category": {"max_cat_to_onehot": 50},
    "256 leaves": {"num_leaves": 256, "min_data_in_leaf": 1},
    "more than 256 leaves": {"num_leaves": 600, "min_data_in_leaf": 1},
    "more than 255 thresholds": {"num_leaves": 200, "max_bin": 2_000, "min_data_in_bin": 1, "min_data_in_leaf": 1},
    "linear": {"linear_tree": True},
    "linear, more than 256 leaves": {"linear_tree": True, "num_leaves": 600, "min_data_in_leaf": 1},
    "forest": FOREST,
    "dart": {"boosting": "dart"},
    "extra trees": {"extra_trees": True},
}

OBJECTIVES: dict[str, tuple[dict[str, Any], Any]] = {
    "square root": ({"reg_sqrt": True}, LABEL),
    "l1": ({"objective": "regression_l1"}, LABEL),
    "l1, square root": ({"objective": "regression_l1", "reg_sqrt": True}, LABEL),
    "huber, square root": ({"objective": "huber", "reg_sqrt": True}, LABEL),
    "fair": ({"objective": "fair"}, LABEL),
    "quantile": ({"objective": "quantile", "alpha": 0.2}, LABEL),
    "mape": ({"objective": "mape"}, POSITIVE),
    "poisson": ({"objective": "poisson"}, POSITIVE),
    "gamma": ({"objective": "gamma"}, POSITIVE),
    "tweedie": ({"objective": "tweedie"}, POSITIVE),
    "binary": ({"objective": "binary"}, ABOVE),
    "binary, sigmoid 0.7": ({"objective": "binary", "sigmoid": 0.7}, ABOVE),
    "binary, sigmoid 12.3456": ({"objective": "binary", "sigmoid": 12.3456}, ABOVE),
    "binary, sigmoid 1e-05": ({"objective": "binary", "sigmoid": 1e-05}, ABOVE),
    "binary forest": ({"objective": "binary", **FOREST}, ABOVE),
    "cross entropy": ({"objective": "cross_entropy"}, ABOVE * 0.8),
    "cross entropy, lambda": ({"objective": "cross_entropy_lambda"}, ABOVE * 0.8),
    "classes": ({"objective": "multiclass", "num_class": 4}, CLASSES),
    "classes, forest": ({"objective": "multiclass", "num_class": 4, **FOREST}, CLASSES),
    "classes, one against all": ({"objective": "multiclassova", "num_class": 4, "sigmoid": 0.3}, CLASSES),
    "classes, linear": ({"objective": "multiclass", "num_class": 4, "linear_tree": True}, CLASSES),
}


def kernel_of(text: str) -> TreeKernel:
    return TreeKernel(read_forest(text))


@pytest.mark.parametrize("name", TREES)
def test_trees(name: str) -> None:
    check(model(ROWS, LABEL, **TREES[name]), odd_rows(1_500, 3))


def test_more_than_2048_leaves() -> None:
    rows, label = data(8_000, 9)
    text = model(rows, label + rows[:, 0], 3, num_leaves=4_000, min_data_in_leaf=1, min_sum_hessian_in_leaf=0.0)
    assert max(read_forest(text).leaves) > 2_048
    check(text, odd_rows(1_500, 3))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives(name: str) -> None:
    parameters, label = OBJECTIVES[name]
    check(model(ROWS, label, **parameters), odd_rows(1_500, 3))


@pytest.mark.parametrize("name", ["lambdarank", "rank_xendcg"])
def test_ranking(name: str) -> None:
    options = {"objective": name, "verbosity": -1, "num_threads": 1}
    examples = lgb.Dataset(ROWS, CLASSES, group=[20] * 100, categorical_feature=[1])
    check(lgb.train(options, examples, 20).model_to_string(), odd_rows(1_500, 3))


@pytest.mark.parametrize("outputs", [1, 3])
def test_an_objective_of_one_s_own(outputs: int) -> None:
    def gradient(sums: Any, examples: Any) -> Any:
        return sums - (LABEL[:, None] if outputs > 1 else LABEL), np.ones_like(sums)

    check(model(ROWS, LABEL, objective=gradient, num_class=outputs), odd_rows(1_500, 3))


def test_several_quantiles_in_one_model() -> None:
    boosters = [
        lgb.Booster(model_str=model(ROWS, LABEL, rounds, objective="quantile", alpha=alpha))
        for rounds, alpha in ((3, 0.1), (20, 0.5), (9, 0.9))
    ]
    check(merged(boosters).model_to_string(), odd_rows(1_500, 3))


def test_many_categories_of_great_numbers() -> None:
    rows, label = data(4_000, 5, categories=3_000)
    rows[:, 1] = rows[:, 1] * 7 + 20_000
    test = odd_rows(1_500, 3, categories=3_000)
    test[:, 1] = test[:, 1] * 7 + 20_000
    check(model(rows, label, max_cat_threshold=500, min_data_per_group=1, cat_smooth=0.1, cat_l2=0.0), test)


def test_trees_of_several_trainings() -> None:
    """They share features, and not how a value is missing."""
    first = lgb.Booster(model_str=model(ROWS, LABEL))
    rows, label = data(2_000, 7, missing=0.0)
    more = {"objective": "regression", "zero_as_missing": True, "verbosity": -1, "num_threads": 1}
    both = lgb.train(more, lgb.Dataset(rows, label, categorical_feature=[1]), 9, init_model=first)
    check(both.model_to_string(), odd_rows(1_500, 3))


@given(
    seed=st.integers(0, 2**32 - 1),
    leaves=st.sampled_from([2, 3, 8, 31, 33, 64, 255, 256, 300]),
    rounds=st.integers(1, 20),
    categorical=st.sampled_from([(), (1,), (1, 2), (0, 1, 2, 3, 4)]),
    missing=st.sampled_from([0.0, 0.1, 0.9]),
    ways=st.fixed_dictionaries(
        {},
        optional={
            "max_bin": st.sampled_from([3, 63, 255, 1_000]),
            "min_data_in_leaf": st.sampled_from([1, 5, 100]),
            "max_depth": st.integers(1, 12),
            "feature_fraction": st.just(0.5),
            "max_cat_to_onehot": st.sampled_from([1, 4, 100]),
            "min_data_per_group": st.sampled_from([1, 50]),
            "learning_rate": st.sampled_from([1e-300, 1e-3, 1.0, 1e3]),
        },
    ),
    kind=st.sampled_from([{}, {"zero_as_missing": True}, {"use_missing": False}, {"linear_tree": True}, FOREST]),
    objective=st.sampled_from(["regression", "binary", "multiclass", "poisson"]),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_model(
    seed: int,
    leaves: int,
    rounds: int,
    categorical: Any,
    missing: float,
    ways: dict[str, Any],
    kind: dict[str, Any],
    objective: str,
) -> None:
    rows, label = data(400, seed, missing=missing)
    target: Any = {"regression": label, "poisson": np.exp(label / 4)}.get(objective, np.digitize(label, [2]))
    more = {"objective": objective, "num_leaves": leaves, **ways, **kind}
    text = model(rows, target, rounds, categorical, num_class=1 + (objective == "multiclass"), **more)
    check(text, odd_rows(150, seed % 2**31))


def test_no_rows() -> None:
    assert kernel_of(model(ROWS, LABEL, 2)).predict(np.empty((0, INPUTS))).shape == (0,)
    classes = model(ROWS, CLASSES, 2, objective="multiclass", num_class=4)
    assert kernel_of(classes).predict(np.empty((0, INPUTS))).shape == (0, 4)


def test_rows_that_lie_by_columns() -> None:
    text, rows = model(ROWS, LABEL), np.asfortranarray(odd_rows(300, 3))
    expected = np.asarray(lgb.Booster(model_str=text).predict(rows))
    assert kernel_of(text).predict(rows).tobytes() == expected.tobytes()


@pytest.mark.parametrize("shape", [(3, INPUTS - 1), (3, INPUTS + 1), (INPUTS,)])
def test_a_matrix_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="a matrix of shape"):
        kernel_of(model(ROWS, LABEL, 2)).predict(np.zeros(shape))


def test_many_threads_at_once() -> None:
    text, rows = model(ROWS, LABEL), odd_rows(3_000, 3)
    kernel, expected = kernel_of(text), np.asarray(lgb.Booster(model_str=text).predict(rows))
    answers: list[bytes] = []
    threads = [threading.Thread(target=lambda: answers.append(kernel.predict(rows).tobytes())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected.tobytes()] * 4


def test_every_processor_has_a_level() -> None:
    assert levels()[-1].name == "plain"


OTHERS = {
    "objective=regression": "objective=regression_of_tomorrow",
    "split_feature=": "split_feature=99 ",
    "left_child=": "left_child=900 ",
    "right_child=": "right_child=0 ",
    "threshold=": "threshold=nan ",
    "decision_type=": "decision_type=14 ",
    "leaf_value=": "leaf_value=1 2 ",
    "num_leaves=": "num_leaves=1",
}


@pytest.mark.parametrize("line", OTHERS)
def test_what_is_not_known_is_refused(line: str) -> None:
    text = model(ROWS, LABEL, 2, num_leaves=8, categorical=())
    start = text.index(line)
    end = text.index("\n", start)
    rest = text[start + len(line) : end].split(" ")[1:]
    changed = OTHERS[line] + " ".join(rest) if line.endswith("=") and line != "num_leaves=" else OTHERS[line]
    with pytest.raises(RefusedError):
        kernel_of(text[:start] + changed + text[end:])


def test_a_tree_that_goes_round_is_refused() -> None:
    text = model(ROWS, LABEL, 1, num_leaves=3, categorical=())
    for name in ("left_child", "right_child"):
        start = text.index(f"{name}=")
        text = text[:start] + f"{name}=1 0" + text[text.index("\n", start) :]
    with pytest.raises(RefusedError, match="reach"):
        kernel_of(text)
