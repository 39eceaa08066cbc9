"""Vectors in Parquet files: what is read, what is a bad row, and what no file may have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock import Table
from penstock.features.errors import UsageError
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.batch.database import scratch_database
from penstock.jobs.batch.parts import part_rows

TABLE = Table("v", history="*.parquet", time="ts", key="k", columns=dict(k="string", e="float32[2]"))
NAN, INF = float("nan"), float("inf")


def rows(folder: Path, file: Path) -> tuple[list[Any], list[tuple[int, str]]]:
    """The vectors by time, and the bad rows with their reasons."""
    report = backfill(TABLE.plan, {"v": str(file)}, 0, 1_000, folder / "out", memory="256MB")
    with scratch_database(folder, "256MB") as db:
        found = db.execute(f"SELECT e FROM {part_rows(folder / 'out' / 'v')} ORDER BY t").fetchall()
    lines = Path(report.rejects).read_text().splitlines() if report.rejects else []
    rejects = [json.loads(line) for line in lines]
    assert all(reject["file"] == str(file) for reject in rejects)
    return [e for (e,) in found], [(reject["row"], reject["error"]) for reject in rejects]


def write(folder: Path, type: pa.DataType, values: list[Any]) -> Path:
    file = folder / "v.parquet"
    columns = {"k": ["a"] * len(values), "ts": list(range(len(values))), "e": pa.array(values, type)}
    pq.write_table(pa.table(columns), file)
    return file


@pytest.mark.parametrize("type", [pa.list_(pa.float64()), pa.list_(pa.float32()), pa.large_list(pa.float64())], ids=str)
def test_lists_are_vectors_where_they_have_its_length_and_numbers_alone(tmp_path: Path, type: pa.DataType) -> None:
    values = [[0.1, -0.0], None, [1.0], [1.0, 2.0, 3.0], [1.0, None], [NAN, 0.0], [1.0, -INF], [], [2.0**-149, 7.0]]
    found, bad = rows(tmp_path, write(tmp_path, type, values))
    assert found == [[0.10000000149011612, 0.0], None, [2.0**-149, 7.0]]
    assert str(found[0][1]) == "0.0"
    assert bad == [(place, "wrong type") for place in (2, 3, 4, 5, 6, 7)]


def test_a_double_beyond_float32_is_a_bad_row(tmp_path: Path) -> None:
    values = [[3.4028235677973362e38, 0.0], [3.4028235677973366e38, 0.0], [1e300, NAN], [1e39, 0.0], [-7e-46, 7.1e-46]]
    found, bad = rows(tmp_path, write(tmp_path, pa.list_(pa.float64()), values))
    assert found == [[3.4028234663852886e38, 0.0], [0.0, 1.401298464324817e-45]]
    assert str(found[1][0]) == "0.0"
    assert bad == [(1, "out of range"), (2, "wrong type"), (3, "out of range")]


def test_a_list_of_a_fixed_length_is_one(tmp_path: Path) -> None:
    assert rows(tmp_path, write(tmp_path, pa.list_(pa.float32(), 2), [[1.0, 2.0]])) == ([[1.0, 2.0]], [])


def test_a_column_of_nulls_is_no_vector_at_all(tmp_path: Path) -> None:
    assert rows(tmp_path, write(tmp_path, pa.null(), [None])) == ([None], [])


@pytest.mark.parametrize("type", [pa.float64(), pa.list_(pa.int64()), pa.list_(pa.string())], ids=str)
def test_a_column_of_another_type_is_refused_by_its_file(tmp_path: Path, type: pa.DataType) -> None:
    file = write(tmp_path, type, [None])
    with pytest.raises(UsageError, match=r"the file's column 'e' is .*, not float32\[2\]") as raised:
        rows(tmp_path, file)
    assert raised.value.where == str(file)


def test_lines_of_json_are_read_as_records_and_csv_has_no_vectors(tmp_path: Path) -> None:
    file = tmp_path / "v.jsonl"
    file.write_text('{"k": "a", "ts": 1, "e": [0.1, 2]}\n{"k": "a", "ts": 2, "e": [1]}\n')
    report = backfill(TABLE.plan, {"v": str(file)}, 0, 1_000, tmp_path / "out", memory="256MB")
    assert (report.counts["applied"], report.counts["dead"]) == (1, 1)
    (tmp_path / "v.csv").write_text('k,ts,e\na,1,"[1, 2]"\n')
    with pytest.raises(UsageError, match="a CSV file has no vectors"):
        backfill(TABLE.plan, {"v": str(tmp_path / "v.csv")}, 0, 1_000, tmp_path / "out", memory="256MB")
