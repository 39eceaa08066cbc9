"""The kernel predicts for a version if it gives LightGBM's bits; else LightGBM goes on, and a line says why."""

from __future__ import annotations

import numpy as np

from penstock.jobs.models.folder import LoadedModel
from penstock.jobs.models.kernel.check_rows import check_rows
from penstock.jobs.models.kernel.forest import read_forest
from penstock.jobs.models.kernel.predictor import TreeKernel


def take_over(model: LoadedModel) -> str:
    """Returns a line: who predicts, and why. From then on ``model.trees.runtime`` names it, too."""
    try:
        said = _take_over(model)
    except Exception as error:  # whatever it is, LightGBM predicts as well
        said = f"LightGBM predicts: no kernel: {error}"
    return f"{model.name} {model.version}: {said}"


def _take_over(model: LoadedModel) -> str:
    forest = read_forest(model.file.read_text())
    kernel = TreeKernel(forest)
    rows = check_rows(forest, model.metadata.features, model.metadata.categories)
    ours, theirs = kernel.predict(rows), model.trees.by_booster(rows)
    words = f"on {len(rows):,} rows about its own thresholds"
    if ours.shape != theirs.shape or ours.tobytes() != theirs.tobytes():
        different = int((ours.view(np.int64) != theirs.view(np.int64)).sum())
        return f"LightGBM predicts: the kernel differs from it in {different:,} answers {words}"
    model.trees.take_over(kernel, f"kernel, {kernel.level}")
    return f"the tree kernel ({kernel.level}) predicts, equal to LightGBM to the bit {words}"
