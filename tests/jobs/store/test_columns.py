"""Cells to typed columns."""

from __future__ import annotations

import numpy as np
import pytest

from penstock.features.errors import PenstockError
from penstock.jobs.store.clock import ABSENT
from penstock.jobs.store.columns import Cells, Columns, decode
from penstock.jobs.store.encoding import encode_column
from penstock.jobs.store.rows import ViewSchema

SCHEMA = ViewSchema(
    "view", (("k", "int64"),), (("n", "int64"), ("mean", "float64"), ("last", "string")), (0, None, None), "f"
)


def cells(schema: ViewSchema = SCHEMA) -> Cells:
    """A row, then a key without one."""
    t = np.array([7, ABSENT])
    columns = [encode_column(type, [value], where="x") for type, value in (("int64", 3), ("float64", 0.5))]
    return Cells(schema, t, t.copy(), [[*columns[0], None], [*columns[1], None], [b"", None]])


def test_defaults_stand_where_there_is_no_row() -> None:
    (columns,) = decode([cells()])
    assert columns.present.tolist() == [True, False]
    assert columns["n"].values.tolist() == [3, 0]
    assert columns["n"].null.tolist() == [False, False]
    assert columns["mean"].null.tolist() == [False, True]
    assert columns["last"].null.tolist() == [True, True]
    assert len(columns) == 2


def test_columns_of_several_requests_are_kept_apart() -> None:
    nothing = Cells.nothing(SCHEMA, 3)
    results: list[Columns] = decode([cells(), nothing, cells()])
    assert [columns["n"].values.tolist() for columns in results] == [[3, 0], [0, 0, 0], [3, 0]]
    assert [len(columns) for columns in results] == [2, 3, 2]


def test_an_unknown_feature_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="other"):
        decode([cells()])[0]["other"]


def test_bytes_of_another_type_name_the_view() -> None:
    other = ViewSchema("view", SCHEMA.key, (("n", "bool"), *SCHEMA.features[1:]), SCHEMA.defaults, "f")
    with pytest.raises(PenstockError, match="not bool") as error:
        decode([cells(other)])
    assert error.value.where == "view.n"
