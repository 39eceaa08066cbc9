from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from penstock.features.compilers.duckdb.codes import codes

COLUMNS: dict[str, pa.Array] = {
    "strings": pa.array(["b", None, "", "\U0001f600", "\uffff", "Z", "é", "b"]),
    "floats": pa.array([1.5, None, -1e300, 0.0]),
    "integers": pa.array([2**63 - 1, -(2**63), None, 0]),
    "flags": pa.array([True, None, False, True, False, True, None, False, True]),
    "nothing": pa.array([None, None], pa.string()),
    "empty": pa.array([], pa.string()),
}


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
@pytest.mark.parametrize("skipped", [0, 1])
def test_numbers_are_in_the_order_of_what_they_stand_for_and_come_back(column: pa.Array, skipped: int) -> None:
    column = column[skipped:]
    coded = codes(column)
    known = np.array([value is not None for value in column.to_pylist()], dtype=np.bool_)
    assert coded.column(coded.values, known).equals(column)
    pairs: list[tuple[Any, Any]] = [
        (value, number) for value, number in zip(column.to_pylist(), coded.values.tolist(), strict=True)
        if value is not None
    ]  # fmt: skip
    by_value = [number for _, number in sorted(pairs)]
    assert by_value == sorted(by_value)
    assert len({number for _, number in pairs}) == len({value for value, _ in pairs})
