"""The batch backfill: a view's change points over its history, as Parquet, in slices of time.

A slice holds about as many events as the memory given allows; what it does not hold it does not need, but for the
events still alive at its start. Finished slices are kept: a backfill that was interrupted goes on after them.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.features.canonical import canonical_json
from penstock.features.compilers.duckdb.change_points import ChangePoints, change_points
from penstock.features.compilers.duckdb.chunks import chunks_of_keys
from penstock.features.compilers.duckdb.events import Files, History, events_query
from penstock.features.compilers.duckdb.frames import most_keys
from penstock.features.compilers.duckdb.parquet import FILE, ROW, parquet
from penstock.features.compilers.duckdb.types import quote, text
from penstock.features.compilers.duckdb.versions import ROWS, VERSIONS, repeats_query, versions_queries
from penstock.features.compilers.duckdb.view import ViewQuery
from penstock.features.ingest import CLASSES
from penstock.features.plan import SourcePlan, UnionPlan, ViewPlan
from penstock.features.span import Span
from penstock.jobs.batch.database import explained, memory_limit, one_row, scratch_database
from penstock.jobs.batch.history import history_files, read_history
from penstock.jobs.batch.parts import ViewParts, repeated, stored, timestamps

#: Bytes that numpy takes at most for a change point of a slice's busiest key, measured: for itself, for each window and
#: for each feature, what is being written behind included.
_BYTES_PER_POINT, _BYTES_PER_RANGE, _BYTES_PER_VALUE = 120, 16, 20
_LEAST_EVENTS = 20_000
#: The events of a slice's busiest key are counted in as many parts: all keys' slices end at the same times.
_PARTS_OF_KEY = 8
#: DuckDB's share of the memory; the rest is numpy's.
_SHARE = 0.75
#: Rows that are computed at once: few enough for a processor's cache.
_CHUNK_ROWS = 32_768
_BATCH_ROWS = 16_384

REJECTS = "rejects.ndjson"


@dataclass
class BackfillReport:
    """What a backfill did. ``counts``: applied, too_late (never, in batch), duplicate, dead, of the rows that the
    range rests on, and in ``of_sources`` of each stream of a union; ``reused`` slices were finished before;
    ``sum_overflow``: int64 sums that are null; ``doubts``: sentences about the history, of its sources' times.
    """

    view: str
    from_ms: int
    to_ms: int
    rows: int = 0
    slices: int = 0
    reused: int = 0
    sum_overflow: int = 0
    rejects: str | None = None
    replaced: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    of_sources: dict[str, dict[str, int]] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def summary(self) -> str:
        """One line."""
        said = f"{self.rows:,} change points from {_counted(self.counts)}"
        said += "".join(f"; {name} {_counted(counts)}" for name, counts in self.of_sources.items())
        said += f"; {self.sum_overflow:,} sums do not fit int64" if self.sum_overflow else ""
        said += f"; {self.reused} of {self.slices} slices were there already" if self.reused else ""
        return said + (f"; rejects in {self.rejects}" if self.rejects else "")


def _counted(counts: Mapping[str, int]) -> str:
    classes = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in counts.items())
    return f"{sum(counts.values()):,} events ({classes})"


def backfill(
    plan: ViewPlan,
    history: str | Mapping[str, str],
    from_ms: int,
    to_ms: int,
    out: Path,
    *,
    memory: str,
    only: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> BackfillReport:
    """Writes the change points of ``[from, to)`` to ``out/<view>/part-<from>-<to>.parquet``.

    ``only``: a Parquet file with the keys whose change points are wanted; None: all.

    ``history``: a path or glob of Parquet files; of a union one for each stream, by name. Bad rows go to
    ``out/<view>/rejects.ndjson``. ``progress`` is told events done and in all. Parts of the same range that another
    plan or history made are replaced, and parts that overlap are cut. Raises UsageError for files that are missing or
    do not fit, PenstockError for what DuckDB cannot.
    """
    globs = {plan.source.name: history} if isinstance(history, str) else history
    files = {source.name: history_files(source, globs[source.name]) for source in plan.source.sources}
    report = BackfillReport(plan.name, from_ms, to_ms)
    folder = out / plan.name
    folder.mkdir(parents=True, exist_ok=True)
    parts = ViewParts(folder, plan)
    generation = parts.next_generation()
    with explained(str(plan.name), ", ".join(globs.values())), scratch_database(folder, memory, share=_SHARE) as db:
        # order is by file and row where it matters
        db.execute("SET preserve_insertion_order = false")
        histories = [read_history(db, source, files[source.name]) for source in plan.source.sources]
        _load(db, plan, histories, _needed(plan, from_ms, to_ms), only)
        _count(db, plan, report)
        _reject(db, plan, histories, folder, report)
        signature = _signature(plan, [file for found in files.values() for file in found])
        slices = _slices(db, plan, from_ms, to_ms, memory)
        report.replaced = parts.make_room(from_ms, to_ms, [(a, b) for a, b, _ in slices], signature)
        _write_slices(db, plan, slices, parts, (signature, generation), report, progress)
    return report


# -- events --------------------------------------------------------------------------------------------------------


def _needed(plan: ViewPlan, from_ms: int, to_ms: int) -> Span | None:
    """The event times that a range rests on; None: all."""
    if plan.static:
        return None
    query = ViewQuery(plan)
    return Span(-(2**62) if query.endless else from_ms - query.lookback_ms, to_ms)


def _load(
    db: duckdb.DuckDBPyConnection, plan: ViewPlan, histories: Sequence[History], span: Span | None, only: Path | None
) -> None:
    """Makes the table ``events`` of all rows, good and bad."""
    events = events_query(plan, histories, span)
    if only is not None:
        keys = ", ".join(quote(key.name) for key in plan.key)
        events = f"SELECT * FROM ({events}) SEMI JOIN {parquet([str(only)])} USING ({keys})"
    db.execute(f"CREATE TABLE events AS {events}")


def _count(db: duckdb.DuckDBPyConnection, plan: ViewPlan, report: BackfillReport) -> None:
    """Counts the classes, and leaves in ``events`` only what counts."""
    of = _source_name(plan)
    found = db.execute(
        f"SELECT {of}, count(*), count(_error), count(*) FILTER (_out AND _error IS NULL) FROM events GROUP BY ALL"
    ).fetchall()
    db.execute(f"CREATE TABLE refused AS SELECT {of} AS _source, _file, _row, _error FROM events WHERE _error NOTNULL")
    if any(dead or out for _, _, dead, out in found):
        db.execute("DELETE FROM events WHERE _error IS NOT NULL OR _out")
    duplicates = _drop_duplicates(db, plan)
    _end_sessions(db, plan)
    counts = {source.name: dict.fromkeys(CLASSES, 0) for source in plan.source.sources}
    for name, seen, dead, _ in found:
        repeats = duplicates.get(name, 0)
        counts[name] |= {"applied": seen - dead - repeats, "duplicate": repeats, "dead": dead}
    report.counts = {name: sum(each[name] for each in counts.values()) for name in CLASSES}
    report.of_sources = counts if isinstance(plan.source, UnionPlan) else {}


def _source_name(plan: ViewPlan) -> str:
    """The SQL for the source of a row in ``events``."""
    return "_source" if isinstance(plan.source, UnionPlan) else text(plan.source.name)


def _drop_duplicates(db: duckdb.DuckDBPyConnection, plan: ViewPlan) -> dict[str, int]:
    """Leaves each event once, as it is in the end. Returns source → rows that changed nothing."""
    if plan.source.changes:
        return _last_versions(db, plan)
    if not plan.source.named:
        return {}
    rows = f"SELECT {_source_name(plan)}, count(*) FROM events GROUP BY ALL"
    before = db.execute(rows).fetchall()
    if _drop_repeats(db, plan) == 0:
        return {}
    after = dict(db.execute(rows).fetchall())
    return {name: count - after[name] for name, count in before}


def _drop_repeats(db: duckdb.DuckDBPyConnection, plan: ViewPlan) -> int:
    """Of rows with the same key, time and id the first one, by file and row, stays."""
    same = ", ".join([*(quote(key.name) for key in plan.key), "_e", "_id"])
    # most histories have no repeats: a count of hashes finds that out at the least cost
    repeated = f"SELECT hash({same}) FROM events WHERE _id IS NOT NULL GROUP BY ALL HAVING count(*) > 1"
    db.execute(f"CREATE TABLE repeated AS {repeated}")
    if one_row(db, "SELECT count(*) FROM repeated")[0] == 0:
        return 0
    found = db.execute(
        f"""DELETE FROM events WHERE rowid IN (SELECT place FROM (
          SELECT rowid AS place, row_number() OVER (PARTITION BY {same} ORDER BY _file, _row) AS copy
          FROM events WHERE _id IS NOT NULL AND hash({same}) IN (FROM repeated)) WHERE copy > 1)"""
    ).fetchone()
    return int(found[0]) if found else 0


def _last_versions(db: duckdb.DuckDBPyConnection, plan: ViewPlan) -> dict[str, int]:
    """Of each event that changes the last version stays; returns source → rows that change nothing."""
    for query in versions_queries(plan, "events"):
        db.execute(query)
    repeats = dict(db.execute(repeats_query(_source_name(plan))).fetchall())
    for table in (ROWS, VERSIONS):
        db.execute(f"DROP TABLE {table}")
    return repeats


def _end_sessions(db: duckdb.DuckDBPyConnection, plan: ViewPlan) -> None:
    query = ViewQuery(plan)
    if query.session_gap_ms is not None:
        db.execute(query.session_ends())


def _reject(
    db: duckdb.DuckDBPyConnection, plan: ViewPlan, histories: Sequence[History], folder: Path, report: BackfillReport
) -> None:
    """Writes each bad row with its place, its reason and its own values."""
    path = folder / REJECTS
    path.unlink(missing_ok=True)
    if report.counts["dead"] == 0:
        return
    sources = zip(plan.source.sources, histories, strict=True)
    rejects = " UNION ALL ".join(_rejects(plan, source, files) for source, history in sources for files in history)
    db.execute(f"COPY (FROM ({rejects}) ORDER BY source, file, row) TO {text(str(path))} (FORMAT json)")
    report.rejects = str(path)


def _rejects(plan: ViewPlan, source: SourcePlan, files: Files) -> str:
    """The bad rows of one source's files of one schema."""
    columns = [(column.name, quote(files.columns[column.name].name)) for column in source.columns]
    values = ", ".join(f"{text(name)}: CAST(history.{x} AS VARCHAR)" for name, x in columns)
    return f"""SELECT {text(plan.name)} AS view, _source AS source, _file AS file, _row AS row, _error AS error,
      to_json({{{values}}}) AS values
    FROM refused JOIN {files.rows} AS history ON {FILE} = _file AND {ROW} = _row
    WHERE _source = {text(source.name)}"""


# -- slices --------------------------------------------------------------------------------------------------------


def _slices(
    db: duckdb.DuckDBPyConnection, plan: ViewPlan, from_ms: int, to_ms: int, memory: str
) -> list[tuple[int, int, int]]:
    """``(start, end, events)`` of consecutive slices that cover ``[from, to)``."""
    events, most = one_row(db, "SELECT count(*) FROM events")[0], _events_per_slice(db, plan)
    if events <= most or plan.static:
        return [(from_ms, to_ms, events)]
    whole = ViewQuery(plan).whole
    cuts = _cuts_of_busy_keys(db, plan, from_ms, most) if whole else _even_cuts(db, from_ms, events, most)
    ends = [*sorted({cut for cut in cuts if from_ms < cut < to_ms}), to_ms]
    return [(a, b, events // len(ends)) for a, b in zip([from_ms, *ends[:-1]], ends, strict=True)]


def _even_cuts(db: duckdb.DuckDBPyConnection, from_ms: int, events: int, most: int) -> list[int]:
    """Times between which there are as many events, so that what a slice reads ends with it."""
    parts = -(-events // most)
    shares = ", ".join(f"{i}.0 / {parts}" for i in range(1, parts))
    return one_row(db, f"SELECT quantile_disc(_e, [{shares}]) FROM events WHERE _e >= {from_ms}")[0] or []


def _cuts_of_busy_keys(db: duckdb.DuckDBPyConnection, plan: ViewPlan, from_ms: int, most: int) -> list[int]:
    """Times between which no key has more than ``most`` events. Each slice reads all that came before it, so there are
    no more slices than the busiest keys need.
    """
    keys = ", ".join(quote(key.name) for key in plan.key)
    part = max(1, most // _PARTS_OF_KEY)
    marks = db.execute(
        f"""WITH busy AS (SELECT {keys} FROM events WHERE _e >= {from_ms} GROUP BY ALL HAVING count(*) > {most})
        SELECT _e, {keys} FROM events SEMI JOIN busy USING ({keys}) WHERE _e >= {from_ms}
        QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY _e) % {part} = 0 ORDER BY _e"""
    )
    cuts: list[int] = []
    passed: Counter[tuple[Any, ...]] = Counter()
    for time, *key in marks.fetchall():
        passed[tuple(key)] += 1
        if passed[tuple(key)] == most // part:
            cuts.append(time)
            passed.clear()
    return cuts


def _events_per_slice(db: duckdb.DuckDBPyConnection, plan: ViewPlan) -> int:
    """As many as numpy has room for if all are of one key."""
    return max(_LEAST_EVENTS, _room(db, plan))


def _room(db: duckdb.DuckDBPyConnection, plan: ViewPlan) -> int:
    """For how many events numpy's columns fit into half of what DuckDB may have."""
    values = sum(feature.most for feature in plan.features)
    per_point = _BYTES_PER_POINT + _BYTES_PER_RANGE * len(plan.windows) + _BYTES_PER_VALUE * values
    marks = 1 + len(plan.windows) + sum(window.waits for window in plan.windows)
    return int(memory_limit(db) // 2 // (marks * per_point))


def _write_slices(
    db: duckdb.DuckDBPyConnection,
    plan: ViewPlan,
    slices: list[tuple[int, int, int]],
    parts: ViewParts,
    made: tuple[str, int],
    report: BackfillReport,
    progress: Callable[[int, int], None],
) -> None:
    done, total = 0, sum(events for _, _, events in slices)
    for start, end, events in slices:
        path = parts.path(start, end)
        if path.exists():
            report.reused += 1
        else:
            report.sum_overflow += _write_slice(db, plan, parts, Span(start, end), made)
        report.slices += 1
        report.rows += pq.read_metadata(path).num_rows
        done += events
        progress(done, total)


def _write_slice(
    db: duckdb.DuckDBPyConnection, plan: ViewPlan, parts: ViewParts, span: Span, made: tuple[str, int]
) -> int:
    """Writes one part, with its history's signature and its generation. Returns how many int64 sums do not fit."""
    lost, (_, generation) = 0, made
    # compressing takes about as long as computing: the one goes on behind the other
    with parts.writing(*span, *made) as writer, ThreadPoolExecutor(1) as behind:
        written: Future[None] | None = None
        for points in _change_points(db, plan, *span):
            batch = _part_batch(points, plan, writer.schema, generation)
            if written is not None:
                written.result()
            written = behind.submit(writer.write_batch, batch)
            lost += points.lost
        if written is not None:
            written.result()
    return lost


def _change_points(db: duckdb.DuckDBPyConnection, plan: ViewPlan, start: int, end: int) -> Iterator[ChangePoints]:
    room = _room(db, plan)
    rows: Iterator[pa.RecordBatch] = db.execute(ViewQuery(plan).rows(start, end)).to_arrow_reader(_BATCH_ROWS)
    if plan.kind != "table":
        # one chunk is computed while another is written
        size = max(1, min(_CHUNK_ROWS, room // 4))
        rows = chunks_of_keys(rows, [key.name for key in plan.key], size, most_keys(plan.windows, start, end))
    for chunk in rows:
        yield change_points(plan, chunk, start, end)


def _part_batch(points: ChangePoints, plan: ViewPlan, schema: pa.Schema, generation: int) -> pa.RecordBatch:
    features = zip(plan.features, points.features, strict=True)
    timed = [stored(feature.type, column) for feature, column in features]
    for_feast = [timestamps(points.t), repeated(generation, len(points.t))]
    return pa.RecordBatch.from_arrays([*points.keys, points.t, *for_feast, *timed], schema=schema)


def _signature(plan: ViewPlan, files: list[str]) -> str:
    """What the history was: another file, size or time makes another one, and so does another place of a column."""
    stats = [[file, (stat := os.stat(file)).st_size, stat.st_mtime_ns] for file in files]
    stands = [
        [column.name, str(column.stands), str(column.history_path)]
        for source in plan.source.sources
        for column in source.columns
        if column.origin is not None or column.history_path is not None
    ]
    return hashlib.sha256(canonical_json([*stats, *stands]).encode()).hexdigest()
