"""A source's history in DuckDB: its rows, read by the same rules as in every job."""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from features.compilers.duckdb.events import source_query
from features.compilers.duckdb.types import MACROS, quote, text
from features.errors import PenstockError, UsageError
from features.plan import SourcePlan
from jobs.project import Project


@contextmanager
def scratch_database(folder: Path, memory: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in a new folder below ``folder``, for one run: what memory does not hold is written there."""
    with tempfile.TemporaryDirectory(prefix=".work-", dir=folder) as work:
        try:
            db = duckdb.connect(
                f"{work}/rows.duckdb", config={"memory_limit": memory, "temp_directory": f"{work}/spill"}
            )
        except duckdb.Error as error:
            raise UsageError(f"memory {memory!r}: {error}", where="[batch] memory", allowed="such as '2GB'") from None
        with db:
            _prepare(db)
            yield db


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turns what DuckDB and the disk raise into one message about ``what``."""
    try:
        yield
    except duckdb.Error as error:
        raise PenstockError(
            f"{what} cannot be computed: {error}", hint="[batch] memory bounds what DuckDB may use"
        ) from None
    except OSError as error:
        raise PenstockError(f"{what} cannot be written: {error}", where=error.filename) from None


def source_rows(
    db: duckdb.DuckDBPyConnection, project: Project, source: SourcePlan, span: tuple[int, int] | None = None
) -> str:
    """The query for a source's rows with ``span[0] <= time < span[1]`` (None: all), and those whose time is bad.

    Columns: the source's (timestamps in milliseconds), ``_file``, ``_row``, and ``_bad``, why a row is bad or null.
    Raises UsageError for a history that is missing or does not fit.
    """
    history = project.history(source.name)
    files = sorted(glob.glob(history, recursive=True))
    if not files:
        raise UsageError(
            f"{source.name} has no history files", where=history, allowed="a path or glob of Parquet files"
        )
    listed = f"read_parquet([{', '.join(map(text, files))}], union_by_name = true"
    types = {name: type for name, type, *_ in db.execute(f"DESCRIBE SELECT * FROM {listed})").fetchall()}
    return source_query(source, f"{listed}, filename = true, file_row_number = true)", types, history, span)


def first_time(project: Project, source: SourcePlan) -> int | None:
    """The time of a source's first good row, in milliseconds; None when it has none."""
    with duckdb.connect() as db, explained(f"the history of {source.name}"):
        _prepare(db)
        rows = source_rows(db, project, source)
        first = one_row(db, f"SELECT min({quote(str(source.time))}) FROM ({rows}) WHERE _bad IS NULL")[0]
    return None if first is None else int(first)


def one_row(db: duckdb.DuckDBPyConnection, sql: str) -> Sequence[Any]:
    """The only row of a query."""
    found = db.execute(sql).fetchone()
    assert found is not None
    return found


def _prepare(db: duckdb.DuckDBPyConnection) -> None:
    db.execute("SET TimeZone = 'UTC'")
    for macro in MACROS:
        db.execute(macro)
