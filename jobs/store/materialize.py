"""From change points to the online store: the newest row of every key at a moment.

Rows are written as ``(t, seq 0)``: a streamed row of the same time or a later one is never overwritten. Of rows of
batch the later backfill's win. A key that only an earlier backfill knew gets the values over nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from penstock.features.compilers.duckdb.types import in_milliseconds, quote
from penstock.features.plan import ViewPlan
from penstock.features.span import Span
from penstock.jobs.batch.coverage import check_coverage
from penstock.jobs.batch.parts import ViewParts, part_rows
from penstock.jobs.console.times import time_words
from penstock.jobs.project.project import Project
from penstock.jobs.store.bulk import BulkStore
from penstock.jobs.store.rows import Batch, FeatureRow
from penstock.jobs.store.schema import schema_of

BATCH = 20_000


@dataclass(frozen=True)
class Materialized:
    """What was written of a view's rows at a moment.

    ``rows``: keys with a row at that moment; ``applied``: those that the store did not hold newer. ``emptied``: keys
    that an earlier backfill wrote and this one has no row of. ``later``: rows in the store of a later backfill, or
    written later by Feast. ``generation``: when the backfill began, in milliseconds.
    """

    view: str
    at_ms: int
    generation: int
    rows: int
    applied: int
    emptied: int
    later: int

    def summary(self) -> str:
        """One line."""
        words = f"{self.view}: {self.rows} keys at {time_words(self.at_ms)}, {self.applied} written"
        words += f", {self.emptied} that are no longer in history emptied" if self.emptied else ""
        if self.later:
            words += f"; {self.later} rows in the store are of later batch writes than this backfill"
            words += f" ({time_words(self.generation)})"
        return words


def materialize(
    project: Project,
    plan: ViewPlan,
    store: BulkStore,
    at_ms: int,
    *,
    progress: Callable[[int], None] = lambda done: None,
) -> Materialized:
    """Writes each key's last row with ``t <= at``.

    Raises UsageError for change points that do not cover that moment, RefusedError for those of another plan.
    """
    folder = project.change_points(plan.name)
    check_coverage(project, plan, folder, Span(at_ms, at_ms + 1))
    rows = newest_rows(plan, folder, at_ms)
    batch = Batch(_generation(plan, folder, at_ms), at_ms)
    schema, applied = schema_of(plan), 0
    for start in range(0, rows.num_rows, BATCH):
        applied += store.write_batch(schema, feature_rows(plan, rows.slice(start, BATCH)), batch)
        store.note_batch(plan.name)
        progress(min(start + BATCH, rows.num_rows))
    emptied, later = store.empty_others(schema, batch)
    if emptied:
        store.note_batch(plan.name)
    return Materialized(plan.name, at_ms, batch.generation, rows.num_rows, applied, emptied, later)


def _generation(plan: ViewPlan, folder: Path, at_ms: int) -> int:
    """The latest of the parts that decide what holds at a moment."""
    parts = ViewParts(folder, plan).all()
    return max(part.generation for part in parts if plan.static or part.from_ms <= at_ms)


def newest_rows(plan: ViewPlan, folder: Path, at_ms: int) -> pa.Table:
    """``key…, t, features…`` of each key's last change point with ``t <= at``; timestamps as milliseconds."""
    keys = ", ".join(f'"{key.name}"' for key in plan.key)
    values = ", ".join(f"{in_milliseconds(f.type, quote(f.name))} AS {quote(f.name)}" for f in plan.features)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(
            f"""SELECT {keys}, t, {values} FROM {part_rows(folder)} WHERE t <= {at_ms}
            QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY t DESC) = 1"""
        ).to_arrow_table()


def feature_rows(plan: ViewPlan, rows: pa.Table) -> list[FeatureRow]:
    """The table's rows as the store takes them, with seq 0."""
    keys = zip(*(rows[key.name].to_pylist() for key in plan.key), strict=True)
    values = zip(*(rows[feature.name].to_pylist() for feature in plan.features), strict=True)
    times = rows["t"].to_pylist()
    return [FeatureRow(key, t, 0, value) for key, t, value in zip(keys, times, values, strict=True)]
