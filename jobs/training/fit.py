"""Fits LightGBM to examples: the trees of one objective, or of several quantiles together."""

from __future__ import annotations

from dataclasses import replace

import lightgbm as lgb
import numpy as np

from penstock.features.errors import UsageError
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.jobs.console.times import range_words
from penstock.jobs.models.arrays import entries_of
from penstock.jobs.models.merged import merged
from penstock.jobs.training.examples import Examples
from penstock.jobs.training.parameters import Parameters, objective_parameters, reason

#: With early stopping, the share of the trained range, at its end, on which the rounds are counted.
STOPPING_SHARE = 0.2


def fit(plan: ModelPlan, learned: Examples, told: Parameters) -> lgb.Booster:
    """A model of these rows. It has one output, or one for each class or quantile.

    Raises UsageError for what LightGBM refuses.
    """
    objectives = plan.objective.of_outputs
    boosters = [_fit(plan, learned, {**told, **objective_parameters(each)}) for each in objectives]
    return boosters[0] if len(boosters) == 1 else merged(boosters)


def rounds(plan: ModelPlan, learned: Examples, trained: Span, told: Parameters) -> int:
    """How many trees for each output: those that were asked for, or fewer where more would no longer help.

    Of several quantiles it is the most that one of them needs. Raises UsageError without rows to decide on.
    """
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
    objectives = plan.objective.of_outputs
    return max(_fit(plan, past, {**told, **objective_parameters(each)}, future).best_iteration for each in objectives)


def _fit(plan: ModelPlan, learned: Examples, told: Parameters, tested: Examples | None = None) -> lgb.Booster:
    data = _dataset(plan, learned)
    valid = [] if tested is None else [_dataset(plan, tested, data)]
    try:
        return lgb.train(dict(told), data, valid_sets=valid)
    except lgb.basic.LightGBMError as error:
        raise UsageError(f"LightGBM cannot learn this: {reason(error)}", where=plan.name) from None


def _dataset(plan: ModelPlan, examples: Examples, reference: lgb.Dataset | None = None) -> lgb.Dataset:
    entries = entries_of([(item.name, item.type) for item in plan.vector])
    strings = [place for place, (_, type) in enumerate(entries) if type == "string"]
    rows, sizes = _grouped(examples)
    weight = None if plan.weight is None else rows.weight
    return lgb.Dataset(
        rows.matrix,
        rows.label,
        weight=weight,
        group=sizes,
        feature_name=[name for name, _ in entries],
        categorical_feature=strings,
        reference=reference,
    )


def _grouped(examples: Examples) -> tuple[Examples, list[int] | None]:
    """The rows of each group side by side, and the groups' sizes, as LightGBM takes them."""
    if examples.group is None:
        return examples, None
    _, group = np.unique(examples.group, return_inverse=True)
    ordered = examples.at(np.argsort(group, kind="stable"))
    return replace(ordered, group=None), np.bincount(group).tolist()
