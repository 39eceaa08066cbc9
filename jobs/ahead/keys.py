"""For which keys answers are computed ahead: those of a file, the most requested, or all that history has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from penstock.features.compilers.duckdb.types import SQL_TYPES, quote
from penstock.features.errors import UsageError
from penstock.features.plan import SourcePlan
from penstock.jobs.batch.database import explained, prepare
from penstock.jobs.batch.history import source_rows
from penstock.jobs.project.project import Project

Keys = list[tuple[Any, ...]]

_READERS = {".parquet": "read_parquet(?)", ".csv": "read_csv(?, all_varchar=true, header=true)"}
_READERS |= dict.fromkeys((".jsonl", ".ndjson"), "read_json(?, format='newline_delimited')")


def requested(project: Project, source: SourcePlan, columns: Sequence[str], most: int | None) -> Keys:
    """The different keys of the requests in history, the most requested first; all of them unless ``most`` is given.

    A key with a null part can have no answer ready. Raises UsageError for a history that is missing.
    """
    names = ", ".join(map(quote, columns))
    known = " AND ".join(f"{quote(column)} IS NOT NULL" for column in columns)
    with duckdb.connect() as db, explained(f"the requests of {source.name}"):
        prepare(db)
        rows = source_rows(db, project, source)
        found: Keys = db.execute(
            f"""SELECT {names} FROM ({rows}) WHERE _bad IS NULL AND {known} GROUP BY {names}
            ORDER BY count(*) DESC, {names} LIMIT {most if most is not None else "ALL"}"""
        ).fetchall()
    return found


def listed(file: Path, source: SourcePlan, columns: Sequence[str]) -> Keys:
    """The different keys of a file that has these columns, in order.

    Raises UsageError for a file that is none of keys, and PenstockError for one that cannot be read.
    """
    reader = _READERS.get(file.suffix)
    if reader is None or not file.is_file():
        raise UsageError(
            f"{file} is no file of keys", where="--keys", allowed=f"{', '.join(_READERS)} with {', '.join(columns)}"
        )
    typed = [f"CAST({quote(c)} AS {SQL_TYPES[source.column(c).type]}) AS {quote(c)}" for c in columns]
    known = " AND ".join(f"{quote(column)} IS NOT NULL" for column in columns)
    with duckdb.connect() as db, explained(str(file)):
        prepare(db)
        found: Keys = db.execute(
            f"SELECT DISTINCT * FROM (SELECT {', '.join(typed)} FROM {reader}) WHERE {known} ORDER BY ALL", [str(file)]
        ).fetchall()
    return found
