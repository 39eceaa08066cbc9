"""A version is tried: its answers to the last vectors against those of the version that answers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from penstock.features.errors import RefusedError
from penstock.jobs.models.folder import LoadedModel
from penstock.jobs.serving.recent import Columns

#: So few vectors say nothing of their mean.
FEW = 30


def compared(former: LoadedModel, new: LoadedModel, batches: list[Columns], bound: float) -> str:
    """A line of what the version says of the last vectors. Raises RefusedError for no finite number, and for a mean
    beyond the bound.
    """
    old_answers, answers = _answers(former, batches), _answers(new, batches)
    lost = int((np.isfinite(old_answers).all(axis=1) & ~np.isfinite(answers).all(axis=1)).sum())
    if lost:
        raise RefusedError(f"it gives no finite number for {lost:,} of the last {len(answers):,} vectors")
    if former.metadata.outputs != new.metadata.outputs or len(answers) < FEW:
        return f"{new.line} {new.version} answers the last {len(answers):,} vectors with finite numbers"
    distance = _distance(old_answers, answers)
    if distance > bound:
        raise RefusedError(
            f"the mean of its answers to the last {len(answers):,} vectors is {distance:.3g} standard deviations from "
            f"the former mean, {bound:g} are allowed"
        )
    return (
        f"{new.line} {new.version}: the mean of its answers to the last {len(answers):,} vectors is {distance:.3g} "
        f"standard deviations from the former mean"
    )


def _answers(model: LoadedModel, batches: list[Columns]) -> npt.NDArray[np.float64]:
    """Shape (vectors, numbers)."""
    numbers = max(1, len(model.metadata.outputs))
    return np.concatenate([np.empty((0, numbers)), *(model.predict(each).reshape(-1, numbers) for each in batches)])


def _distance(former: npt.NDArray[np.float64], new: npt.NDArray[np.float64]) -> float:
    """The greatest of all numbers. Answers that never differ have no deviation to measure by: 0."""
    known = np.isfinite(former).all(axis=1)
    spread = former[known].std(axis=0)
    apart = np.abs(new[known].mean(axis=0) - former[known].mean(axis=0))
    return float(np.max(np.where(spread > 0, apart / np.where(spread > 0, spread, 1), 0), initial=0.0))
