"""A model's predictions by the kernel: LightGBM's to the bit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from penstock.features.errors import UsageError
from penstock.jobs.models.arrays import Matrix
from penstock.jobs.models.kernel.code import memory_of
from penstock.jobs.models.kernel.forest import Forest
from penstock.jobs.models.kernel.native import Level, levels, native
from penstock.jobs.models.kernel.objective import last_step
from penstock.jobs.models.kernel.tables import tables_of


class TreeKernel:
    """Any number of threads may predict at once. ``level``: the fastest that the processor has, unless given.

    Raises RefusedError for trees or an objective that the kernel does not know.
    """

    def __init__(self, forest: Forest, level: Level | None = None) -> None:
        self._last = last_step(forest.objective, forest.outputs)
        self._tables = tables_of(forest)
        self._inputs, self._outputs = forest.features, forest.outputs
        self._native = native(level or levels()[0], self._tables.size)
        self._head = self._tables.head.ctypes.data
        self._memory = memory_of(self._native.level.width, self._tables.size, self._tables.columns)

    @property
    def level(self) -> str:
        """The kind of processor that it is compiled for."""
        return self._native.level.name

    def predict(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """Shape (rows,), or of a model with several sums (rows, sums)."""
        inputs = np.ascontiguousarray(matrix, dtype=np.float64)
        rows = len(inputs)
        if inputs.shape != (rows, self._inputs):
            raise UsageError(f"a matrix of shape {inputs.shape}", allowed=f"{self._inputs} columns")
        outputs = np.empty(rows if self._outputs == 1 else (rows, self._outputs))
        memory = np.empty(self._memory, dtype=np.uint8)
        sums = self._native.walk if rows <= self._tables.few else self._native.blocks
        sums(self._head, inputs.ctypes.data, rows, outputs.ctypes.data, memory.ctypes.data)
        if self._last.function is not None:
            self._native.last[self._last.function](outputs.ctypes.data, rows, self._outputs, self._last.parameter)
        return outputs
