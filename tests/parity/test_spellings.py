"""The same events in every spelling give the same bits: in the stream, in batch, to requests, and in a preview."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import Stream, column
from penstock.features.compilers.duckdb.events import source_query
from penstock.features.compilers.flink.driver import HarnessDriver
from penstock.features.errors import UsageError
from penstock.features.ingest import Row
from penstock.features.plan import SourcePlan
from penstock.features.types import Column
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.batch.database import prepare
from penstock.jobs.batch.history import read_history
from penstock.jobs.batch.parts import FEAST_COLUMNS, ViewParts
from penstock.jobs.parity.compare import compare_answers, compare_rows
from penstock.jobs.parity.engines import flink_stream, oracle_batch, oracle_stream, stream_items
from penstock.jobs.parity.events import Arrival, arrival
from penstock.jobs.serving.parse import Parser
from tests.parity.spellings import FILES, SPELLINGS, lines, orders, plan, view, write_json
from tests.parity.test_random import agree, random_worlds

SPELLED = [name for name in SPELLINGS if name != "flat"]
END = 10_000_000

#: Of years in which no clock of the zone is put forward or back.
TIMES = st.integers(0, 100_000) | st.sampled_from([999, 1000, 1001, 5_000_000])
ROWS = st.lists(
    st.fixed_dictionaries(
        dict(
            id=st.integers(0, 9).map(str), customer=st.sampled_from(["ann", "bob", "é \"'"]), ts=TIMES,
            amount=st.none() | st.integers(-(10**9), 10**9).map(lambda n: n / 100 + 0.0),
            items=st.none() | st.integers(-5, 2**31 - 1), gift=st.none() | st.booleans(),
            state=st.sampled_from(["paid", "paid", "open"]), shipped=st.none() | TIMES,
        )
    ),
    max_size=25,
)  # fmt: skip


class Polled(NamedTuple):
    """A record as a client gives it."""

    value: bytes | None
    timestamp: int
    key: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


def arrivals(spelling: str, rows: list[Row]) -> list[Arrival]:
    source = orders(spelling).source_plan
    return [arrival(source, i, line) for i, line in enumerate(lines(source, rows))]


def as_read(spelling: str, rows: list[Row]) -> list[Row]:
    """The rows in the order of a source's columns."""
    return [{name: row[name] for name in SPELLINGS[spelling]} for row in rows]


@random_worlds
@given(ROWS)
def test_stream_and_requests_read_each_spelling_alike(driver: HarnessDriver, rows: list[Row]) -> None:
    flat = arrivals("flat", rows)
    expected = oracle_stream(plan("flat"), flat, stream_items(flat))
    for spelling in SPELLED:
        came = arrivals(spelling, rows)
        assert [repr(a.row) for a in came] == [repr(row) for row in as_read(spelling, rows)]
        answer = flink_stream(driver, [plan(spelling)], stream_items(came))["customers"]
        agree(compare_answers(plan("flat"), expected, answer, ("oracle", "flink")))
        records = [Polled(a.record.value, -1, a.record.key, a.record.headers) for a in came]
        requests = Parser(orders(spelling).source_plan).rows(records)
        assert [repr(row) for row in requests] == [repr(a.row) for a in came]


def backfilled(spelling: str, file: Path, folder: Path) -> pa.Table:
    backfill(plan(spelling), str(file), -1000, END, folder, memory="1GB")
    parts = ViewParts(folder / "customers", plan(spelling)).all()
    table = pa.concat_tables(pq.read_table(part.path) for part in parts).drop_columns(list(FEAST_COLUMNS))
    return table.replace_schema_metadata(None)


def some_rows(count: int) -> list[Row]:
    chance = random.Random(23)
    return [
        dict(
            id=str(chance.randrange(count // 2)), customer=chance.choice(["ann", "bob", "é \"'"]),
            ts=chance.randrange(100_000), amount=chance.choice([None, chance.randint(-(10**9), 10**9) / 100]),
            items=chance.choice([None, chance.randint(-5, 2**31 - 1)]), gift=chance.choice([None, True, False]),
            state=chance.choice(["paid", "paid", "open"]), shipped=chance.choice([None, chance.randrange(100_000)]),
        )
        for _ in range(count)
    ]  # fmt: skip


def test_batch_reads_each_spelling_alike_from_any_file(tmp_path: Path) -> None:
    rows = some_rows(100)
    expected = oracle_batch(plan("flat"), arrivals("flat", rows)).rows
    lines_of = {"flat": ".jsonl", "nested": ".json.gz", "seconds and text": ".ndjson.zst", "renamed and ISO": ".jsonl"}
    for number, spelling in enumerate(SPELLINGS):
        source = orders(spelling).source_plan
        for end, write in {**FILES[spelling], lines_of[spelling]: partial(write_json, source)}.items():
            folder = tmp_path / f"{number}{end}"
            folder.mkdir()
            write(rows, folder / f"orders{end}")
            found = backfilled(spelling, folder / f"orders{end}", folder)
            agree(compare_rows(plan("flat"), expected, found, ("oracle", f"{spelling} {end}")))


def test_a_preview_reads_documents_as_the_topic_has_them() -> None:
    row = dict(id="1", customer="ann", ts=5_000, amount=12.5, items=3, gift=True, state="paid", shipped=None)
    expected = view(orders("flat")).preview([row])
    for spelling in SPELLED:
        source = orders(spelling)
        (record,) = (a.record for a in arrivals(spelling, [row]))
        document: dict[str, Any] = json.loads(record.value or b"")
        assert view(source).preview([{**document, **({"customer": "ann"} if record.key else {})}]) == expected


@pytest.mark.parametrize(
    ("column_", "type", "given_", "expected"),
    [
        (column("int64", cast="fraction"), pa.float64(), [3.0, 3.5, 1e300, float("nan"), None, -0.0, 2.0**53],
         [3, "wrong type", "out of range", None, None, 0, 2**53]),
        (column("int64", cast="fraction"), pa.decimal128(20, 2), [Decimal("3.00"), Decimal("3.10")], [3, "wrong type"]),
        (column("int64", cast="text"), pa.string(), ["12", "-012", "3.0", "", "x"],
         [12, -12, "wrong type", "wrong type", "wrong type"]),
        (column("float64", cast="text"), pa.string(), ["12.50", "1e5", "1e999", "-0", " 1", "0.30000000000000004"],
         [12.5, 1e5, "not json", 0.0, "wrong type", 0.30000000000000004]),
        (column("float64", cast="decimal", places=2), pa.decimal128(30, 3), [Decimal("12.500"), Decimal("12.505")],
         [12.5, "out of range"]),
        (column("float64", cast="decimal", places=2), pa.float64(), [0.1, 0.3, 0.1 + 0.2, float("inf"), 1e16],
         [0.1, 0.3, "out of range", None, "out of range"]),
        (column("string", cast="number"), pa.uint64(), [2**64 - 1, 0], ["18446744073709551615", "0"]),
        (column("string", cast="fraction"), pa.float64(), [12.0, 1e20, 0.5, 1e38],
         ["12", "1" + "0" * 20, "wrong type", "out of range"]),
        (column("string", values={"1": "open"}, cast="number"), pa.int8(), [1, 2], ["open", "wrong type"]),
        (column("string", values=("open",)), pa.dictionary(pa.int8(), pa.string()), ["open", "Open"],
         ["open", "wrong type"]),
        (column("bool", cast="number"), pa.int32(), [0, 1, 2], [False, True, "wrong type"]),
        (column("bool", cast="text"), pa.string(), ["true", "False", "1"], [True, False, "wrong type"]),
        (column("timestamp", unit="s"), pa.int64(), [-1, 253402300799, 253402300800, 2**62],
         [-1000, 253402300799000, "out of range", "out of range"]),
        (column("timestamp", unit="s"), pa.int32(), [5], [5000]),
        (column("timestamp", unit="s"), pa.float64(), [-0.0001, 1.5], [-1, 1500]),
        (column("timestamp", unit="ns"), pa.int64(), [-1, 1_999_999], [-1, 1]),
        (column("timestamp", unit="s"), pa.timestamp("us"), [1_500_999], [1500]),
        (column("timestamp", unit="iso8601", zone="Europe/Berlin"), pa.string(),
         ["2024-05-01T18:30:00", "2024-10-27T02:30", "2024-05-01T18:30:00Z", "1714581000"],
         [1714581000000, "out of range", 1714588200000, "wrong type"]),
        (column("timestamp", unit="iso8601", zone="Europe/Berlin"), pa.timestamp("ms", "UTC"), [5], [5]),
    ],
)  # fmt: skip
def test_each_form_in_parquet(
    tmp_path: Path, column_: Column, type: pa.DataType, given_: list[Any], expected: Any
) -> None:
    source = Stream("s", topic="s", time="ts", columns=dict(x=column_)).source_plan
    times = pa.array(range(len(given_)), pa.int64())
    pq.write_table(pa.table({"x": pa.array(given_, type), "ts": times}), tmp_path / "s.parquet")
    assert read(source, tmp_path / "s.parquet") == [repr(value) for value in expected]


def read(source: SourcePlan, file: Path) -> list[str]:
    """The column ``x``, or why the row is bad."""
    with duckdb.connect() as db:
        prepare(db)
        query = source_query(source, read_history(db, source, [str(file)]), None)
        rows = db.execute(f"SELECT x, _bad FROM ({query}) ORDER BY _row").fetchall()
    return [repr(x if bad is None else bad) for x, bad in rows]


@pytest.mark.parametrize(
    ("column_", "type"),
    [
        (column("timestamp", unit="iso8601"), pa.int64()),
        (column("timestamp", unit="iso8601", zone="Europe/Berlin"), pa.timestamp("ms")),
        (column("timestamp", unit="iso8601", zone="Europe/Berlin"), pa.date32()),
        (column("float64"), pa.string()),
        (column("float64"), pa.decimal128(10, 2)),
        (column("int64", cast="text"), pa.float64()),
    ],
)
def test_what_would_be_a_guess_is_refused(tmp_path: Path, column_: Column, type: pa.DataType) -> None:
    source = Stream("s", topic="s", time="ts", columns=dict(x=column_)).source_plan
    pq.write_table(pa.table({"x": pa.nulls(1, type), "ts": pa.array([1])}), tmp_path / "s.parquet")
    with pytest.raises(UsageError, match="the file's column 'x' is"):
        read(source, tmp_path / "s.parquet")


def test_a_file_that_has_two_of_a_column_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1], "o": [{"x": 2}], "ts": [1]}), tmp_path / "s.parquet")

    def of(**more: Any) -> SourcePlan:
        return Stream("s", topic="s", time="ts", columns=dict(x=column("int64", path="o.x", **more))).source_plan

    with pytest.raises(UsageError, match=r"the file has x and o\.x, and x may be either"):
        read(of(), tmp_path / "s.parquet")
    assert read(of(history_name="x"), tmp_path / "s.parquet") == ["1"]
    assert read(of(history_name="o.x"), tmp_path / "s.parquet") == ["2"]
    with pytest.raises(UsageError, match=r"the file has no column 'o\.y'"):
        read(of(history_name="o.y"), tmp_path / "s.parquet")


def test_bad_lines_are_bad_rows_and_damaged_files_are_refused(tmp_path: Path) -> None:
    source = Stream("s", topic="s", time="ts", columns=dict(x=column("int64", path="o.x"))).source_plan
    file = tmp_path / "s.jsonl"
    file.write_bytes(b'{"ts": 1, "o": {"x": 5}}\n\n{"ts": 2, "o": 5}\nx\n{"ts": 3}\r\n{"o": null}')
    assert read(source, file) == ["5", "'wrong type'", "'not json'", "None", "'missing time'"]
    table = tmp_path / "s.csv"
    table.write_text('\ufeffts,x\n1,5\n2,\n3,"6"\n4\n5,a\n\n')
    assert read(source, table) == ["5", "None", "6", "'wrong type'", "'wrong type'"]
    for name, raw, what in [
        ("s.jsonl.gz", b"\x1f\x8b\x08", "cannot be decompressed"),
        ("s.jsonl.gz", b"no gzip", "cannot be decompressed"),
        ("s.jsonl.zst", b"no zstd", "cannot be decompressed"),
        ("s.csv", b'ts,x\n1,"5', "is no CSV"),
        ("s.csv", b"ts,y\n1,5", "has no column 'x or o.x'"),
        ("s.csv", b"ts,x,x\n", "two columns of one name"),
    ]:
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(UsageError, match=what):
            read(source, tmp_path / name)
