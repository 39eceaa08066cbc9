"""The events that are known of some keys of a view, by source: its history, and from its last event on its topic."""

from __future__ import annotations

import glob
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.features.compilers.duckdb.types import quote, text
from penstock.features.compilers.duckdb.view import ViewQuery
from penstock.features.dimensions import kept_as
from penstock.features.ingest import BadEvent, Row, Tombstone, parse
from penstock.features.plan import SourcePlan, ViewPlan
from penstock.features.span import Span
from penstock.jobs.batch.database import one_row
from penstock.jobs.batch.history import source_rows
from penstock.jobs.batch.parts import PLAIN_TYPES
from penstock.jobs.kafka.interface import Record
from penstock.jobs.kafka.reading import read_records
from penstock.jobs.project.project import Project

#: Before every event.
LONG_AGO = -(2**62)

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Known:
    """Of one source. ``files``: a glob of Parquet with its columns. ``first``, ``last``: the times of its first and
    last event at hand, of any key, in milliseconds; None without events, or where they have no time.
    """

    files: str
    first: int | None
    last: int | None


def reach(plan: ViewPlan, low: int, high: int) -> Span | None:
    """The times of events on which the values from ``low`` to ``high`` (inclusive) rest; None: all."""
    if plan.static:
        return None
    query = ViewQuery(plan)
    return Span(LONG_AGO if query.endless else low - query.lookback_ms, high + 1)


def known_events(
    db: duckdb.DuckDBPyConnection, project: Project, plan: ViewPlan, span: Span | None, folder: Path
) -> dict[str, Known]:
    """Writes the events of the keys in table ``keys`` of a span into ``folder``, those of each source into one
    of its own; the result has the sources' names.

    What a topic holds is read from the time of the last event in history on, and only if ``span`` goes beyond it.
    """
    return {
        source.name: _known_events(db, project, plan, source, span, folder / source.name)
        for source in plan.source.sources
    }


def _known_events(
    db: duckdb.DuckDBPyConnection,
    project: Project,
    plan: ViewPlan,
    source: SourcePlan,
    span: Span | None,
    folder: Path,
) -> Known:
    folder.mkdir(parents=True)
    first, last = _from_history(db, project, plan, source, span, folder / "0-history.parquet")
    if span is not None and project.streams[source.name].topic is not None and (last is None or last < span.to_ms - 1):
        tail = _from_topic(db, project, plan, source, last, span.to_ms, folder / "1-topic.parquet")
        first, last = _least(first, *tail), _greatest(last, *tail)
    return Known(f"{glob.escape(str(folder))}/*.parquet", first, last)


def _from_history(
    db: duckdb.DuckDBPyConnection,
    project: Project,
    plan: ViewPlan,
    source: SourcePlan,
    span: Span | None,
    file: Path,
) -> tuple[int | None, int | None]:
    if not _has_history(project, source):
        pq.write_table(event_table(source, []), file)
        return None, None
    keys = ", ".join(quote(key.name) for key in plan.key)
    columns = ", ".join(quote(column.name) for column in source.columns)
    # in the order of the files: of repeats the first one counts
    db.execute(
        f"""COPY (SELECT {columns} FROM ({source_rows(db, project, source, span)})
        WHERE _bad IS NULL AND ({keys}) IN (SELECT ({keys}) FROM keys) ORDER BY _file, _row)
        TO {text(str(file))} (FORMAT parquet)"""
    )
    if source.time is None:
        return None, None
    time = quote(source.time)
    first, last = one_row(
        db, f"SELECT min({time}), max({time}) FROM ({source_rows(db, project, source)}) WHERE _bad IS NULL"
    )
    return first, last


def _has_history(project: Project, source: SourcePlan) -> bool:
    """A stream may live on its topic alone, for now or for good; what holds for all time has nothing but its files."""
    if project.streams[source.name].topic is None:
        return True
    history = project.streams[source.name].history
    return history is not None and bool(glob.glob(project.history(source.name), recursive=True))


def _from_topic(
    db: duckdb.DuckDBPyConnection,
    project: Project,
    plan: ViewPlan,
    source: SourcePlan,
    later_than: int | None,
    before: int,
    file: Path,
) -> tuple[int | None, int | None]:
    """Events between two times, both exclusive: none of them has a Kafka timestamp before ``later_than`` less
    ``max_ahead``.
    """
    keys = keys_of(db, plan)
    since = None if later_than is None else later_than - source.max_ahead_ms
    after = LONG_AGO if later_than is None else later_than
    rows, first, last = [], None, None
    with closing(read_records(project, project.topic(source.name), since)) as records:
        for record in records:
            row = good_row(source, record)
            if row is None or not after < row[source.time_column] < before:
                continue
            first, last = _least(first, row[source.time_column]), _greatest(last, row[source.time_column])
            if key_of(plan, row) in keys:
                rows.append(row)
    pq.write_table(event_table(source, rows), file)
    return first, last


def keys_of(db: duckdb.DuckDBPyConnection, plan: ViewPlan) -> set[Key]:
    """The keys in table ``keys``."""
    return set(db.execute(f"SELECT {', '.join(quote(key.name) for key in plan.key)} FROM keys").fetchall())


def key_of(plan: ViewPlan, row: Row) -> Key:
    """A row's key."""
    return tuple(row[key.name] for key in plan.key)


def good_row(source: SourcePlan, record: Record) -> Row | None:
    """The row in a record of the source's topic; None for a bad one and a tombstone."""
    try:
        return parse(source, record.value, record.timestamp, key=record.key, headers=record.headers)
    except (BadEvent, Tombstone):
        return None


def event_table(source: SourcePlan, rows: list[Row]) -> pa.Table:
    """Rows as a history file has them."""
    return pa.table(
        {c.name: pa.array([row[c.name] for row in rows], PLAIN_TYPES[kept_as(c.type)]) for c in source.columns}
    )


def _least(*times: int | None) -> int | None:
    return min((time for time in times if time is not None), default=None)


def _greatest(*times: int | None) -> int | None:
    return max((time for time in times if time is not None), default=None)
