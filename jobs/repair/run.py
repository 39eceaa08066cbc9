"""``penstock repair``: late, corrected and sent-again events, for the keys that they touch, offline and online."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penstock.features.compilers.duckdb.parquet import parquet
from penstock.features.compilers.duckdb.types import quote
from penstock.features.errors import UsageError
from penstock.features.plan import ViewPlan
from penstock.features.span import Span
from penstock.jobs.batch.as_of import as_of
from penstock.jobs.batch.coverage import check_coverage, covered_to
from penstock.jobs.batch.database import explained, prepare
from penstock.jobs.batch.parts import PLAIN_TYPES
from penstock.jobs.console.times import range_words, time_words
from penstock.jobs.project.project import Project
from penstock.jobs.repair.points import Recomputed, points_with, recomputed, replace_points
from penstock.jobs.store.bulk import BulkStore
from penstock.jobs.store.columns import Columns
from penstock.jobs.store.encoding import Mask
from penstock.jobs.store.rows import Batch, FeatureRow
from penstock.jobs.store.schema import schema_of
from penstock.jobs.store.table import as_stored

_Key = tuple[Any, ...]

#: Keys that are read and written at once.
BATCH = 20_000


@dataclass
class Repaired:
    """What a repair has done for a view.

    ``keys`` that the events touch, ``changed`` of them with other change points; ``parts`` written anew. ``written``:
    rows that the online store took. ``streamed``: keys whose streamed row in the store is newer and stays; ``unlike``:
    those of them whose values are not what history says at the row's time.
    """

    view: str
    at_ms: int
    keys: int = 0
    changed: int = 0
    parts: int = 0
    written: int = 0
    streamed: int = 0
    unlike: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def summary(self) -> str:
        """One line."""
        words = (
            f"{self.view}: {self.keys:,} keys touched, {self.changed:,} with other change points, in {self.parts} parts"
        )
        words += f"; {self.written:,} rows of {time_words(self.at_ms)} written to the store"
        words += f", {self.streamed:,} streamed rows stay" if self.streamed else ""
        if self.unlike:
            words += f": {self.unlike:,} of them do not know the events; 'penstock resend' has the stream apply them"
        return words


def repair(project: Project, plan: ViewPlan, store: BulkStore, events: Span, at_ms: int | None = None) -> Repaired:
    """Recomputes what the events of a range can touch: change points, then rows of the online store as at ``at_ms``.

    ``at_ms``: None: the last moment that the change points cover. A row of the store whose ``(t, seq)`` is greater
    stays, as does a row of a later backfill. Raises UsageError for an empty range, or where there are no change points;
    RefusedError for change points or stored rows of another definition.
    """
    if events.from_ms >= events.to_ms:
        raise UsageError(f"the range {range_words(events)} is empty", allowed="--from before --to")
    folder, memory = project.change_points(plan.name), project.config.batch.memory
    at = covered_to(plan, folder) - 1 if at_ms is None else at_ms
    check_coverage(project, plan, folder, Span(at, at + 1))
    report = Repaired(str(plan.name), at)
    with recomputed(plan, project.histories(plan.name), folder, events, memory) as new:
        if new is None or not new.touched:
            return report
        report.keys, report.changed = new.touched, new.changed
        # the store first: a run that is stopped before the parts are replaced does all of it again
        _write_rows(project, plan, store, new, report)
        report.parts = replace_points(plan, folder, new, memory)
    return report


def _write_rows(project: Project, plan: ViewPlan, store: BulkStore, new: Recomputed, report: Repaired) -> None:
    batch = Batch(new.generation, report.at_ms)
    points = points_with(plan, project.change_points(plan.name), new)
    with explained(str(plan.name)), duckdb.connect(config={"memory_limit": project.config.batch.memory}) as db:
        prepare(db)
        names = ", ".join(quote(key.name) for key in plan.key)
        keys = db.execute(f"SELECT {names} FROM {parquet([str(new.keys)])}").fetchall()
        for start in range(0, len(keys), BATCH):
            _write_some(db, plan, store, points, keys[start : start + BATCH], batch, report)
    store.note_batch(plan.name)


def _write_some(
    db: duckdb.DuckDBPyConnection,
    plan: ViewPlan,
    store: BulkStore,
    points: str,
    keys: list[_Key],
    batch: Batch,
    report: Repaired,
) -> None:
    """Writes the rows of these keys; of a key that has none any more the values over nothing, where batch wrote one."""
    schema = schema_of(plan)
    (stored,) = store.read_rows([(schema, keys)])
    by_batch = (stored.present & (stored.seq == 0) & (stored.t <= batch.until)).tolist()
    rows = []
    found = _as_of(db, plan, points, keys, [batch.until] * len(keys))
    for key, (t, values), emptied, before in zip(keys, found, by_batch, stored.t.tolist(), strict=True):
        if t is not None:
            rows.append(FeatureRow(key, t, 0, values))
        elif emptied:
            rows.append(FeatureRow(key, before, 0, schema.defaults))
    report.written += store.write_batch(schema, rows, batch)
    (stored,) = store.read_rows([(schema, keys)])
    _count_streamed(db, plan, points, keys, stored, report)


def _count_streamed(
    db: duckdb.DuckDBPyConnection, plan: ViewPlan, points: str, keys: list[_Key], stored: Columns, report: Repaired
) -> None:
    places = np.flatnonzero(stored.present & (stored.seq > 0))
    report.streamed += len(places)
    if not len(places):
        return
    rows, some = stored.at(places), [keys[place] for place in places.tolist()]
    times = rows.t.tolist()
    found = _as_of(db, plan, points, some, times)
    exact = as_stored(
        schema_of(plan), [FeatureRow(key, t, 1, values) for key, t, (_, values) in zip(some, times, found, strict=True)]
    )
    unlike = [differ(a.values, a.null, b.values, b.null) for a, b in zip(rows.features, exact.features, strict=True)]
    report.unlike += int(np.any(unlike, axis=0).sum())


def _as_of(
    db: duckdb.DuckDBPyConnection, plan: ViewPlan, points: str, keys: list[_Key], times: list[int]
) -> list[tuple[int | None, tuple[Any, ...]]]:
    """The change point of each key at its time, None without one, and the values that hold."""
    columns = {
        f"k{place}": pa.array([key[place] for key in keys], PLAIN_TYPES[k.type]) for place, k in enumerate(plan.key)
    }
    asked = pa.table({**columns, "_at": pa.array(times, pa.int64()), "_n": pa.array(range(len(keys)), pa.int64())})
    names = [feature.name for feature in plan.features]
    db.register("asked", asked)
    query = as_of(plan, names, points, "SELECT * FROM asked", list(columns), "_n")
    table = db.execute(f"SELECT * FROM ({query}) ORDER BY _n").to_arrow_table()
    db.unregister("asked")
    values = zip(*(table[f"f_{name}"].to_pylist() for name in names), strict=True)
    return list(zip(table["point"].to_pylist(), values, strict=True))


def differ(a: npt.NDArray[Any], a_null: Mask, b: npt.NDArray[Any], b_null: Mask) -> Mask:
    """Where two columns are not the same, to the bit."""
    same = [x == y for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    unlike: Mask = (a_null != b_null) | (~a_null & ~np.array(same, dtype=np.bool_))
    return unlike
