"""JSON lines and CSV as history: each row is read by the rules of the stream, into a table of the database.

Plain, ``.gz`` and ``.zst`` files, told apart by their names.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import IO, Any

import duckdb
import pyarrow as pa

from penstock.features.compilers.duckdb.events import Files
from penstock.features.compilers.duckdb.located import located, names
from penstock.features.compilers.duckdb.parquet import FILE, ROW
from penstock.features.compilers.duckdb.types import FileColumn, quote, sql_type
from penstock.features.dimensions import dimensions, kept_as
from penstock.features.errors import UsageError, did_you_mean
from penstock.features.ingest import BadEvent, Row, Tombstone, decode
from penstock.features.plan import SourcePlan
from penstock.features.records.casts import Unfit, typed
from penstock.features.records.origin import Fields
from penstock.features.records.spelling import line_record
from penstock.jobs.batch.parts import ARROW_TYPES

#: The ends of files' names, without that of their compression.
JSON_LINES, CSV = (".jsonl", ".ndjson", ".json"), (".csv",)
COMPRESSED = (".gz", ".zst")

#: Why a row of such a file is bad.
_BAD = "_penstock_bad"
_AT_ONCE = 10_000

#: A row's place, and its values or why it is bad.
Read = tuple[int, Row | str]


def is_lines(file: str) -> bool:
    """Is it, by its name, JSON lines or CSV?"""
    return kind(file) in (*JSON_LINES, *CSV)


def kind(file: str) -> str:
    """The end of its name, without that of its compression."""
    path = Path(file)
    return (path.with_suffix("") if path.suffix in COMPRESSED else path).suffix.lower()


def read_lines(db: duckdb.DuckDBPyConnection, source: SourcePlan, files: Sequence[str]) -> Files:
    """The rows of files, in a table of the database that is made once. Raises UsageError for a file that is none."""
    table = quote(f"_lines_{_signature(source, files)}")
    schema = _schema(source)
    known = db.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [table.strip('"')]).fetchone()
    if known is None or not known[0]:
        _fill(db, table, schema, _batches(source, files, schema))
    columns = {column.name: FileColumn(column.name, sql_type(column.type)) for column in source.columns}
    return Files(table, columns, files[0], bad=quote(_BAD))


def _fill(db: duckdb.DuckDBPyConnection, table: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
    """Makes the table of all batches, or none."""
    making = quote("_lines_being_read")
    db.register("some_lines", schema.empty_table())
    db.execute(f"CREATE OR REPLACE TEMP TABLE {making} AS SELECT * FROM some_lines")
    for batch in batches:
        db.register("some_lines", pa.Table.from_batches([batch]))
        db.execute(f"INSERT INTO {making} SELECT * FROM some_lines")
    db.unregister("some_lines")
    db.execute(f"ALTER TABLE {making} RENAME TO {table}")


def _signature(source: SourcePlan, files: Sequence[str]) -> str:
    stats = [(file, os.stat(file).st_mtime_ns, os.stat(file).st_size) for file in files]
    return hashlib.sha256(repr((source.to_dict(), source.layout, stats)).encode()).hexdigest()


def _schema(source: SourcePlan) -> pa.Schema:
    # a time may be out of range, which Arrow's own type could not hold
    types = {**ARROW_TYPES, "timestamp": pa.int64()}
    fields = [(str(column.name), types[kept_as(column.type)]) for column in source.columns]
    return pa.schema([*fields, (_BAD, pa.string()), (FILE, pa.string()), (ROW, pa.int64())])


def _batches(source: SourcePlan, files: Sequence[str], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for file in files:
        with opened(file) as lines:
            rows = _csv_rows(source, lines, file) if kind(file) in CSV else _json_rows(_of_files(source), lines)
            while some := list(islice(rows, _AT_ONCE)):
                yield pa.RecordBatch.from_pylist([_as_row(file, *row) for row in some], schema)


def _as_row(file: str, place: int, row: Row | str) -> dict[str, Any]:
    return {**({_BAD: row} if isinstance(row, str) else row), FILE: file, ROW: place}


@contextmanager
def opened(file: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, decompressed. Raises UsageError for one that is damaged, while it is read, too."""
    try:
        if file.endswith(".gz"):
            with gzip.open(file) as lines:
                yield io.BufferedReader(lines)
        elif file.endswith(".zst"):
            with pa.input_stream(file, compression="zstd") as lines:
                yield io.BufferedReader(lines)
        else:
            with open(file, "rb") as lines:
                yield lines
    except (EOFError, zlib.error, gzip.BadGzipFile, pa.ArrowInvalid) as error:
        raise UsageError(f"the file cannot be decompressed: {error}", where=file) from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise UsageError(f"the file cannot be decompressed: {error}", where=file) from None


def _of_files(source: SourcePlan) -> SourcePlan:
    """The source with its columns where a file has them: at the ``history_name``, else as in a record."""
    columns = tuple(
        column if column.history_path is None else replace(column, origin=Fields((column.history_path,)))
        for column in source.columns
    )
    return replace(source, columns=columns)


def _json_rows(source: SourcePlan, lines: IO[bytes]) -> Iterator[Read]:
    for place, line in enumerate(lines):
        if line.strip():
            yield place, json_row(source, line)


def json_row(source: SourcePlan, line: bytes) -> Row | str:
    """A line's row, or why it has none."""
    try:
        return decode(source, line_record(source, line))
    except BadEvent as bad:
        return bad.code
    except Unfit as unfit:
        return unfit.code
    except Tombstone:
        return "not json"


def _csv_rows(source: SourcePlan, lines: IO[bytes], file: str) -> Iterator[Read]:
    # a table's program may write a byte order mark; what is no UTF-8 is half a surrogate pair, which no column takes
    text = io.TextIOWrapper(lines, "utf-8-sig", errors="surrogateescape", newline="")
    rows = csv.reader(text, strict=True)
    try:
        header = next(rows, [])
        places = _csv_places(source, header, file)
        for place, row in enumerate(rows):
            if row:
                yield place, csv_row(source, places, row) if len(row) == len(header) else "wrong type"
    except csv.Error as error:
        raise UsageError(f"the file is no CSV: {error}", where=f"{file}:{rows.line_num}") from None


def _csv_places(source: SourcePlan, header: Sequence[str], file: str) -> list[int]:
    """Of each column the place in a row."""
    if len(set(header)) < len(header):
        raise UsageError("the file has two columns of one name", where=file, allowed="each name once")
    there = {name: FileColumn(name, "VARCHAR") for name in header}
    places = []
    for column in source.columns:
        if dimensions(column.type) is not None:
            raise UsageError(
                f"a CSV file has no vectors, and {column.name} is {column.type}",
                where=file,
                allowed="Parquet with a column of lists, or JSON lines with arrays",
            )
        found = located(column, there, file)
        if found is None:
            raise UsageError(
                f"the file has no column {names(column)!r}",
                where=file,
                allowed="a first line with the names of the columns",
                hint=did_you_mean(column.name, header),
            )
        places.append(header.index(found.name))
    return places


def csv_row(source: SourcePlan, places: Sequence[int], row: Sequence[str]) -> Row | str:
    """A row of texts as the source's: an empty one is null. A code where one does not fit."""
    try:
        return {
            column.name: typed(column.type, column.cast, row[place] or None, text=True)
            for column, place in zip(source.columns, places, strict=True)
        }
    except Unfit as unfit:
        return unfit.code
