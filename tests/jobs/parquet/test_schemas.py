"""Each history file is read by its own name and by its own schema."""

from __future__ import annotations

import datetime as dt
import decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock import Stream
from penstock.features.compilers.duckdb.events import source_query
from penstock.features.compilers.duckdb.types import quote
from penstock.features.errors import UsageError
from penstock.features.ingest import TIME_MAX
from penstock.jobs.batch.database import prepare
from penstock.jobs.batch.history import history_files
from penstock.jobs.parquet.schemas import by_schema

SOURCE = Stream(
    "s",
    history="*.parquet",
    time="ts",
    columns=dict(k="string", x="float64", n="int64", b="bool", at="timestamp"),
).source_plan
GOOD = dict(
    ts=pa.array([0], pa.timestamp("ms")),
    k=["a"],
    x=[1.5],
    n=[1],
    b=[True],
    at=pa.array([0], pa.timestamp("us")),
)

YEAR_2024_NS = 1_704_067_200_000_000_000


def write(file: Path, **columns: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({**GOOD, **columns}), file, version="2.6")


def read(files: list[str] | Path, *columns: str) -> list[tuple[Any, ...]]:
    """The columns of all rows, and why a row is bad, by file and row."""
    names = sorted(map(str, files.rglob("*.parquet"))) if isinstance(files, Path) else files
    with duckdb.connect() as db:
        prepare(db)
        query = source_query(SOURCE, by_schema(db, names), None)
        shown = ", ".join([*map(quote, columns), "_bad"])
        return db.execute(f"SELECT {shown} FROM ({query}) ORDER BY _file, _row").fetchall()


def refused(folder: Path) -> UsageError:
    with pytest.raises(UsageError) as error:
        read(folder, "ts")
    return error.value


NAMES = [
    "a[1]", "a1", "a*", "a?", "ab", "[!a]", "**", "{a,b}", "it's", 'say "so"', "back\\slash", "new\nline", "~", "%20",
    "#", "amount=100/in a folder", "x=7/k=b/deeper", "file:x", "ü",
]  # fmt: skip


def test_a_file_is_read_by_its_own_name_whatever_it_is(tmp_path: Path) -> None:
    for number, name in enumerate(NAMES):
        write(tmp_path / f"{name}.parquet", n=[number])
    for number, name in enumerate(NAMES):
        assert read([str(tmp_path / f"{name}.parquet")], "n") == [(number, None)], name
    assert sorted(read(tmp_path, "n")) == [(number, None) for number in range(len(NAMES))]


def test_a_name_that_duckdb_cannot_read_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "b\\*[.parquet")
    assert "backslash" in str(refused(tmp_path))


def test_a_folder_whose_name_is_a_column_with_a_value_is_a_folder(tmp_path: Path) -> None:
    for folder, value in (("x=100", 1.5), ("x=200", 2.5), ("x=abc/n=1", 3.5)):
        write(tmp_path / folder / "p.parquet", x=[value])
    assert read(tmp_path, "x", "n") == [(1.5, 1, None), (2.5, 1, None), (3.5, 1, None)]


LEGAL = [
    ("x", [pa.array([16777217]), pa.array([0.5], pa.float32())], [16777217.0, 0.5]),
    ("x", [pa.array([16777217], pa.int32()), pa.array([0.5], pa.float32())], [16777217.0, 0.5]),
    ("x", [pa.array([2**63 + 1], pa.uint64()), pa.array([1.5], pa.float32()).cast(pa.float16())], [2.0**63, 1.5]),
    ("n", [pa.array([5], pa.uint64()), pa.array([-5])], [5, -5]),
    ("n", [pa.array([5], pa.uint8()), pa.array([-5], pa.int16()), pa.array([2**62])], [5, -5, 2**62]),
    ("k", [pa.array(["a"], pa.large_string()), pa.array(["b"]).dictionary_encode(), pa.array(["c"])], ["a", "b", "c"]),
    ("at", [pa.array([1]), pa.array([1999], pa.timestamp("us"))], [1, 1]),
    ("at", [pa.array([253402300799999000], pa.timestamp("us")), pa.array([0], pa.timestamp("ns"))], [TIME_MAX, 0]),
    ("at", [pa.array([-1], pa.timestamp(unit)) for unit in ("s", "ms", "us", "ns")], [-1000, -1, -1, -1]),
    ("at", [pa.array([-1], pa.timestamp(unit, "UTC")) for unit in ("s", "ms", "us", "ns")], [-1000, -1, -1, -1]),
    ("at", [pa.array([dt.date(1969, 12, 31)]), pa.array([5], pa.timestamp("ns", "Europe/Paris"))], [-86_400_000, 0]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "files", "values"), LEGAL)
def test_no_file_is_read_by_the_types_of_another(
    tmp_path: Path, name: str, files: list[pa.Array], values: list[Any]
) -> None:
    for order in (1, -1):
        for number, column in enumerate(files):
            write(tmp_path / f"{order}" / f"{order * number + 50}.parquet", **{name: column})
        assert read(tmp_path / f"{order}", name) == [(value, None) for value in values[::order]]


def test_a_column_of_nothing_but_nulls_fits_every_type(tmp_path: Path) -> None:
    write(tmp_path / "0.parquet", **{name: pa.array([None], pa.null()) for name in ("k", "x", "n", "b", "at")})
    write(tmp_path / "1.parquet")
    assert read(tmp_path, "k", "x", "n", "b", "at") == [(None,) * 6, ("a", 1.5, 1, True, 0, None)]


ILLEGAL = [
    ("k", pa.array([1]), "BIGINT"),
    ("k", pa.array([0.1]), "DOUBLE"),
    ("k", pa.array([True]), "BOOLEAN"),
    ("k", pa.array([dt.date(2024, 1, 1)]), "DATE"),
    ("k", pa.array([b"a"]), "BLOB"),
    ("x", pa.array(["1"]), "VARCHAR"),
    ("x", pa.array([decimal.Decimal("0.1")]), "DECIMAL(1,1)"),
    ("n", pa.array([True]), "BOOLEAN"),
    ("n", pa.array([1.0]), "DOUBLE"),
    ("b", pa.array([1]), "BIGINT"),
    ("at", pa.array([1.0]), "DOUBLE"),
    ("at", pa.array([1], pa.int32()), "INTEGER"),
    ("ts", pa.array(["2024-01-01"]), "VARCHAR"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "column", "type"), ILLEGAL)
def test_a_file_with_another_type_is_refused_by_its_name_whatever_its_neighbours_are(
    tmp_path: Path, name: str, column: pa.Array, type: str
) -> None:
    write(tmp_path / "other.parquet", **{name: column})
    alone = refused(tmp_path)
    write(tmp_path / "good.parquet")
    beside = refused(tmp_path)
    assert alone.what == beside.what and f"column {name!r} is {type}, not" in alone.what
    assert alone.where == beside.where == str(tmp_path / "other.parquet")


def test_a_file_without_a_column_is_refused_whatever_its_neighbours_are(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet")
    lacking = {name: column for name, column in GOOD.items() if name != "n"}
    pq.write_table(pa.table(lacking), tmp_path / "b.parquet")
    pq.write_table(pa.table(lacking), tmp_path / "c.parquet")
    error = refused(tmp_path)
    assert error.what == "the file has no column 'n'"
    assert error.where == f"{tmp_path / 'b.parquet'} and 1 more of the same columns"
    pq.write_table(pa.table({**lacking, "N": [1]}), tmp_path / "b.parquet")
    assert refused(tmp_path).hint == "did you mean 'N'?"


def test_names_are_told_apart_by_case(tmp_path: Path) -> None:
    pq.write_table(pa.table({"N": [8], "X": ["no"], **GOOD, "n": [7], "Ts": [None]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({**GOOD, "N": [8], "n_1": [9]}), tmp_path / "b.parquet")
    assert read(tmp_path, "n", "x", "ts") == [(7, 1.5, 0, None), (1, 1.5, 0, None)]


def test_columns_that_nobody_declared_do_not_matter(tmp_path: Path) -> None:
    nested = pa.array([{"n": 5, "x": [{"k": "inside"}]}])
    pq.write_table(pa.table({"o": nested, **GOOD, "filename": ["own"], "p": [[1]]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({**GOOD, "o": [1.5], "filename": [5]}), tmp_path / "b.parquet")
    assert read(tmp_path, "n", "k") == [(1, "a", None), (1, "a", None)]


def test_nanoseconds_with_a_zone_are_floored_before_1970_in_every_row_group(tmp_path: Path) -> None:
    times = [
        -1,
        -999,
        -1_000,
        -1_001,
        -1_000_000,
        -1_000_001,
        -1_000_999,
        -1_001_000,
        None,
        0,
        1,
        YEAR_2024_NS,
        -(10**18) - 1,
    ]
    for zone in ("UTC", None):
        columns = {name: list(column) * len(times) for name, column in GOOD.items()}
        columns |= {
            "ts": pa.array(times, pa.timestamp("ns", zone)),
            "at": pa.array(times[::-1], pa.timestamp("ns", zone)),
        }
        pq.write_table(pa.table(columns), tmp_path / f"{zone}.parquet", version="2.6", row_group_size=5)
    expected = [None if time is None else time // 1_000_000 for time in times]
    assert [row[:2] for row in read(tmp_path, "ts", "at")] == 2 * list(zip(expected, expected[::-1], strict=True))


def test_times_that_no_calendar_has_are_out_of_range_and_not_null(tmp_path: Path) -> None:
    times = [2**63 - 1, -(2**63) + 1, -(2**63), 253402300800000000, -62135596800000001]
    for number, at in enumerate([
        pa.array(times, pa.timestamp("us")), pa.array(times, pa.timestamp("us", "UTC")), pa.array(times),
        pa.array([2**31 - 1, -(2**31) + 1, -(2**31), 2**30, 2932897], pa.int32()).cast(pa.date32()),
    ]):  # fmt: skip
        table = pa.table({**{name: list(column) * 5 for name, column in GOOD.items()}, "at": at})
        pq.write_table(table, tmp_path / f"{number}.parquet")
    assert [bad for (bad,) in read(tmp_path)] == ["out of range"] * 20


def test_a_folder_is_no_history_and_says_what_to_write(tmp_path: Path) -> None:
    write(tmp_path / "orders.parquet" / "part-0.parquet")
    with pytest.raises(UsageError, match="is a folder") as error:
        history_files(SOURCE, str(tmp_path / "*.parquet"))
    assert error.value.where == str(tmp_path / "orders.parquet")
