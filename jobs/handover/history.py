"""Writes the history that a stream's state needs, sorted by event time, for the job to read."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from penstock.features.compilers.duckdb.types import quote, text
from penstock.features.errors import UsageError
from penstock.features.ingest import TIME_MIN
from penstock.features.plan import SourcePlan, ViewPlan
from penstock.features.span import Span
from penstock.jobs.batch.database import explained, one_row, scratch_database
from penstock.jobs.batch.history import source_rows
from penstock.jobs.console.times import time_words
from penstock.jobs.handover.record import Handover, SourceHistory
from penstock.jobs.project.project import Project

Report = Callable[[str], None]


def write_history(project: Project, kept: Path, cut_over_ms: int, lanes: int, report: Report) -> Handover:
    """Writes the events before ``cut_over_ms`` that the streamed views still need, in ``lanes`` files for each source.

    ``kept``: the folder of what a restart needs; files of an earlier hand-over there are deleted. Raises UsageError
    when no streamed source has a history, or one does not fit.
    """
    names = [name for name in project.streamed if project.streams[name].history is not None]
    if not names:
        raise UsageError(
            "no streamed source has a history",
            where=str(project.config.definitions),
            hint="give one history='…', or start without a cut-over",
        )
    shutil.rmtree(kept / "history", ignore_errors=True)
    folder = kept / "history" / str(uuid.uuid4())
    folder.mkdir(parents=True)
    sources = {}
    with (
        explained("the history of the stream", str(folder)),
        scratch_database(kept, project.config.batch.memory) as db,
    ):
        for name in names:
            span = Span(needed_from(project.streamed[name], cut_over_ms), cut_over_ms)
            sources[name] = _write_source(db, project, name, span, folder, lanes)
            report(_words(name, span, sources[name]))
    return Handover(cut_over_ms, folder.name, sources)


def needed_from(plans: Sequence[ViewPlan], cut_over_ms: int) -> int:
    """The time of the first event that can still matter to one of the views at the cut-over, in milliseconds."""
    windows = [window for plan in plans for window in plan.windows]
    if any(window.endless for window in windows):
        return TIME_MIN
    return max(TIME_MIN, cut_over_ms - max(window.reach_ms for window in windows))


def _write_source(
    db: duckdb.DuckDBPyConnection, project: Project, name: str, span: Span, folder: Path, lanes: int
) -> SourceHistory:
    plan = project.streams[name].source_plan
    time = quote(plan.time_column)
    db.execute(f"CREATE OR REPLACE TEMP VIEW history AS {source_rows(db, project, plan, span)}")
    good = f"SELECT * FROM history WHERE _bad IS NULL AND {time} < {span.to_ms} AND {time} >= {span.from_ms}"
    (bad,) = one_row(db, "SELECT count(*) FROM history WHERE _bad IS NOT NULL")
    files = tuple(str(folder / f"{name}-{lane}.json.zst") for lane in range(lanes))
    rows = sum(_write_lane(db, plan, good, lane, lanes, file) for lane, file in enumerate(files))
    times = f"SELECT {time} AS t, {time} - lag({time}) OVER (ORDER BY {time}) AS silence FROM ({good})"
    first, last, silence = one_row(db, f"SELECT min(t), max(t), coalesce(max(silence), 0) FROM ({times})")
    return SourceHistory(files, rows, bad, first, last, silence)


def _write_lane(db: duckdb.DuckDBPyConnection, plan: SourcePlan, good: str, lane: int, lanes: int, file: str) -> int:
    time = quote(plan.time_column)
    # all versions of an event are in one file, in the order of the rows
    same = f"hash({time}, {quote(plan.id)})" if plan.id is not None else "hash(_file, _row)"
    columns = ", ".join(quote(column.name) for column in plan.columns)
    rows = f"SELECT {columns} FROM ({good}) WHERE {same} % {lanes} = {lane} ORDER BY {time}, _file, _row"
    return int(one_row(db, f"COPY ({rows}) TO {text(file)} (FORMAT json, COMPRESSION zstd)")[0])


def _words(name: str, span: Span, history: SourceHistory) -> str:
    bad = f"; {history.bad:,} bad rows are left out, as in a backfill" if history.bad else ""
    if history.first is None or history.last is None:
        return f"{name}: no event of its history matters at the cut-over{bad}"
    ends = f"{time_words(history.first)} to {time_words(history.last)}"
    return f"{name}: {history.rows:,} events of its history, {ends}, build the state{bad}"
