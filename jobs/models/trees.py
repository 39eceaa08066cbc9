"""What predicts for a version: LightGBM's Booster, until a kernel that gives the same bits takes its place."""

from __future__ import annotations

from typing import Protocol

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from penstock.jobs.models.arrays import Matrix


class Predictor(Protocol):
    """Anything that gives a version's numbers for each row of a matrix."""

    def predict(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """Shape (rows,), or of a version with several outputs (rows, outputs)."""


class Trees:
    """A version's trees. ``take_over`` may be called while another thread predicts."""

    def __init__(self, booster: lgb.Booster) -> None:
        self.booster = booster
        #: Who predicts.
        self.runtime = "LightGBM"
        self._kernel: Predictor | None = None

    def predict(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """The numbers for each row. Shape (rows,), or of a version with several outputs (rows, outputs)."""
        kernel = self._kernel
        if not len(matrix):
            outputs = self.booster.num_model_per_iteration()
            return np.empty((0, outputs) if outputs > 1 else 0)
        return self.by_booster(matrix) if kernel is None else kernel.predict(matrix)

    def by_booster(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """What LightGBM itself says of one row or more."""
        # a batch is small: starting threads would take longer than predicting it
        return np.asarray(self.booster.predict(matrix, num_threads=1), dtype=np.float64)

    def take_over(self, kernel: Predictor, runtime: str) -> None:
        """From now on the kernel predicts, and is called so."""
        self._kernel, self.runtime = kernel, runtime
