"""From change points to the online store: the newest row of every key at a moment.

Rows are written as ``(t, seq 0)``: a streamed row of the same time or a later one is never overwritten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from features.compilers.duckdb.types import in_milliseconds, quote
from features.errors import RefusedError, UsageError
from features.plan import ViewPlan
from jobs.parts import FINGERPRINT, part_rows
from jobs.store.rows import FeatureRow
from jobs.store.schema import schema_of

BATCH = 20_000


@dataclass(frozen=True)
class Materialized:
    """``rows``: keys with a row at that moment; ``applied``: those that the store did not hold newer."""

    view: str
    rows: int
    applied: int


def materialize(
    plan: ViewPlan, folder: Path, store: Any, at_ms: int, *, progress: Callable[[int], None] = lambda done: None
) -> Materialized:
    """Writes each key's last row with ``t <= at``.

    Raises UsageError without change points, RefusedError for those of another plan.
    """
    rows = newest_rows(plan, folder, at_ms)
    schema, applied = schema_of(plan), 0
    for start in range(0, rows.num_rows, BATCH):
        applied += store.write_rows(schema, feature_rows(plan, rows.slice(start, BATCH)))
        store.note_batch(plan.name)
        progress(min(start + BATCH, rows.num_rows))
    return Materialized(plan.name, rows.num_rows, applied)


def newest_rows(plan: ViewPlan, folder: Path, at_ms: int) -> pa.Table:
    """``key…, t, features…`` of each key's last change point with ``t <= at``; timestamps as milliseconds."""
    check_parts(plan, folder)
    keys = ", ".join(f'"{key.name}"' for key in plan.key)
    values = ", ".join(f"{in_milliseconds(f.type, quote(f.name))} AS {quote(f.name)}" for f in plan.features)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(
            f"""SELECT {keys}, t, {values} FROM {part_rows(folder)} WHERE t <= {at_ms}
            QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY t DESC) = 1"""
        ).to_arrow_table()


def check_parts(plan: ViewPlan, folder: Path) -> None:
    """Refuses change points of another plan, or none at all."""
    parts = sorted(folder.glob("part-*.parquet"))
    if not parts:
        raise UsageError(
            f"{plan.name} has no change points", where=str(folder), hint=f"run 'penstock backfill {plan.name}' first"
        )
    for part in parts:
        found = (pq.read_schema(part).metadata or {}).get(FINGERPRINT, b"").decode()
        if found != plan.fingerprint:
            raise RefusedError(
                f"the change points of {plan.name} were made by another definition: {found or 'no fingerprint'}",
                where=str(part),
                allowed=plan.fingerprint,
                hint=f"run 'penstock backfill {plan.name}' again",
            )


def feature_rows(plan: ViewPlan, rows: pa.Table) -> list[FeatureRow]:
    """The table's rows as the store takes them, with seq 0."""
    keys = zip(*(rows[key.name].to_pylist() for key in plan.key), strict=True)
    values = zip(*(rows[feature.name].to_pylist() for feature in plan.features), strict=True)
    times = rows["t"].to_pylist()
    return [FeatureRow(key, t, 0, value) for key, t, value in zip(keys, times, values, strict=True)]
