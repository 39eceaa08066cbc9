"""Arrow columns, values and the matrix."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from penstock.features.vector import Values
from penstock.jobs.models.arrays import array_of, matrix, values_of

ITEMS: dict[str, list[Any]] = {
    "int64": [2**63 - 1, None, -(2**63)],
    "float64": [0.1, None, -1e300],
    "string": ["é", None, ""],
    "bool": [True, None, False],
    "timestamp": [-1, None, 253_402_300_799_999],
}


@pytest.mark.parametrize("type", ITEMS)
def test_values_go_to_arrow_and_back_unchanged(type: str) -> None:
    array = array_of(Values.of(type, ITEMS[type]))
    assert values_of(type, array).tolist() == ITEMS[type]
    chunked = pa.chunked_array([array.slice(0, 1), array.slice(1)])
    assert values_of(type, chunked).tolist() == ITEMS[type]


def test_timestamps_of_any_unit_are_milliseconds() -> None:
    moment = datetime(2013, 11, 1, 12, 0, 0, 987_000, tzinfo=UTC)
    for unit in ("ms", "us", "ns"):
        column = pa.array([moment, None], pa.timestamp(unit, tz="UTC"))
        assert values_of("timestamp", column).tolist() == [1_383_307_200_987, None]
    assert values_of("timestamp", pa.array([5, None])).tolist() == [5, None]


def test_the_matrix_has_a_number_for_every_type_and_nan_for_null() -> None:
    columns = {
        "n": Values.of("int64", [3, None, -1]),
        "x": Values.of("float64", [0.5, None, 0.0]),
        "kind": Values.of("string", ["b", None, "unseen"]),
        "gift": Values.of("bool", [True, None, False]),
        "placed": Values.of("timestamp", [1_000, None, -1]),
    }
    filled = matrix([(name, column.type) for name, column in columns.items()], {"kind": ("a", "b")}, columns)
    assert filled.dtype == np.float64 and filled.shape == (3, 5)
    assert filled[0].tolist() == [3.0, 0.5, 1.0, 1.0, 1000.0]
    assert np.isnan(filled[1]).all()
    assert [None if math.isnan(v) else v for v in filled[2]] == [-1.0, 0.0, None, 0.0, -1.0]


def test_a_matrix_without_rows_keeps_its_width() -> None:
    assert matrix(
        [("x", "float64"), ("s", "string")], {}, {"x": Values.of("float64", []), "s": Values.of("string", [])}
    ).shape == (0, 2)
