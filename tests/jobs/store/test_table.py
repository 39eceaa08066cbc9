"""Rows in memory against what a real store gives for the same rows."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock.features.errors import PenstockError
from penstock.jobs.store.columns import Columns
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow, ViewSchema
from penstock.jobs.store.table import ROOM, Table, as_stored
from tests.jobs.store.projects import SQLITE, applied, make_project, wide_rows, wide_schema

TYPES = ("int64", "float64", "string", "bool", "timestamp", "list<float64>", "list<string>")
SCHEMA = ViewSchema(
    "all",
    (("a", "int64"), ("b", "string")),
    tuple((f"f{i}", type) for i, type in enumerate(TYPES)),
    (0, None, None, None, None, (), ()),
    "f",
)
VALUES = (2**63 - 1, 0.1 + 0.2, "é", True, -1_001, [5e-324, -0.5], ["", "x"])
NULLS = (None,) * len(TYPES)


def put(table: Table, *rows: FeatureRow) -> None:
    table.put([row.key for row in rows], as_stored(table.schema, rows))


def same(one: Columns, other: Columns) -> bool:
    """To the bit, and of the same types."""
    pairs = [(one.t, other.t), (one.seq, other.seq), (one.present, other.present)]
    for mine, theirs in zip(one.features, other.features, strict=True):
        assert (mine.name, mine.type) == (theirs.name, theirs.type)
        pairs += [(mine.values, theirs.values), (mine.null, theirs.null)]
    return all(a.dtype == b.dtype and _bits(a) == _bits(b) for a, b in pairs)


def _bits(values: np.ndarray[Any, Any]) -> Any:
    return values.tolist() if values.dtype == object else values.tobytes()


def test_rows_are_the_stores_to_the_bit_for_every_type(tmp_path: Path) -> None:
    rows = [FeatureRow((1, "x"), 5, 1, VALUES), FeatureRow((2, ""), -7, 3, NULLS)]
    table = Table(SCHEMA)
    put(table, *rows)
    applied(make_project(tmp_path, SQLITE, f"path: {tmp_path}/online.db"), SCHEMA)
    with open_store(tmp_path) as store:
        store.write_rows(SCHEMA, rows)
        (stored,) = store.read_rows([(SCHEMA, [row.key for row in rows])])
    assert same(table.take([row.key for row in rows]), stored)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_an_older_row_never_wins(order: tuple[int, ...]) -> None:
    schema, table = wide_schema("v"), Table(wide_schema("v"))
    clocks = [(5, 9), (6, 1), (6, 2), (-7, 10)]
    values = [wide_rows(schema, 1, 0, seed=seed)[0].values for seed in range(4)]
    for i in order:
        put(table, FeatureRow((1,), *clocks[i], values[i]))
    put(table, FeatureRow((1,), 6, 2, values[0]))
    assert same(table.take([(1,)]), as_stored(schema, [FeatureRow((1,), 6, 2, values[2])]))
    assert len(table) == 1


def test_what_it_does_not_have_is_not_present() -> None:
    schema, table = wide_schema("v"), Table(wide_schema("v"))
    assert table.take([(1,), (None,)]).present.tolist() == [False, False]
    put(table, *wide_rows(schema, 2, 5))
    assert table.take([(9,), (1,), (None,), (0,)]).present.tolist() == [False, True, False, True]
    assert len(table.take([])) == 0


def test_a_row_that_is_not_present_changes_nothing(tmp_path: Path) -> None:
    schema, table = wide_schema("v"), Table(wide_schema("v"))
    rows = wide_rows(schema, 1, 5)
    put(table, *rows)
    table.put([(0,)], Table(schema).take([(0,)]))
    assert table.take([(0,)]).present.tolist() == [True]
    applied(make_project(tmp_path, SQLITE, f"path: {tmp_path}/online.db"), schema)
    with open_store(tmp_path) as store:
        table.put([(0,)], store.read_rows([(schema, [(0,)])])[0])
    assert same(table.take([(0,)]), as_stored(schema, rows))


def test_of_batch_it_has_what_the_store_has_now() -> None:
    schema, table = wide_schema("v"), Table(wide_schema("v"))
    values = [wide_rows(schema, 1, 0, seed=seed)[0].values for seed in range(3)]
    for t, row in ((6, 0), (6, 1), (5, 2)):  # a value is corrected, then an event is gone
        put(table, FeatureRow((1,), t, 0, values[row]))
        assert same(table.take([(1,)]), as_stored(schema, [FeatureRow((1,), t, 0, values[row])]))
    table.put([(1,)], Table(schema).take([(1,)]))
    assert table.take([(1,)]).present.tolist() == [False]
    put(table, FeatureRow((1,), 4, 1, values[0]))
    assert table.take([(1,)]).present.tolist() == [True]


def test_it_grows_and_keeps_what_it_has() -> None:
    schema, table = wide_schema("v"), Table(wide_schema("v"))
    rows = wide_rows(schema, 5 * ROOM, 5)
    random.Random(1).shuffle(rows)
    for start in range(0, len(rows), 700):
        put(table, *rows[start : start + 700])
    assert len(table) == len(rows)
    assert sorted(table.keys()) == sorted(row.key for row in rows)
    assert same(table.take([row.key for row in rows]), as_stored(schema, rows))


def test_what_was_taken_is_a_copy() -> None:
    schema, table = wide_schema("v"), Table(wide_schema("v"))
    old, new = (FeatureRow((1,), t, 1, wide_rows(schema, 1, t, seed=t)[0].values) for t in (5, 6))
    put(table, old)
    taken = table.take([(1,)])
    put(table, new)
    assert same(taken, as_stored(schema, [old]))


def test_a_value_that_does_not_fit_is_named() -> None:
    with pytest.raises(PenstockError, match="not int64") as caught:
        as_stored(SCHEMA, [FeatureRow((1, "x"), 5, 1, ("three", *VALUES[1:]))])
    assert caught.value.where == "all.f0"


def test_keys_that_are_left_out_are_gone_and_never_come_back() -> None:
    schema = wide_schema("left")
    table, keys = Table(schema), ROOM + 3
    put(table, *wide_rows(schema, ROOM - 1, 5))
    table.leave_out([(0,), (1,), (keys,)])
    put(table, *wide_rows(schema, keys, 6), *wide_rows(schema, keys + 1, 6)[-1:])
    assert len(table) == keys - 2
    assert not {(0,), (1,), (keys,)} & set(table.keys())
    expected = as_stored(schema, wide_rows(schema, keys, 6)[2:])
    assert same(table.take([(key,) for key in range(2, keys)]), expected)
    assert table.take([(0,), (1,), (keys,)]).present.tolist() == [False] * 3
