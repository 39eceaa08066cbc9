"""Files by what they say of themselves: those of one schema are read together, and none by the schema of another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import duckdb

from penstock.features.compilers.duckdb.events import Files
from penstock.features.compilers.duckdb.parquet import listed, placed_parquet
from penstock.features.compilers.duckdb.types import ALL_NULL, ZONED_NANOSECONDS, FileColumn
from penstock.jobs.parquet.nanoseconds import earlier_rows

#: What two files have in common that are read together: each element of their schemas as DuckDB shows it.
Schema = tuple[tuple[Any, ...], ...]

_SCHEMA = "name, num_children, type, type_length, repetition_type, converted_type, scale, precision, logical_type"


def by_schema(db: duckdb.DuckDBPyConnection, files: Sequence[str]) -> list[Files]:
    """The files in groups of one schema, in the order of each group's first file. Raises UsageError for a name, and
    duckdb.Error for a file, that cannot be read.
    """
    return [each for schema, names in _schemas(db, files).items() for each in _read_together(db, schema, names)]


def _schemas(db: duckdb.DuckDBPyConnection, files: Sequence[str]) -> dict[Schema, list[str]]:
    elements = db.execute(
        f"SELECT file_name, {_SCHEMA} FROM parquet_schema({listed(files)}) ORDER BY file_name, column_id"
    ).fetchall()
    groups: dict[Schema, list[str]] = {}
    for name, of_file in groupby(elements, lambda element: element[0]):
        groups.setdefault(tuple(element[1:] for element in of_file), []).append(name)
    return groups


def _read_together(db: duckdb.DuckDBPyConnection, schema: Schema, names: list[str]) -> Iterator[Files]:
    """One group, but for the files with a time that DuckDB does not read exactly: each of those alone."""
    columns = _columns(db, schema, names)
    inexact = [name for name, column in columns.items() if column.type == ZONED_NANOSECONDS]
    earlier = earlier_rows(db, names, {name: columns[name].name for name in inexact}) if inexact else {}
    exact = [name for name in names if name not in earlier]
    if exact:
        yield Files(placed_parquet(exact), columns, _words(exact))
    for name, rows in earlier.items():
        corrected = {c: FileColumn(columns[c].name, columns[c].type, rows[c]) for c in rows}
        yield Files(placed_parquet([name]), {**columns, **corrected}, name)


def _columns(db: duckdb.DuckDBPyConnection, schema: Schema, names: list[str]) -> dict[str, FileColumn]:
    # DuckDB renames what differs in case only: the order is the file's
    described = db.execute(f"DESCRIBE SELECT * FROM {placed_parquet(names[:1])}").fetchall()
    return {
        str(element[0]): FileColumn(name, _type(element, type))
        for element, (name, type, *_) in zip(_top(schema), described, strict=False)
    }


def _top(schema: Schema) -> Iterator[tuple[Any, ...]]:
    """The elements that are columns: each is followed by what is in it."""
    elements = iter(schema)
    for _ in range(_children(next(elements))):
        column = next(elements)
        yield column
        _pass_over(elements, column)


def _pass_over(elements: Iterator[tuple[Any, ...]], parent: tuple[Any, ...]) -> None:
    for _ in range(_children(parent)):
        _pass_over(elements, next(elements))


def _children(element: tuple[Any, ...]) -> int:
    return int(element[1] or 0)


def _type(element: tuple[Any, ...], type: str) -> str:
    logical = str(element[-1])
    if logical.startswith("NullType"):
        return ALL_NULL
    return ZONED_NANOSECONDS if type == "TIMESTAMP WITH TIME ZONE" and "NANOS=Nano" in logical else type


def _words(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1:,} more of the same columns"
