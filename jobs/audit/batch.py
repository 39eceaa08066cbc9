"""What batch says of every row that predictions read: at the row's own time, and at the request's.

``at_row_<i>`` and ``at_request_<i>`` have a row for each prediction (n): ``point``, the time of the change point that
holds then (null: the key has none), and the used features of input i as f_<name>.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping
from pathlib import Path

import duckdb

from penstock.features.compilers.duckdb.parquet import parquet
from penstock.features.compilers.duckdb.types import quote
from penstock.features.plan import ModelPlan, ViewPlan
from penstock.jobs.audit.known import LONG_AGO, Known, known_events, reach
from penstock.jobs.batch.as_of import as_of
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.batch.database import one_row
from penstock.jobs.batch.parts import part_rows
from penstock.jobs.project.project import Project
from penstock.jobs.training.point_in_time import used_features

#: When batch is asked: at the time of the row that was read (without one, of the request), and when training asked.
MOMENTS = {"at_row": "coalesce(t_{i}, t)", "at_request": "asks"}


def recompute(
    db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan, folder: Path
) -> dict[str, dict[str, Known]]:
    """Makes the tables of all inputs from ``served``. Returns the events at hand by view and source; ``folder`` is
    written into.

    Raises UsageError for a history that does not fit, PenstockError for what DuckDB or Kafka cannot.
    """
    known = {}
    for name in dict.fromkeys(item.view for item in plan.inputs):
        view = project.plans[name]
        numbers = [i for i, item in enumerate(plan.inputs) if item.view == name]
        low, high = _load_keys(db, view, numbers)
        known[name] = known_events(db, project, view, reach(view, low, high), folder / "events" / name)
        files = {source: events.files for source, events in known[name].items()}
        points = change_points(db, project, view, files, low, high, folder / "points")
        for i in numbers:
            for table, moment in MOMENTS.items():
                _look_up(db, view, used_features(plan, plan.inputs[i]), i, points, (table, moment))
    return known


def change_points(
    db: duckdb.DuckDBPyConnection,
    project: Project,
    view: ViewPlan,
    files: Mapping[str, str],
    low: int,
    high: int,
    out: Path,
) -> str:
    """A view's change points in SQL, from what holds at ``low`` to ``high`` (inclusive). ``files``: globs of its
    events by source.
    """
    needed = reach(view, low, high)
    start, end = needed if needed is not None else (0, 1)
    if start == LONG_AGO:
        times = (
            f"SELECT min({quote(source.time_column)}) AS t FROM {parquet(glob.glob(files[source.name]))}"
            for source in view.source.sources
        )
        first = one_row(db, f"SELECT min(t) FROM ({' UNION ALL '.join(times)})")[0]
        start = low if first is None else min(first, low)
    backfill(view.as_typed(), files, start, end, out, memory=project.config.batch.memory)
    return part_rows(out / view.name)


def _load_keys(db: duckdb.DuckDBPyConnection, view: ViewPlan, numbers: list[int]) -> tuple[int, int]:
    """Makes ``keys``, those that these inputs read. Returns the least and the greatest time asked for."""
    keyed = [", ".join(f"key_{i}_{k} AS {quote(key.name)}" for k, key in enumerate(view.key)) for i in numbers]
    db.execute("CREATE OR REPLACE TABLE keys AS " + " UNION ".join(f"SELECT {keys} FROM served" for keys in keyed))
    times = ", ".join(["asks", "t", *(f"coalesce(t_{i}, t)" for i in numbers)])
    # one argument is a list to DuckDB's least()
    low, high = one_row(db, f"SELECT min(list_min([{times}])), max(list_max([{times}])) FROM served")
    return int(low), int(high)


def _look_up(
    db: duckdb.DuckDBPyConnection, view: ViewPlan, features: list[str], i: int, points: str, asked: tuple[str, str]
) -> None:
    table, moment = asked
    # what holds for all time is held at every time
    at = str(2**62) if view.static else moment.format(i=i)
    keys = [f"key_{i}_{k}" for k in range(len(view.key))]
    found = as_of(view, features, points, f"SELECT *, {at} AS _at FROM served", keys, "n")
    db.execute(f"CREATE TABLE {table}_{i} AS {found} ORDER BY n")
