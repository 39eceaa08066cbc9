"""A source's history in DuckDB: its rows, read by the same rules as in every job."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from typing import Any

import duckdb

from penstock.features.compilers.duckdb.events import Files, source_query
from penstock.features.compilers.duckdb.types import quote
from penstock.features.errors import UsageError
from penstock.features.plan import SourcePlan
from penstock.features.records.doubt import FEBRUARY_1970, YEAR_2200, doubt
from penstock.features.span import Span
from penstock.jobs.batch.database import explained, one_row, prepare
from penstock.jobs.batch.lines import is_lines, read_lines
from penstock.jobs.parquet.schemas import by_schema
from penstock.jobs.project.project import Project

_FILES = "a path or glob of files: Parquet, JSON lines (.jsonl .ndjson .json) or CSV; these also .gz or .zst"


def history_files(source: SourcePlan, history: str) -> list[str]:
    """A source's files, sorted. ``history``: a glob. Raises UsageError for none, a folder or a pipe."""
    files = sorted(glob.glob(history, recursive=True))
    for other in (file for file in files if not os.path.isfile(file)):
        raise UsageError(
            f"the history of {source.name} is {'a folder' if os.path.isdir(other) else 'no regular file'}",
            where=other,
            allowed=_FILES,
            hint="name the files in it: '…/*.parquet'",
        )
    if not files:
        raise UsageError(f"{source.name} has no history files", where=history, allowed=_FILES)
    return files


def source_rows(db: duckdb.DuckDBPyConnection, project: Project, source: SourcePlan, span: Span | None = None) -> str:
    """The query for a source's rows of a span (None: all), and those whose time is bad.

    Columns: the source's (timestamps in milliseconds), ``_file``, ``_row``, and ``_bad``, why a row is bad or null.
    Raises UsageError for a history that is missing or does not fit.
    """
    files = history_files(source, project.history(source.name))
    return source_query(source, read_history(db, source, files), span)


def read_history(db: duckdb.DuckDBPyConnection, source: SourcePlan, files: Sequence[str]) -> list[Files]:
    """A source's files as DuckDB reads them. Raises UsageError for a file, and duckdb.Error for Parquet, that cannot be
    read.
    """
    lines = [file for file in files if is_lines(file)]
    parquet = by_schema(db, [file for file in files if not is_lines(file)]) if len(lines) < len(files) else []
    return [*parquet, *([read_lines(db, source, lines)] if lines else [])]


def first_time(project: Project, sources: Sequence[SourcePlan]) -> int | None:
    """The time of the sources' first good row, in milliseconds; None when they have none."""
    found: list[Any] = []
    with duckdb.connect() as db:
        prepare(db)
        for source in sources:
            with explained(f"the history of {source.name}"):
                rows = source_rows(db, project, source)
                found += one_row(db, f"SELECT min({quote(source.time_column)}) FROM ({rows}) WHERE _bad IS NULL")
    return min((int(first) for first in found if first is not None), default=None)


def unlikely_times(project: Project, source: SourcePlan) -> str | None:
    """A sentence for a source most of whose times are hardly in their unit; None for any other."""
    if source.time is None:
        return None
    time = quote(source.time)
    with duckdb.connect() as db, explained(f"the history of {source.name}"):
        prepare(db)
        rows = source_rows(db, project, source)
        count, early, late = one_row(
            db,
            f"""SELECT count({time}), count(*) FILTER ({time} >= 0 AND {time} < {FEBRUARY_1970}),
            count(*) FILTER ({time} >= {YEAR_2200}) FROM ({rows})""",
        )
    return doubt(source.name, count, early, late)
