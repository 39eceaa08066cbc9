from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from penstock.features.compilers.duckdb.types import MACROS, FileColumn, literal, read_column
from penstock.features.errors import UsageError
from penstock.features.plan import ColumnPlan


@pytest.fixture(scope="module")
def db() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for macro in MACROS:
        connection.execute(macro)
    return connection


def read(db: duckdb.DuckDBPyConnection, type: str, values: pa.Array) -> list[Any]:
    db.register("given", pa.table({"c": values}))
    found = db.execute("DESCRIBE given").fetchall()[0][1]
    way = read_column(ColumnPlan("c", type), FileColumn("c", found), "test")
    sql = f"SELECT CASE WHEN {way.lost or 'FALSE'} THEN 'lost' END, {way.sql} FROM given"
    return [value if lost is None else lost for lost, value in db.execute(sql).fetchall()]


def test_timestamps_of_every_unit_are_floored_to_milliseconds(db: duckdb.DuckDBPyConnection) -> None:
    for unit, value, expected in (
        ("s", -1, -1000),
        ("ms", -1, -1),
        ("us", -1, -1),
        ("ns", -1, -1),
        ("ns", 1_999_999, 1),
    ):
        assert read(db, "timestamp", pa.array([value, None], pa.timestamp(unit))) == [expected, None]
    assert read(db, "timestamp", pa.array([datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)])) == [1000]
    assert read(db, "timestamp", pa.array([date(1969, 12, 31)])) == [-86_400_000]
    assert read(db, "timestamp", pa.array([1_500], pa.int64())) == [1_500]


def test_a_timestamp_beyond_the_year_9999_is_lost(db: duckdb.DuckDBPyConnection) -> None:
    assert read(db, "timestamp", pa.array([253_402_300_800_000, -62_135_596_800_001], pa.int64())) == ["lost", "lost"]


def test_what_is_no_number_is_null_and_negative_zero_is_zero(db: duckdb.DuckDBPyConnection) -> None:
    found = read(db, "float64", pa.array([float("nan"), float("inf"), -float("inf"), -0.0, 0.1]))
    assert found == [None, None, None, 0.0, 0.1]
    assert np.copysign(1, found[3]) == 1
    assert read(db, "float64", pa.array([0.1], pa.float32())) == [float(np.float32(0.1))]
    assert read(db, "float64", pa.array([2**53 + 1], pa.int64())) == [2.0**53]


def test_an_unsigned_integer_that_does_not_fit_is_lost(db: duckdb.DuckDBPyConnection) -> None:
    assert read(db, "int64", pa.array([1, 2**63, None], pa.uint64())) == [1, "lost", None]


def test_another_type_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(UsageError, match="column 'c' is VARCHAR, not int64") as refused:
        read_column(ColumnPlan("c", "int64"), FileColumn("c", "VARCHAR"), "files")
    assert refused.value.where == "files" and "BIGINT" in str(refused.value.allowed)


@pytest.mark.parametrize(
    ("value", "type"),
    [(0.1, "float64"), (-5e-324, "float64"), (-(2**63), "int64"), ("it's", "string"), (True, "bool")],
)
def test_literals_read_back_to_themselves(db: duckdb.DuckDBPyConnection, value: object, type: str) -> None:
    assert db.execute(f"SELECT {literal(value, type)}").fetchone() == (value,)
