"""Functions that DuckDB does not have to the bit: it calls Python's, with a few thousand values at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from penstock.features.logarithm_columns import Doubles, exp, log

Function = Callable[[pa.Array], pa.Array]


def _of_column(function: Callable[[Doubles], Doubles]) -> Function:
    def apply(column: pa.Array) -> pa.Array:
        null = column.is_null().to_numpy(zero_copy_only=False)
        results = function(column.fill_null(0.0).to_numpy(zero_copy_only=False)) + 0.0
        return pa.array(results, mask=null | ~np.isfinite(results))

    return apply


#: Name in SQL → what DuckDB calls, DOUBLE to DOUBLE. What is not finite is null.
OWN_FUNCTIONS: dict[str, Function] = {"natural_log": _of_column(log), "natural_exp": _of_column(exp)}
