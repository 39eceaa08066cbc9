"""Vectors in both stores: Feast's own list of float32, the same bits back, and nothing of another length."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from feast.protos.feast.types.Value_pb2 import FloatList, Value
from feast.types import Array, Float32
from hypothesis import given
from hypothesis import strategies as st

from penstock.features.errors import PenstockError
from penstock.jobs.store.encoding import decode_column, encode_column
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow, ViewSchema
from penstock.jobs.store.table import Table, as_stored
from tests.jobs.store.projects import FEAST_TYPES, applied

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
SCHEMA = ViewSchema(
    "items", (("item", "string"),), (("price", "float64"), ("e", "float32[3]"), ("n", "int64")), (None, None, 0), "01"
)
ROWS = [
    FeatureRow(("a",), 5, 1, (0.5, [0.10000000149011612, -2.0, 3.4028234663852886e38], 1)),
    FeatureRow(("b",), 6, 1, (None, None, 2)),
]


@given(st.lists(st.none() | st.lists(FLOATS, min_size=3, max_size=3), max_size=6))
def test_cells_are_feast_s_own_and_come_back_with_their_bits(vectors: list[list[float] | None]) -> None:
    cells = encode_column("float32[3]", vectors, where="x")
    expected = [Value() if v is None else Value(float_list_val=FloatList(val=v)) for v in vectors]
    assert cells == [value.SerializeToString() for value in expected]
    values, null = decode_column("float32[3]", cells, where="x")
    assert values.shape == (len(vectors), 3) and values.dtype == np.float32
    assert null.tolist() == [v is None for v in vectors]
    whole = [v for v in vectors if v is not None]
    assert values[~null].tobytes() == b"".join(struct.pack("3f", *v) for v in whole)


@pytest.mark.parametrize(
    "value", [[1.0], [1.0, 2.0, 3.0, 4.0], [1.0, None, 2.0], ["1", 2.0, 3.0], 5.0, "abc", [1e39, 0, 0]]
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(PenstockError, match=r"a value is not float32\[3\]"):
        encode_column("float32[3]", [value], where="x")


def test_cells_of_another_length_or_type_are_refused() -> None:
    for cell in encode_column("float32[2]", [[1, 2]], where="x") + encode_column("float64", [1.0], where="x"):
        with pytest.raises(PenstockError, match=r"the store holds a value that is not float32\[3\]"):
            decode_column("float32[3]", [cell], where="x")


def test_a_store_gives_vectors_back_and_feast_reads_them(project: Path) -> None:
    FEAST_TYPES.setdefault("float32[3]", Array(Float32))
    feast = applied(project, SCHEMA)
    with open_store(project) as store:
        assert store.write_rows(SCHEMA, ROWS) == 2
        (columns,) = store.read_rows([(SCHEMA, [("b",), ("a",), ("nobody",)])])
    held = columns["e"]
    assert held.null.tolist() == [True, False, True] and columns.present.tolist() == [True, True, False]
    assert held.values[1].tobytes() == struct.pack("3f", *ROWS[0].values[1])
    assert columns["n"].values.tolist() == [2, 1, 0]
    asked = {"features": ["items:e", "items:n"], "entity_rows": [{"item": "a"}, {"item": "b"}]}
    found = feast.get_online_features(**asked).to_dict()
    assert found["e"] == [ROWS[0].values[1], None]
    frame = pd.DataFrame({"item": ["a"], "price": [1.0], "e": [[1.0, 2.0, 3.0]], "n": [7],
                          "event_timestamp": [datetime(2030, 1, 1, tzinfo=UTC)]})  # fmt: skip
    feast.write_to_online_store("items", frame)
    with open_store(project) as store:
        (columns,) = store.read_rows([(SCHEMA, [("a",)])])
    assert columns["e"].values.tolist() == [[1.0, 2.0, 3.0]] and columns["n"].values.tolist() == [7]


def test_a_table_in_memory_holds_them_as_a_store_does() -> None:
    table = Table(SCHEMA)
    table.put([("a",), ("b",)], as_stored(SCHEMA, ROWS))
    many = [replace_key(ROWS[0], f"k{i}") for i in range(3_000)]
    table.put([row.key for row in many], as_stored(SCHEMA, many))
    held = table.take([("b",), ("k2999",), ("nobody",)])
    assert held["e"].null.tolist()[:2] == [True, False]
    assert held["e"].values[1].tolist() == ROWS[0].values[1]


def replace_key(row: FeatureRow, key: str) -> FeatureRow:
    return row._replace(key=(key,))


def test_a_vector_of_another_length_is_another_definition() -> None:
    longer = replace(SCHEMA, features=(("e", "float32[4]"),), defaults=(None,))
    with pytest.raises(PenstockError, match=r"items.e"):
        as_stored(longer, [FeatureRow(("a",), 1, 1, ([1.0, 2.0, 3.0],))])
