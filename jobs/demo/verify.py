"""Proofs on what really lies in Kafka and in the store: the stream's rows and the store's rows against batch,
and every prediction's vector against the feature rows that it names.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from penstock.features.compilers.duckdb.parquet import listed
from penstock.features.compilers.duckdb.types import SQL_TYPES, in_milliseconds, literal, quote, text
from penstock.features.plan import ModelPlan, ViewPlan
from penstock.jobs.batch.as_of import as_of, f_column
from penstock.jobs.batch.parts import PLAIN_TYPES, part_rows
from penstock.jobs.parity.bits import differing


@dataclass
class Comparison:
    """``values`` compared, ``different`` among them, ``missing``: rows without a counterpart; ``samples`` in words."""

    rows: int = 0
    values: int = 0
    different: int = 0
    missing: int = 0
    samples: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Was everything found, and every bit the same?"""
        return not self.different and not self.missing

    def add(self, other: Comparison) -> None:
        """Counts another comparison in."""
        self.rows += other.rows
        self.values += other.values
        self.different += other.different
        self.missing += other.missing
        self.samples = (self.samples + other.samples)[:20]


class Evidence:
    """A DuckDB connection over the rows that were read back. ``batch``: view → folder of change points."""

    def __init__(self, plans: dict[str, ViewPlan], batch: dict[str, Path], *, memory: str) -> None:
        self._plans, self._batch = plans, batch
        self._db = duckdb.connect(config={"memory_limit": memory})
        self._db.execute("SET TimeZone = 'UTC'")

    @contextlib.contextmanager
    def opened(self) -> Iterator[Evidence]:
        """Closes the connection at the end."""
        try:
            yield self
        finally:
            self._db.close()

    def load_stream(self, view: str, file: Path) -> int:
        """Takes in the rows of a view's topic (one JSON value a line), without marks. Returns how many there are."""
        plan = self._plans[view]
        key = ", ".join(f"{quote(k.name)} {SQL_TYPES[k.type]}" for k in plan.key)
        values = ", ".join(f"{quote(f.name)} {SQL_TYPES[f.type]}" for f in plan.features)
        self._db.execute(
            f"""CREATE OR REPLACE TABLE "stream_{view}" AS
            SELECT {_columns(plan, "key.")}, t, seq, {_features(plan, '"values".')}
            FROM read_json({listed([file])}, format = 'newline_delimited', hive_partitioning = false, columns = {{
              'key': {_struct(key)}, 't': 'BIGINT', 'seq': 'BIGINT', 'values': {_struct(values)}}})
            WHERE t IS NOT NULL"""
        )
        return int(self._scalar(f'SELECT count(*) FROM "stream_{view}"'))

    def stream_against_batch(self, view: str, *, in_order: bool = True) -> Comparison:
        """The last stream row of every ``(key, t)`` against the batch row of that change point.

        Where events change, the last of every key: history has them as they are in the end. So, too, where they did not
        come in the order of their times (``in_order``), as from several partitions: a row knows what had come by then.
        """
        plan = self._plans[view]
        times = ["t"] if in_order and not plan.source.changes else []
        keys = ", ".join([*(quote(k.name) for k in plan.key), *times])
        last = f"row_number() OVER (PARTITION BY {keys} ORDER BY t DESC, seq DESC) = 1"
        newest = f'(SELECT * FROM "stream_{view}" QUALIFY {last})'
        return self._against_batch(plan, newest)

    def store_against_batch(self, view: str, rows: pa.Table) -> Comparison:
        """Rows of the online store (``key…, t, features…``) against the batch rows of their change points."""
        self._db.register("store_rows", rows)
        result = self._against_batch(self._plans[view], "store_rows")
        self._db.unregister("store_rows")
        return result

    def _against_batch(self, plan: ViewPlan, rows: str) -> Comparison:
        points = self._as_of(plan, rows) if plan.off_points else self._points(plan)
        return self._compare(plan, rows, points, [*(k.name for k in plan.key), "t"])

    def _points(self, plan: ViewPlan) -> str:
        """Batch's change points, with times in milliseconds."""
        keys = ", ".join(quote(k.name) for k in plan.key)
        values = ", ".join(f"{in_milliseconds(f.type, quote(f.name))} AS {quote(f.name)}" for f in plan.features)
        return f"(SELECT {keys}, t, {values} FROM {part_rows(self._batch[plan.name])})"

    def _as_of(self, plan: ViewPlan, rows: str) -> str:
        """What batch holds at the times of ``rows``, change points or not: the defaults before the first."""
        keys, features = [quote(k.name) for k in plan.key], [f.name for f in plan.features]
        asked = f"SELECT {', '.join(keys)}, t, t AS _at, row_number() OVER () AS _row FROM {rows}"
        points = part_rows(self._batch[plan.name])
        values = as_of(plan, features, points, "SELECT * FROM asked", keys, "_row")
        named = ", ".join(f"v.{f_column(name)} AS {quote(name)}" for name in features)
        columns = ", ".join([*(f"asked.{key}" for key in keys), "asked.t", named])
        return f"(WITH asked AS MATERIALIZED ({asked}) SELECT {columns} FROM asked JOIN ({values}) AS v USING (_row))"

    def _compare(self, plan: ViewPlan, left: str, right: str, on: list[str]) -> Comparison:
        joined = " AND ".join(f"a.{quote(name)} = b.{quote(name)}" for name in on)
        names = [(quote(f.name), quote(f"a_{f.name}"), quote(f"b_{f.name}")) for f in plan.features]
        both = ", ".join(f"a.{name} AS {left_name}, b.{name} AS {right_name}" for name, left_name, right_name in names)
        place = ", ".join(f"a.{quote(name)}" for name in on)
        table = self._db.execute(
            f"SELECT {place}, b.{quote(on[-1])} AS found, {both} FROM {left} a LEFT JOIN {right} b ON {joined}"
        ).to_arrow_table()
        found = np.asarray(table["found"].is_valid().combine_chunks(), dtype=bool)
        result = Comparison(rows=table.num_rows, missing=int((~found).sum()))
        result.samples += [f"{plan.name}: no row for {_words(table, on, i)}" for i in np.flatnonzero(~found)[:5]]
        for feature in plan.features:
            a, b = table[f"a_{feature.name}"], table[f"b_{feature.name}"]
            wrong = differing(a, b) & found
            result.values += int(found.sum())
            result.different += int(wrong.sum())
            result.samples += [
                f"{plan.name}.{feature.name} at {_words(table, on, i)}: {a[i].as_py()!r} and {b[i].as_py()!r}"
                for i in np.flatnonzero(wrong)[:5]
            ]
        return result

    def keys(self, view: str) -> list[tuple[Any, ...]]:
        """Every key that batch knows."""
        names = ", ".join(quote(k.name) for k in self._plans[view].key)
        return self._db.execute(f"SELECT DISTINCT {names} FROM {part_rows(self._batch[view])}").fetchall()

    def vectors_against_rows(self, model: ModelPlan, predictions: Path) -> Comparison:
        """Every prediction's vector against the feature rows it names by ``(view, key, t, seq)``.

        Rows with seq 0 were materialized: they are looked up in batch. A view that names no row must serve
        its defaults. ``predictions``: one JSON record a line.
        """
        total = Comparison()
        for item in model.inputs:
            plan = self._plans[item.view]
            used = [v for v in model.vector if v.expr.op == "feature" and str(v.expr.name).startswith(f"{item.name}.")]
            total.add(self._vectors(plan, item.name, [str(v.name).split(".", 1)[1] for v in used], predictions))
        return total

    def _vectors(self, plan: ViewPlan, name: str, features: list[str], predictions: Path) -> Comparison:
        if not features:
            return Comparison()
        kept = [f for f in plan.features if f.name in features]
        part = _part(plan, tuple(kept))
        vector = ", ".join(f"{quote(f'{name}.{f.name}')} {SQL_TYPES[f.type]}" for f in kept)
        struct = ", ".join(f"{quote(k.name)} {SQL_TYPES[k.type]}" for k in plan.key)
        views = f"{quote(name)} STRUCT(key STRUCT({struct}), t BIGINT, seq BIGINT)"
        self._db.execute(
            f"""CREATE OR REPLACE TEMP TABLE named AS SELECT
              {", ".join(f"v.key.{quote(k.name)} AS {quote(k.name)}" for k in plan.key)}, v.t AS t, v.seq AS seq,
              {", ".join(f"vector.{quote(f'{name}.{f.name}')} AS {quote(f.name)}" for f in kept)}
            FROM (SELECT views.{quote(name)} AS v, vector FROM read_json({listed([predictions])},
              format = 'newline_delimited', hive_partitioning = false,
              maximum_object_size = 16777216, columns = {{'views': {_struct(views)}, 'vector': {_struct(vector)}}}))"""
        )
        keys = [k.name for k in plan.key]
        result = Comparison()
        if self._scalar(f"SELECT count(*) FROM information_schema.tables WHERE table_name = 'stream_{plan.name}'"):
            result.add(
                self._compare(part, "(SELECT * FROM named WHERE seq > 0)", f'"stream_{plan.name}"', [*keys, "seq", "t"])
            )
        result.add(self._compare(part, "(SELECT * FROM named WHERE seq = 0)", self._points(part), [*keys, "t"]))
        result.add(self._defaults(part))
        return result

    def _defaults(self, plan: ViewPlan) -> Comparison:
        """Vectors of keys that were never seen: each feature has its default."""
        result = Comparison(rows=int(self._scalar("SELECT count(*) FROM named WHERE t IS NULL")))
        for f in plan.features:
            wrong = self._scalar(
                f"SELECT count(*) FROM named WHERE t IS NULL AND {quote(f.name)} "
                f"IS DISTINCT FROM {literal(f.default, f.type)}"
            )
            result.values += result.rows
            result.different += int(wrong)
        return result

    def _scalar(self, sql: str) -> Any:
        row = self._db.execute(sql).fetchone()
        assert row is not None
        return row[0]


def store_rows(plan: ViewPlan, keys: list[tuple[Any, ...]], columns: Any) -> pa.Table:
    """What the store holds for these keys as ``key…, t, features…``; keys that it does not hold are left out."""
    present = np.asarray(columns.present)
    held = [key for key, there in zip(keys, present, strict=True) if there]
    arrays: dict[str, pa.Array] = {
        k.name: pa.array([key[i] for key in held], PLAIN_TYPES[k.type]) for i, k in enumerate(plan.key)
    }
    arrays["t"] = pa.array(columns.t[present])
    for i, feature in enumerate(plan.features):
        column = columns.features[i]
        arrays[feature.name] = pa.array(
            column.values[present], PLAIN_TYPES[feature.type], mask=np.asarray(column.null)[present]
        )
    return pa.table(arrays)


def _part(plan: ViewPlan, features: tuple[Any, ...]) -> ViewPlan:
    return ViewPlan(
        plan.kind, plan.name, plan.source, plan.key, plan.filter, plan.args, plan.wheres, plan.windows, features
    )


def _struct(fields: str) -> str:
    """The type of a JSON object, as ``read_json`` takes it."""
    return text(f"STRUCT({fields})")


def _columns(plan: ViewPlan, prefix: str) -> str:
    return ", ".join(f"{prefix}{quote(k.name)} AS {quote(k.name)}" for k in plan.key)


def _features(plan: ViewPlan, prefix: str) -> str:
    return ", ".join(f"{prefix}{quote(f.name)} AS {quote(f.name)}" for f in plan.features)


def _words(table: pa.Table, on: list[str], row: int) -> str:
    return ", ".join(f"{name}={table[name][int(row)].as_py()}" for name in on)
