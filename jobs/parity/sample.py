"""Events out of a project's history: whole keys of every view, chosen at random."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from penstock.features.compilers.duckdb.types import quote, text
from penstock.features.plan import SOURCE, SourcePlan, ViewPlan
from penstock.features.records.spelling import spell
from penstock.jobs.batch.database import explained, prepare
from penstock.jobs.batch.history import source_rows
from penstock.jobs.parity.events import Arrival, arrival
from penstock.jobs.project.project import Project


def sample_history(
    project: Project, source: SourcePlan, views: Sequence[ViewPlan], events: int, seed: int
) -> list[Arrival]:
    """About so many of a source's good events, in event-time order.

    Each view has an equal share of them: keys in a random order (equal seeds, equal keys), each with all its events;
    of the last key the first ones. Each record names its source, as in a file of events. Raises UsageError for a
    history that is missing or does not fit.
    """
    with duckdb.connect() as db, explained(f"the history of {source.name}"):
        prepare(db)
        time = "0" if source.time is None else quote(source.time)
        rows = f"SELECT *, {time} AS _e FROM ({source_rows(db, project, source)}) WHERE _bad IS NULL"
        db.execute(
            f"CREATE TABLE good AS SELECT *, row_number() OVER (ORDER BY _e, _file, _row) AS _place FROM ({rows})"
        )
        chosen = " UNION ".join(f"({_of_view(plan, -(-events // len(views)), seed)})" for plan in views)
        columns = ", ".join(quote(column.name) for column in source.columns)
        found = db.execute(f"SELECT {columns} FROM good WHERE _place IN ({chosen}) ORDER BY _place").fetchall()
    names = [column.name for column in source.columns]
    good = [dict(zip(names, row, strict=True)) for row in found]
    raws = [spell(source, row).line({SOURCE: source.name}) for row in good]
    return [arrival(source, index, raw) for index, raw in enumerate(raws)]


def _of_view(plan: ViewPlan, events: int, seed: int) -> str:
    # '|' parts the columns; keys that it confuses are only chosen together
    key = ", ".join(f"CAST({quote(key.name)} AS VARCHAR)" for key in plan.key)
    return f"SELECT _place FROM good ORDER BY md5(concat_ws('|', {text(str(seed))}, {key})), _place LIMIT {events}"
