"""Events that only history has, or only the topic: the stream counted the topic's, batch counts history's.

``apart_<view>`` has them by ``_case`` with their ``_time``: of the topic's the place ``_topic``, ``_partition``,
``_offset``, null for history's. ``topic_<view>`` has by ``_case`` what batch says of the topic's events before the row,
features as f_<name>.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping
from pathlib import Path

import duckdb

from penstock.features.compilers.duckdb.parquet import parquet
from penstock.features.compilers.duckdb.types import quote, text
from penstock.features.plan import SourcePlan, ViewPlan
from penstock.jobs.audit.known import LONG_AGO, Known, reach
from penstock.jobs.audit.late import counts_for, load_arrived, load_by_case
from penstock.jobs.batch.database import one_row
from penstock.jobs.kafka.reading import AHEAD_MS, CLOCKS_MS, first_offsets, offsets_since
from penstock.jobs.project.project import Project


def load_apart(
    db: duckdb.DuckDBPyConnection, project: Project, view: ViewPlan, known: Mapping[str, Known], folder: Path
) -> bool:
    """Makes both tables for the cases in ``since``. False where there is nothing of it: history and topics agree, or
    a topic has lost events that a case may rest on, so that nobody knows.

    Not for a view whose events change: history may hold the last version only. ``known``: the events at hand.
    """
    if view.source.changes:
        return False
    starts = {source.name: _starts(db, project, view, source) for source in view.source.sources}
    if any(start is None for start in starts.values()):
        return False
    apart = quote(f"apart_{view.name}")
    db.execute(f"CREATE TABLE {apart} (_case BIGINT, _time BIGINT, _topic VARCHAR, _partition BIGINT, _offset BIGINT)")
    for source in view.source.sources:
        load_arrived(db, project, view, source, starts[source.name] or {}, _arrived(source))
        if project.streams[source.name].topic is not None:
            _load_apart_of(db, project, view, source, known[source.name])
    if not one_row(db, f"SELECT count(*) FROM {apart}")[0]:
        return False
    events = {source.name: _streamed(project, view, source, known[source.name]) for source in view.source.sources}
    load_by_case(db, project, view, events, apart, "topic", folder)
    return True


def _starts(
    db: duckdb.DuckDBPyConnection, project: Project, view: ViewPlan, source: SourcePlan
) -> dict[int, int] | None:
    """From where on the topic has all events that a case may rest on; None where it may have lost some."""
    topic = project.streams[source.name].topic
    if topic is None:
        return {}
    low, high = one_row(db, "SELECT min(_at), max(_at) FROM since")
    needed, first = reach(view, low, high), first_offsets(project, topic)
    if needed is None or needed[0] == LONG_AGO:
        return None if any(first.values()) else first
    places = offsets_since(project, topic, needed[0] - source.max_ahead_ms - AHEAD_MS - CLOCKS_MS)
    return None if any(0 < first[p] == places.get(p, first[p]) for p in first) else places


def _load_apart_of(
    db: duckdb.DuckDBPyConnection, project: Project, view: ViewPlan, source: SourcePlan, known: Known
) -> None:
    """Adds the events of one source to ``apart_<view>``. Of repeats of a named event one counts."""
    names = [quote(column.name) for column in source.columns]
    rows = f"SELECT {'' if source.id is None else 'DISTINCT '}_case, {', '.join(names)}"
    history, arrived = f"{rows} FROM ({_history(view, source, known)})", f"{rows} FROM {_arrived(source)}"
    apart, time = quote(f"apart_{view.name}"), quote(source.time_column)
    db.execute(f"INSERT INTO {apart} SELECT _case, {time}, NULL, NULL, NULL FROM ({history} EXCEPT ALL {arrived})")
    same = " AND ".join(f"a.{name} IS NOT DISTINCT FROM o.{name}" for name in ["_case", *names])
    db.execute(
        f"""INSERT INTO {apart} SELECT o._case, o.{time}, {text(project.topic(source.name))}, p._partition, p._offset
        FROM ({arrived} EXCEPT ALL {history}) AS o, LATERAL (
          SELECT arg_min(_partition, _sent) AS _partition, arg_min(_offset, _sent) AS _offset
          FROM {_arrived(source)} AS a WHERE {same}) AS p"""
    )


def _history(view: ViewPlan, source: SourcePlan, known: Known) -> str:
    """The query for the events at hand that count for a case."""
    columns = ", ".join(f"e.{quote(column.name)}" for column in source.columns)
    return (
        f"SELECT c._case, {columns} FROM {parquet(glob.glob(known.files))} AS e "
        f"JOIN since AS c ON {counts_for(view, source, 'e')}"
    )


def _streamed(project: Project, view: ViewPlan, source: SourcePlan, known: Known) -> str:
    """The query for the events that the stream had when it emitted a case's row."""
    if project.streams[source.name].topic is None:
        return _history(view, source, known)
    columns = ", ".join(quote(column.name) for column in source.columns)
    return f"SELECT _case, {columns} FROM {_arrived(source)} WHERE NOT _late"


def _arrived(source: SourcePlan) -> str:
    return quote(f"arrived_{source.name}")
