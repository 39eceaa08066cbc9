"""The kernel predicts for a version if it gives LightGBM's bits; else LightGBM goes on, and a line says why."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from penstock.jobs.models.arrays import entries_of
from penstock.jobs.models.folder import LIGHTGBM, LoadedModel
from penstock.jobs.models.kernel.check_rows import check_rows
from penstock.jobs.models.kernel.forest import read_forest
from penstock.jobs.models.kernel.predictor import TreeKernel

#: Of so many rows one is predicted alone, too.
ALONE = 8


def take_over(model: LoadedModel) -> str:
    """Returns a line: who predicts, and why. From then on ``model.runtime`` names it, too.

    The kernel is for LightGBM's trees; any other model goes on as it is.
    """
    if model.metadata.written_in != LIGHTGBM:
        return f"{model.name} {model.version}: {model.runtime} predicts"
    try:
        said = _take_over(model)
    except Exception as error:  # whatever it is, LightGBM predicts as well
        said = f"LightGBM predicts: no kernel: {error}"
    return f"{model.name} {model.version}: {said}"


def _take_over(model: LoadedModel) -> str:
    forest = read_forest(model.read().decode())
    kernel = TreeKernel(forest)
    rows = check_rows(forest, entries_of(model.metadata.features), model.metadata.categories)
    expected = model.trees.by_booster(rows)
    # few rows are walked, and many are followed as blocks
    alone = np.concatenate([kernel.predict(rows[at : at + 1]) for at in range(0, len(rows), ALONE)])
    different = _different(kernel.predict(rows), expected) + _different(alone, expected[::ALONE])
    words = f"on {len(rows):,} rows about its own thresholds"
    if different:
        return f"LightGBM predicts: the kernel differs from it in {different:,} answers {words}"
    model.trees.take_over(kernel, f"kernel, {kernel.level}")
    return f"the tree kernel ({kernel.level}) predicts, equal to LightGBM to the bit {words}"


def _different(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> int:
    """How many rows differ."""
    bits = left.view(np.int64) != right.view(np.int64)
    return int(bits.reshape(len(left), -1).any(axis=1).sum())
