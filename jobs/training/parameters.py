"""LightGBM's parameters: those of a definition or a command, checked by LightGBM itself before anything is trained."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain

import lightgbm as lgb
import numpy as np

from penstock.features.errors import UsageError, did_you_mean
from penstock.features.objectives import CLASSES, Objective
from penstock.features.plan import ModelPlan
from penstock.jobs.models.arrays import entries_of

Value = str | int | float | bool
Parameters = dict[str, Value]

#: On the flights' delays of October: L1 10.3 minutes of mean absolute error, squared error 10.4, Huber 10.5 to 11.2.
DEFAULTS: Parameters = {
    "num_iterations": 100,
    "learning_rate": 0.12,
    "num_leaves": 63,
    "max_bin": 127,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.7,
    "seed": 1,
}
#: Beside them, by objective. Early stopping of a ranking goes by one metric.
_DEFAULTS_OF: dict[str, Parameters] = {"ranking": {"eval_at": 10}}
#: What makes the same data give the same bytes, and what the vector and the labels decide.
_OWN: Parameters = {"deterministic": True, "force_row_wise": True, "verbosity": -1}
#: What one of our objectives takes by a name of its own.
_OF_OBJECTIVE = {
    "alpha": "objective=Objective.quantile(alpha) or Objective.huber(delta) of the Model",
    "tweedie_variance_power": "objective=Objective.tweedie(power) of the Model",
}
#: What LightGBM reads with these objectives of ours alone.
_READ_WITH = {
    **dict.fromkeys(("is_unbalance", "scale_pos_weight", "sigmoid"), ("binary",)),
    "poisson_max_delta_step": ("poisson",),
    "reg_sqrt": ("l2",),
    **dict.fromkeys(
        (
            "lambdarank_truncation_level",
            "lambdarank_norm",
            "lambdarank_position_bias_regularization",
            "label_gain",
            "objective_seed",
            "eval_at",
        ),
        ("ranking",),
    ),
    **dict.fromkeys(("multi_error_top_k", "auc_mu_weights"), ("multiclass",)),
}
#: What the definition, the configuration or the project's folder decides, and never a parameter.
_ELSEWHERE = {
    "objective": "objective= of the Model",
    "num_threads": "[training] threads in penstock.toml",
    "monotone_constraints": "monotone= of the Model",
    "categorical_feature": "text features are categories",
    **dict.fromkeys(("num_class", "num_classes"), "the labels: each class has trees of its own"),
    **dict.fromkeys(
        ("deterministic", "force_row_wise", "force_col_wise", "verbosity"), "the same data, the same bytes"
    ),
    **dict.fromkeys(("weight_column", "label_column", "group_column", "ignore_column", "header"), "the training set"),
    **dict.fromkeys(
        ("data", "valid", "forcedsplits_filename", "forcedbins_filename", "parser_config_file"), "no file is read"
    ),
    **dict.fromkeys(("machines", "num_machines", "machine_list_filename", "local_listen_port"), "one machine"),
    **dict.fromkeys(("tree_learner", "device_type"), "one machine"),
}
_UNKNOWN = re.compile(r"Unknown parameter: (\S+)")
_LINE = re.compile(r"^\[(\w+): (.*)\]$", re.MULTILINE)


def parameters_of(plan: ModelPlan, given: Mapping[str, Value], threads: int) -> Parameters:
    """All that LightGBM is told: the defaults, then the definition's parameters, then those of a command.

    Raises UsageError for a parameter that LightGBM does not know or take, or that something else decides.
    """
    chosen: Parameters = {}
    usual, _ = _understood({})
    for where, parameters in ((f"parameters= of {plan.name}", dict(plan.parameters)), ("--param", dict(given))):
        for name, value in parameters.items():
            chosen[_checked(plan, usual, where, name, value)] = value
    merged = {**DEFAULTS, **_DEFAULTS_OF.get(plan.objective.name, {}), **chosen, **_OWN}
    merged |= objective_parameters(plan.objective)
    try:
        _understood(merged | ({"num_class": 2} if plan.objective.answer == CLASSES else {}))
    except lgb.basic.LightGBMError as error:
        raise UsageError(f"LightGBM does not take these parameters: {reason(error)}", where=plan.name) from None
    return {**merged, **_monotone(plan), "num_threads": threads}


def objective_parameters(objective: Objective) -> Parameters:
    """What LightGBM is told of an objective: its name, and its own parameter."""
    return {"objective": objective.lightgbm, **dict([objective.parameter] if objective.parameter else [])}


def reason(error: lgb.basic.LightGBMError) -> str:
    """What LightGBM says, without the place in its own code."""
    return str(error).split(" at /")[0].strip()


def _monotone(plan: ModelPlan) -> Parameters:
    if not plan.monotone:
        return {}
    directions = dict(plan.monotone)
    entries = entries_of([(item.name, item.type) for item in plan.vector])
    return {"monotone_constraints": ",".join(str(directions.get(name, 0)) for name, _ in entries)}


def _checked(plan: ModelPlan, usual: Mapping[str, str], where: str, name: str, value: Value) -> str:
    """LightGBM's own name of the parameter, which may be given by an alias. ``usual``: all of its own, as they are."""
    _check_decided(plan, where, name, name)
    changed, unknown = _changed({name: value})
    if unknown:
        raise UsageError(
            f"LightGBM has no parameter {name!r}",
            where=where,
            allowed="those of LightGBM's documentation",
            hint=did_you_mean(name, usual),
        )
    meant = name if name in usual else _meant(usual, changed, name, value)
    _check_decided(plan, where, name, meant)
    return meant


def _check_decided(plan: ModelPlan, where: str, name: str, meant: str) -> None:
    """Raises UsageError for a parameter that something else decides, or that the objective does not read. ``meant``:
    LightGBM's own name of it.
    """
    if meant in _ELSEWHERE:
        raise UsageError(f"{name} is no parameter of a model", where=where, allowed=_ELSEWHERE[meant])
    if meant in _OF_OBJECTIVE:
        raise UsageError(
            f"the objective of {plan.name} decides {name}, not a parameter", where=where, allowed=_OF_OBJECTIVE[meant]
        )
    if plan.objective.name not in _READ_WITH.get(meant, (plan.objective.name,)):
        raise UsageError(
            f"LightGBM does not read {name} with objective {plan.objective.name!r}",
            where=where,
            allowed=f"{name} with objective={' '.join(map(repr, _READ_WITH[meant]))}",
        )


def _meant(usual: Mapping[str, str], changed: Mapping[str, str], name: str, value: Value) -> str:
    """The parameter that an alias stands for: the one that changes with it, by this value or by another."""
    numbers = () if isinstance(value, str) else (value * 2, value / 2, value + 1)
    others = (_changed({name: other})[0] for other in (not value, *numbers))
    for tried in chain([changed], others):
        if different := [key for key, text in tried.items() if usual.get(key) != text]:
            return different[0]
    return name


def _changed(parameters: Parameters) -> tuple[dict[str, str], list[str]]:
    """The same as ``_understood``; nothing where LightGBM does not take them."""
    try:
        return _understood(parameters)
    except lgb.basic.LightGBMError:
        return {}, []


def _understood(parameters: Parameters) -> tuple[dict[str, str], list[str]]:
    """What LightGBM makes of parameters: all of its own by name, and the names that it does not know."""
    lines: list[str] = []
    with _listened(lines):
        data = lgb.Dataset(np.arange(8.0).reshape(4, 2), np.array([0.0, 1.0, 0.0, 1.0]), group=[4])
        text = lgb.Booster({"verbosity": 1, **parameters}, data).model_to_string()
    return dict(_LINE.findall(text)), [name for line in lines for name in _UNKNOWN.findall(line)]


class _Lines:
    """A logger for LightGBM."""

    def __init__(self, take: list[str] | None) -> None:
        self._take = take

    def info(self, line: str) -> None:
        """Takes a line, or prints it as LightGBM does without a logger."""
        if self._take is None:
            print(line)
        else:
            self._take.append(line)

    warning = info


@contextmanager
def _listened(lines: list[str]) -> Iterator[None]:
    lgb.register_logger(_Lines(lines))
    try:
        yield
    finally:
        lgb.register_logger(_Lines(None))
