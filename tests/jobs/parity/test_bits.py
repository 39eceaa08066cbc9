from __future__ import annotations

import pyarrow as pa
import pytest

from penstock.jobs.parity.bits import differing

DOUBLES = pa.list_(pa.float64())


@pytest.mark.parametrize(
    ("left", "right", "type", "differ"),
    [
        ([0.1, None, 0.0], [0.1, None, -0.0], pa.float64(), [False, False, True]),
        ([1, None, 3], [1, 2, None], pa.int64(), [False, True, True]),
        ([[], None, [0.0], [1.0, 2.0]], [[], None, [-0.0], [1.0, 2.0]], DOUBLES, [False, False, True, False]),
        ([None, [1.0], [1.0], [1.0, 2.0]], [[], [], [1.0, 1.0], [2.0, 1.0]], DOUBLES, [True, True, True, True]),
        ([["a", "b"], ["a"]], [["a", "c"], ["a"]], pa.list_(pa.string()), [True, False]),
    ],
)
def test_what_differs_in_null_or_in_any_bit(left: list, right: list, type: pa.DataType, differ: list) -> None:  # type: ignore[type-arg]
    chunks = [pa.chunked_array([pa.array(values[:1], type), pa.array(values[1:], type)]) for values in (left, right)]
    assert differing(*chunks).tolist() == differ
