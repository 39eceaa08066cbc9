"""Columns in parts."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from penstock.jobs.training.report.slices import parts

MS = pa.timestamp("ms", tz="UTC")
DAY = 86_400_000


@pytest.mark.parametrize(
    ("type", "values", "times", "words"),
    [
        (pa.string(), ["b", "a", None, "b"], False, {"a": 1, "b": 2, "null": 1}),
        (pa.string(), ["a", "a", *"bcdefghijkl"], False, {**{"a": 2}, **dict.fromkeys("bcdefghij", 1), "2 others": 2}),
        (pa.bool_(), [True, False, True], False, {"false": 1, "true": 2}),
        (pa.int64(), [3, 1, 1], False, {"1": 2, "3": 1}),
        (pa.float64(), [0.5, None], False, {"0.5": 1, "null": 1}),
        (pa.int64(), list(range(12)), False, {"up to 2": 3, "2 to 5": 3, "5 to 8": 3, "over 8": 3}),
        (pa.int64(), [0] * 90 + list(range(1, 12)), False, {"up to 0": 90, "over 0": 11}),
        (
            MS,
            [DAY * day for day in range(12)],
            False,
            {
                "up to 1970-01-03 00:00:00": 3,
                "1970-01-03 00:00:00 to 1970-01-06 00:00:00": 3,
                "1970-01-06 00:00:00 to 1970-01-09 00:00:00": 3,
                "over 1970-01-09 00:00:00": 3,
            },
        ),
        (pa.int64(), [DAY * day for day in (*[0] * 11, *range(1, 12))], True, None),
        (pa.string(), [None, None], False, {"null": 2}),
        (pa.string(), [], False, {}),
    ],
)
def test_a_column_is_cut_by_value_or_by_quarters(
    type: pa.DataType, values: list[Any], times: bool, words: dict[str, int] | None
) -> None:
    cut = dict(parts(pa.chunked_array([pa.array(values, type)]), times=times))
    rows = sorted(row for part in cut.values() for row in part.tolist())
    assert rows == list(range(len(values)))
    if words is None:
        assert all("1970" in part for part in cut)
    else:
        assert {part: len(found) for part, found in cut.items()} == words
