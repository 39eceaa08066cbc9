"""The change points that events of a range of time can touch, computed anew for their keys alone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from penstock.features.compilers.duckdb.events import events_query
from penstock.features.compilers.duckdb.parquet import parquet
from penstock.features.compilers.duckdb.types import quote, text
from penstock.features.compilers.duckdb.view import ViewQuery
from penstock.features.errors import UsageError
from penstock.features.plan import ViewPlan
from penstock.features.span import Span
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.batch.coverage import check_parts
from penstock.jobs.batch.database import explained, one_row, prepare
from penstock.jobs.batch.history import history_files, read_history
from penstock.jobs.batch.parts import Part, ViewParts, part_files, part_schema
from penstock.jobs.parquet.checksums import check_files

#: Rows that are written at once.
BATCH = 100_000


@dataclass(frozen=True)
class Recomputed:
    """``keys`` that the events touch, as a Parquet file, and their change points in ``span``, as files of SQL ``rows``.

    ``touched``: how many keys; ``changed``: those whose change points are not what they were.
    """

    keys: Path
    rows: str
    span: Span
    touched: int
    changed: int
    generation: int


@contextmanager
def recomputed(
    plan: ViewPlan, histories: Mapping[str, str], folder: Path, events: Span, memory: str
) -> Iterator[Recomputed | None]:
    """What the history says now of the keys that have events in a range, or had; None where it reaches no part.

    ``folder``: the view's parts; what is computed lies beside them until the block ends. Raises UsageError for a view
    without change points, or one that holds for all time; RefusedError for those of another definition.
    """
    if plan.static:
        raise UsageError(
            f"{plan.name} holds for all time: there is no range to repair",
            where=str(plan.name),
            hint=f"run 'penstock backfill {plan.name}' and 'penstock materialize {plan.name}'",
        )
    check_parts(plan, folder)
    parts = ViewParts(folder, plan)
    span = _reached(plan, parts.all(), events)
    if span is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix=".repair-", dir=folder) as work:
        keys = Path(work) / "keys.parquet"
        with explained(str(plan.name)), duckdb.connect(config={"memory_limit": memory}) as db:
            prepare(db)
            touched = _write_keys(db, plan, histories, folder, events, keys)
        backfill(plan, histories, *span, Path(work), memory=memory, only=keys)
        rows = parquet(check_files(part_files(Path(work) / plan.name)))
        with explained(str(plan.name)), duckdb.connect(config={"memory_limit": memory}) as db:
            prepare(db)
            changed = _changed(db, plan, folder, rows, keys, span)
        yield Recomputed(keys, rows, span, touched, changed, parts.next_generation())


def replace_points(plan: ViewPlan, folder: Path, new: Recomputed, memory: str) -> int:
    """Puts the new change points into the parts, whose other rows stay. Returns how many parts were written.

    From the last part to the first: a run that is stopped finds the touched keys again in those that are left.
    """
    parts = ViewParts(folder, plan)
    due = [part for part in parts.all() if part.from_ms < new.span.to_ms and part.to_ms > new.span.from_ms]
    with explained(str(plan.name)), duckdb.connect(config={"memory_limit": memory}) as db:
        prepare(db)
        for part in sorted(due, key=lambda part: -part.from_ms):
            with parts.writing(part.from_ms, part.to_ms, part.history, new.generation) as writer:
                for batch in db.execute(_merged(plan, part, new)).to_arrow_reader(BATCH):
                    writer.write_table(pa.Table.from_batches([batch]).cast(writer.schema))
    return len(due)


def points_with(plan: ViewPlan, folder: Path, new: Recomputed) -> str:
    """The SQL for the touched keys' change points as they are with the new ones."""
    names = ", ".join(quote(name) for name in part_schema(plan).names)
    old = f"""SELECT {names} FROM {parquet(check_files(part_files(folder)))}
        WHERE {_touched(plan, new.keys)} AND NOT ({_during(new.span)})"""
    return f"(({old}) UNION ALL (SELECT {names} FROM {new.rows}))"


def _reached(plan: ViewPlan, parts: list[Part], events: Span) -> Span | None:
    """The times at which these events can matter, as far as there are parts."""
    query = ViewQuery(plan)
    first, last = min(part.from_ms for part in parts), max(part.to_ms for part in parts)
    endless = query.endless or query.session_gap_ms is not None
    end = last if endless else min(last, events.to_ms + query.lookback_ms)
    start = max(first, events.from_ms)
    return Span(start, end) if start < end else None


def _write_keys(
    db: duckdb.DuckDBPyConnection,
    plan: ViewPlan,
    histories: Mapping[str, str],
    folder: Path,
    events: Span,
    file: Path,
) -> int:
    """The keys with an event in the range, now, or with a change point in it, until now. Returns how many."""
    keys = _keys(plan)
    read = [read_history(db, each, history_files(each, histories[each.name])) for each in plan.source.sources]
    now = f"SELECT {keys} FROM ({events_query(plan, read, events)}) WHERE _error IS NULL"
    before = f"SELECT {keys} FROM {parquet(check_files(part_files(folder)))} WHERE {_during(events)}"
    there = " AND ".join(f"{quote(key.name)} IS NOT NULL" for key in plan.key)
    db.execute(f"CREATE TABLE keys AS SELECT DISTINCT * FROM (({now}) UNION ALL ({before})) WHERE {there}")
    db.execute(f"COPY keys TO {text(str(file))} (FORMAT parquet)")
    return int(one_row(db, "SELECT count(*) FROM keys")[0])


def _changed(db: duckdb.DuckDBPyConnection, plan: ViewPlan, folder: Path, rows: str, keys: Path, span: Span) -> int:
    """How many keys have other change points in the span than they had."""
    names = ", ".join([_keys(plan), "t", *(quote(feature.name) for feature in plan.features)])
    old = f"""SELECT {names} FROM {parquet(check_files(part_files(folder)))}
        WHERE {_touched(plan, keys)} AND {_during(span)}"""
    new = f"SELECT {names} FROM {rows}"
    unlike = f"((({old}) EXCEPT ({new})) UNION ALL (({new}) EXCEPT ({old})))"
    return int(one_row(db, f"SELECT count(*) FROM (SELECT DISTINCT {_keys(plan)} FROM {unlike})")[0])


def _merged(plan: ViewPlan, part: Part, new: Recomputed) -> str:
    """The rows of a part: those of other keys and times as they are, and the new ones."""
    names = ", ".join(quote(name) for name in part_schema(plan).names)
    generation = f"make_timestamp({new.generation * 1000}) AS created_timestamp"
    old = parquet(check_files([part.path]))
    return f"""(SELECT {names} FROM {old} WHERE NOT ({_touched(plan, new.keys)} AND {_during(new.span)})
        UNION ALL
        (SELECT {names} FROM (SELECT * REPLACE ({generation}) FROM {new.rows})
        WHERE {_during(Span(part.from_ms, part.to_ms))}))
        ORDER BY {_keys(plan)}, t"""


def _keys(plan: ViewPlan) -> str:
    return ", ".join(quote(key.name) for key in plan.key)


def _touched(plan: ViewPlan, keys: Path) -> str:
    return f"({_keys(plan)}) IN (SELECT {_keys(plan)} FROM {parquet([str(keys)])})"


def _during(span: Span) -> str:
    return f"t >= {span.from_ms} AND t < {span.to_ms}"
