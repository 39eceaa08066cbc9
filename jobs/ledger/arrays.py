"""Answers and labels as arrays, and their losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from penstock.features.exact_sums import exact_sum
from penstock.features.objectives import CLASSES
from penstock.features.plan import ModelPlan
from penstock.jobs.training.examples import json_key
from penstock.jobs.training.losses import Losses, losses_of

Doubles = npt.NDArray[np.float64]
#: Sums of losses in units of 2**-1074, by the loss.
Sums = dict[str, int]


def losses(plan: ModelPlan, answers: Sequence[bytes], labels: Sequence[Any]) -> Losses:
    """Of n answers of one version (JSON) and their labels."""
    predicted, outputs = answer_array(answers)
    return losses_of(plan.objective, predicted, label_array(plan, outputs, labels))


def answer_array(answers: Sequence[bytes]) -> tuple[Doubles, tuple[str, ...]]:
    """Shape (n,), or with several numbers in an answer (n, outputs), and the outputs' names. All are of one version."""
    values = [orjson.loads(answer) for answer in answers]
    outputs = tuple(values[0]) if values and isinstance(values[0], dict) else ()
    rows = [list(value.values()) for value in values] if outputs else values
    return np.array(rows, dtype=np.float64), outputs


def label_array(plan: ModelPlan, outputs: Sequence[str], labels: Sequence[Any]) -> Doubles:
    """Shape (n,). A class is its place among the outputs, or their number where it is none of them."""
    if plan.objective.answer != CLASSES:
        return np.array(labels, dtype=np.float64)
    assert plan.label is not None
    # SQLite has no bools
    typed = [bool(label) for label in labels] if plan.label.type == "bool" else labels
    places = {name: place for place, name in enumerate(outputs)}
    return np.array([places.get(json_key(label), len(places)) for label in typed], dtype=np.float64)


def sums_of(losses: Losses, rows: npt.NDArray[np.int64] | slice = slice(None)) -> Sums:
    """The exact sum of each loss over these rows."""
    return {name: exact_sum(loss[rows]) for name, loss in losses.items()}


def merged(first: Sums, second: Sums, sign: int = 1) -> Sums:
    """The sums of both, or with ``sign`` -1 what is left of the first without the second."""
    return {name: first.get(name, 0) + sign * second.get(name, 0) for name in {**first, **second}}
