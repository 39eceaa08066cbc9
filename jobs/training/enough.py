"""Refuses rows from which nothing can be learned: none, too few, or all with one label."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from penstock.features.errors import UsageError
from penstock.features.objectives import CLASSES, PROBABILITY, SCORE
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.jobs.console.times import range_words
from penstock.jobs.training.examples import Examples
from penstock.jobs.training.parameters import Parameters

#: Rows of a group at most: LightGBM compares each with each.
MOST_IN_GROUP = 10_000


def insist(
    file: Path, plan: ModelPlan, told: Parameters, ranges: Mapping[Span, Examples], classes: tuple[str, ...]
) -> None:
    """Raises UsageError where the first range cannot be learned from, or another one has no rows.

    ``classes``: those of the first range, where the model tells classes apart.
    """
    for span, examples in ranges.items():
        if not len(examples.t) or not examples.weight.sum() > 0:
            raise without_rows(plan, span, file, "a range that holds some")
        check_groups(file, plan, span, examples)
    learned, least = next(iter(ranges.values())), 2 * int(told["min_data_in_leaf"])
    if len(learned.t) < least:
        raise UsageError(
            f"{plan.name} has {len(learned.t):,} rows to train on, and no tree has a split below {least:,}",
            where=str(file),
            allowed="a longer range, or a smaller min_data_in_leaf",
            hint=f"--param min_data_in_leaf={max(1, len(learned.t) // 20)}",
        )
    _check_different(file, plan, learned, classes)


def without_rows(plan: ModelPlan, span: Span, where: Path, allowed: str) -> UsageError:
    """The error for a range without rows to learn from."""
    weighed = " and a weight" if plan.weight else ""
    what = f"{plan.name} has no row with a label{weighed} from {range_words(span)}"
    return UsageError(what, where=str(where), allowed=allowed)


def check_groups(file: Path, plan: ModelPlan, span: Span, examples: Examples) -> None:
    """Raises UsageError where the rows of a ranking cannot be compared in groups."""
    if examples.group is None:
        return
    if not (examples.label > 0).any():
        raise UsageError(
            f"no label of {plan.name} is above 0 from {range_words(span)}: no order is better than another",
            where=str(file),
            allowed="a range with greater grades",
        )
    largest = int(np.bincount(examples.group).max())
    if largest > MOST_IN_GROUP:
        raise UsageError(
            f"{plan.name} has a group of {largest:,} rows",
            where=str(file),
            allowed=f"groups of at most {MOST_IN_GROUP:,} rows: each row of one is compared with each other",
            hint="group= is what one list is for, such as a search or a visit",
        )


def _check_different(file: Path, plan: ModelPlan, learned: Examples, classes: tuple[str, ...]) -> None:
    """Raises UsageError where all labels that are told apart are one."""
    if plan.objective.answer == SCORE and not _ranked(learned):
        raise UsageError(
            f"no group of {plan.name} has two different labels in the range to train on",
            where=str(file),
            allowed="groups in which some rows are better than others",
            hint="is group= a column that several requests share?",
        )
    if plan.objective.answer in (PROBABILITY, CLASSES) and len(np.unique(learned.label)) < 2:
        label = repr(classes[0]) if classes else "true" if learned.label[0] else "false"
        raise UsageError(
            f"all {len(learned.t):,} labels to train {plan.name} on are {label}",
            where=str(file),
            allowed="a range with both" if not classes else "a range with two classes or more",
        )


def _ranked(learned: Examples) -> bool:
    assert learned.group is not None
    pairs = np.unique(np.column_stack([learned.group, learned.label.astype(np.int64)]), axis=0)
    return len(pairs) > len(np.unique(learned.group))
