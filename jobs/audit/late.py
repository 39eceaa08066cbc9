"""Events that came after a row though they are of its time or an earlier one: why history knows better.

``late_<view>`` has them by ``_case``, with their place ``_topic``, ``_partition``, ``_offset``; ``without_<view>`` has
by ``_case`` what batch says without them, features as f_<name>.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa

from penstock.features.compilers.duckdb.parquet import parquet
from penstock.features.compilers.duckdb.types import quote, text
from penstock.features.compilers.duckdb.view import ViewQuery
from penstock.features.ingest import Row
from penstock.features.plan import ColumnPlan, KeyPlan, SourcePlan, UnionPlan, ViewPlan
from penstock.features.types import element
from penstock.jobs.audit.batch import change_points
from penstock.jobs.audit.known import Key, Known, event_table, good_row, key_of
from penstock.jobs.batch.as_of import as_of
from penstock.jobs.batch.database import one_row
from penstock.jobs.kafka.reading import offsets_since, read_records
from penstock.jobs.project.project import Project

#: Columns that tell where and when an event came.
_PLACE = ("_partition", "_offset", "_sent")


def load_late(
    db: duckdb.DuckDBPyConnection, project: Project, view: ViewPlan, known: Mapping[str, Known], folder: Path
) -> bool:
    """Makes ``late_<view>``; the sources' topics are read from the first doubted row on. Returns whether it has made
    ``without_<view>``, too: not where nothing came late, and not where events change, because of those history may hold
    the last version only. ``known``: the events at hand, by source.
    """
    late = quote(f"late_{view.name}")
    db.execute(f"CREATE TABLE {late} (_case BIGINT, _topic VARCHAR, _partition BIGINT, _offset BIGINT, _sent BIGINT)")
    if view.static:
        return False
    _load_since(db, view)
    for source in view.source.sources:
        _load_late_of(db, project, view, source)
    if view.source.changes or not one_row(db, f"SELECT count(*) FROM {late}")[0]:
        return False
    _load_without(db, project, view, known, folder)
    return True


def _load_since(db: duckdb.DuckDBPyConnection, view: ViewPlan) -> None:
    """Makes ``since``, the cases with the place after which an event is late. A row that was never streamed, or is gone
    from its topic, had been written when it was read.
    """
    db.execute(
        f"""CREATE OR REPLACE TABLE since AS
        SELECT c.*, e._topic, e._partition, e._offset, coalesce(e._sent, c._asked) AS _sent
        FROM {quote(f"cases_{view.name}")} AS c LEFT JOIN {quote(f"emitted_{view.name}")} AS e USING (_case)"""
    )


def _load_late_of(db: duckdb.DuckDBPyConnection, project: Project, view: ViewPlan, source: SourcePlan) -> None:
    """Adds what came late of one source to ``late_<view>``, and makes ``came_<source>`` of the events themselves."""
    topic = project.streams[source.name].topic
    came = _came(source)
    load_arrived(db, project, view, source, _places_after(db, project, topic) if topic is not None else {}, came)
    db.execute(f"DELETE FROM {came} WHERE NOT _late")
    db.execute(
        f"""INSERT INTO {quote(f"late_{view.name}")}
        SELECT _case, {text(str(topic))}, {", ".join(_PLACE)} FROM {came}"""
    )


def load_arrived(
    db: duckdb.DuckDBPyConnection,
    project: Project,
    view: ViewPlan,
    source: SourcePlan,
    places: Mapping[int, int],
    into: str,
) -> None:
    """Makes the table ``into``: by ``_case`` the events that count for it and lie in the source's topic from these
    offsets on, with their place, and whether they are ``_late``.
    """
    topic = project.streams[source.name].topic
    rows = _read(db, view, source, project, topic, places) if topic is not None else []
    table = event_table(source, [row for row, *_ in rows])
    for name, column in zip(_PLACE, list(zip(*rows, strict=True))[1:] or [()] * len(_PLACE), strict=True):
        table = table.append_column(name, pa.array(column, pa.int64()))
    db.register("arrived", table)
    columns = ", ".join(f"a.{quote(column.name)}" for column in source.columns)
    db.execute(
        f"""CREATE OR REPLACE TABLE {into} AS SELECT c._case, {", ".join(f"a.{name}" for name in _PLACE)},
        CASE WHEN c._topic = {text(str(topic))} AND c._partition = a._partition THEN a._offset > c._offset
        ELSE a._sent > c._sent END AS _late, {columns}
        FROM arrived AS a JOIN since AS c ON {counts_for(view, source, "a")}"""
    )
    db.unregister("arrived")


def _came(source: SourcePlan) -> str:
    return quote(f"came_{source.name}")


def _places_after(db: duckdb.DuckDBPyConnection, project: Project, topic: str) -> dict[int, int]:
    """From where on an event of the topic may be late."""
    places = offsets_since(project, topic, int(one_row(db, "SELECT min(_sent) FROM since")[0]))
    firsts = db.execute(
        "SELECT _partition, min(_offset) + 1 FROM since WHERE _topic = ? GROUP BY _partition", [topic]
    ).fetchall()
    for partition, offset in firsts:
        places[partition] = min(offset, places.get(partition, offset))
    return places


def _read(
    db: duckdb.DuckDBPyConnection,
    view: ViewPlan,
    source: SourcePlan,
    project: Project,
    topic: str,
    places: Mapping[int, int],
) -> list[tuple[Row, int, int, int]]:
    """Events of doubted keys with partition, offset and Kafka timestamp."""
    names = ", ".join(quote(key.name) for key in view.key)
    keys: set[Key] = set(db.execute(f"SELECT DISTINCT {names} FROM since").fetchall())
    rows = []
    with closing(read_records(project, topic, None, places)) as records:
        for record in records:
            row = good_row(source, record)
            if row is not None and key_of(view, row) in keys:
                rows.append((row, record.partition, record.offset, record.timestamp))
    return rows


def counts_for(view: ViewPlan, source: SourcePlan, event: str) -> str:
    """The condition that an event of a source counts, or could count, in the row of case ``c``."""
    time = f"{event}.{quote(source.time_column)}"
    same = [f"{event}.{quote(key.name)} = c.{quote(key.name)}" for key in view.key]
    query = ViewQuery(view)
    alive = [] if query.endless else [f"{time} > c._at - {query.lookback_ms}"]
    return " AND ".join([*same, f"{time} <= c._at", *alive])


# -- what batch says without them ---------------------------------------------------------------------------------


def _load_without(
    db: duckdb.DuckDBPyConnection, project: Project, view: ViewPlan, known: Mapping[str, Known], folder: Path
) -> None:
    """What batch says of the events that count for a case but for the late ones."""
    remaining = {source.name: _remaining(view, source, known[source.name]) for source in view.source.sources}
    load_by_case(db, project, view, remaining, quote(f"late_{view.name}"), "without", folder)


def load_by_case(
    db: duckdb.DuckDBPyConnection,
    project: Project,
    view: ViewPlan,
    events_of: Mapping[str, str],
    of: str,
    name: str,
    folder: Path,
) -> None:
    """Makes ``<name>_<view>``: what batch says of the cases in the table ``of``, features as f_<name>.

    Every case becomes a key of its own. ``events_of``: the query for its events, with ``_case``, by source.
    """
    events = folder / name / view.name
    events.mkdir(parents=True)
    files = {source: events / f"{source}.parquet" for source in events_of}
    for source, query in events_of.items():
        db.execute(f"COPY ({query}) TO {text(str(files[source]))} (FORMAT parquet)")
    low, high = one_row(db, "SELECT min(_at), max(_at) FROM since")
    cases = _by_case(view)
    points = change_points(db, project, cases, _globs(files), low, high, events / "points")
    asked = f"SELECT _case, _at FROM since WHERE _case IN (SELECT _case FROM {of})"
    # no model reads a list
    plain = [feature.name for feature in view.features if element(feature.type) is None]
    found = as_of(cases, plain, points, asked, ["_case"], "_case")
    db.execute(f"CREATE TABLE {quote(f'{name}_{view.name}')} AS {found}")


def _globs(files: Mapping[str, Path]) -> dict[str, str]:
    return {source: glob.escape(str(file)) for source, file in files.items()}


def _remaining(view: ViewPlan, source: SourcePlan, known: Known) -> str:
    """The query for a source's events of the cases to which something came late, without what came late."""
    columns = ", ".join(f"e.{quote(column.name)}" for column in source.columns)
    whole = (
        f"SELECT c._case, {columns} FROM {parquet(glob.glob(known.files))} AS e JOIN since AS c "
        f"ON {counts_for(view, source, 'e')} WHERE c._case IN (SELECT _case FROM {quote(f'late_{view.name}')})"
    )
    if source.id is None:
        # two equal events are two: as many go as came late
        names = ", ".join(quote(column.name) for column in source.columns)
        return f"{whole} EXCEPT ALL SELECT _case, {names} FROM {_came(source)}"
    named = " AND ".join(f"l.{quote(name)} = e.{quote(name)}" for name in _identity(source))
    return (
        f"SELECT * FROM ({whole}) AS e WHERE NOT EXISTS (FROM {_came(source)} AS l WHERE l._case = e._case AND {named})"
    )


def _identity(source: SourcePlan) -> Sequence[str]:
    return [source.time_column, source.id_column]


def _by_case(view: ViewPlan) -> ViewPlan:
    """The view with the case as its key."""
    case = ColumnPlan("_case", "int64", False)
    sources = tuple(replace(source, columns=(*source.columns, case)) for source in view.source.sources)
    return replace(
        view,
        source=UnionPlan(sources) if isinstance(view.source, UnionPlan) else sources[0],
        key=(KeyPlan("_case", "int64"),),
    )
