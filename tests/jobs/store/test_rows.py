"""Rows and schemas."""

from __future__ import annotations

from penstock.jobs.store.rows import FeatureRow, ViewSchema


def test_a_row_is_a_tuple_with_names() -> None:
    row = FeatureRow(("JFK",), 1_000, 2, (1, None))
    assert row == (("JFK",), 1_000, 2, (1, None))
    assert (row.key, row.t, row.seq, row.values) == row


def test_equal_schemas_are_one_key_of_a_dictionary() -> None:
    one, other = (ViewSchema("v", (("k", "int64"),), (("a", "int64"), ("b", "bool")), (0, None), "f") for _ in "12")
    assert {one: 1}[other] == 1
    assert one.feature_names == ("a", "b")
