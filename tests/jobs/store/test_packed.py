"""Rows in one piece against the same rows cell by cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.jobs.store.bulk import encode_rows
from penstock.jobs.store.clock import ABSENT
from penstock.jobs.store.columns import Cells, Columns, decode
from penstock.jobs.store.packed import OtherLayout, layout_of
from penstock.jobs.store.rows import FeatureRow, ViewSchema
from tests.jobs.store.test_encoding import INT64, VALUES, patient

DEFAULTS: dict[str, Any] = {"int64": 0, "list<string>": ()}


def schema_of(types: list[str]) -> ViewSchema:
    """Names in no order."""
    features = tuple((f"f{place * 7 % 10}_{place}", type) for place, type in enumerate(types))
    return ViewSchema("view", (("k", "int64"),), features, tuple(DEFAULTS.get(type) for type in types), "f")


def rows_of(types: list[str]) -> st.SearchStrategy[tuple[ViewSchema, list[FeatureRow | None]]]:
    values = st.tuples(*(st.none() | VALUES[type] for type in types))
    # no row has the time of a key without one
    row = st.builds(FeatureRow, st.just((1,)), INT64.filter(lambda t: t != ABSENT), INT64, values)
    return st.tuples(st.just(schema_of(types)), st.lists(st.none() | row, max_size=8))


def bytes_of(columns: Columns) -> list[Any]:
    """Equal only for the same bits, types and order."""
    arrays = [columns.t, columns.seq, columns.present]
    arrays += [array for column in columns.features for array in (column.values, column.null)]
    names = [(column.name, column.type) for column in columns.features]
    return [*names, *((a.dtype, repr(a.tolist()) if a.dtype == object else a.tobytes()) for a in arrays)]


def packed(schema: ViewSchema, rows: list[FeatureRow]) -> list[bytes]:
    if not rows:
        return []
    encoded = encode_rows(schema, rows)
    return layout_of(encoded.features).pack(encoded)


def by_cells(schema: ViewSchema, rows: list[FeatureRow | None]) -> Columns:
    nothing = FeatureRow((1,), ABSENT, ABSENT, (None,) * len(schema.features))
    if not rows:
        return decode([Cells.nothing(schema, 0)])[0]
    encoded = encode_rows(schema, [row or nothing for row in rows])
    clocks = np.array([encoded.t, encoded.seq], dtype=np.int64)
    return decode([Cells(schema, clocks[0], clocks[1], encoded.columns)])[0]


@patient
@given(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=9).flatmap(rows_of))
def test_a_row_in_one_piece_is_the_same_to_the_bit(case: tuple[ViewSchema, list[FeatureRow | None]]) -> None:
    schema, rows = case
    layout = layout_of(schema.features)
    found = iter(packed(schema, [row for row in rows if row]))
    pieces = [next(found) if row else layout.blank for row in rows]
    columns = layout.unpack(schema, pieces)
    assert bytes_of(columns) == bytes_of(by_cells(schema, rows))


def test_the_order_of_the_features_is_that_of_who_asks() -> None:
    schema = schema_of(["int64", "float64", "string"])
    turned = ViewSchema("view", schema.key, schema.features[::-1], schema.defaults[::-1], "f")
    (row,) = packed(schema, [FeatureRow((1,), 5, 6, (7, 0.5, "x"))])
    columns = layout_of(turned.features).unpack(turned, [row])
    assert [column.values.tolist() for column in columns.features] == [["x"], [0.5], [7]]


@pytest.mark.parametrize("types", [["int64", "bool"], ["float64", "float64"], ["float64"], ["int64", "string"]])
def test_a_row_of_other_features_is_refused(types: list[str]) -> None:
    rows = packed(schema_of(["int64", "float64"]), [FeatureRow((1,), 5, 6, (7, 0.5))])
    other = schema_of(types)
    with pytest.raises(OtherLayout):
        layout_of(other.features).unpack(other, rows)


def test_a_column_can_be_written() -> None:
    schema = schema_of(["float64"])
    columns = layout_of(schema.features).unpack(schema, packed(schema, [FeatureRow((1,), 5, 6, (0.5,))]))
    columns.t[0], columns.features[0].values[0], columns.features[0].null[0] = 7, 1.5, True
