"""The rows whose values batch does not have at their own time, each once, however many predictions read it.

``doubted_<i>`` says which prediction (n) read which row of input i; ``cases_<view>`` has the rows:

    _case, _n, _i    its number, and one prediction and input that read it
    <key columns>, _at, _seq
    _asked           the Kafka timestamp of the first request that read it: by then it had been written
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa

from penstock.features.compilers.duckdb.types import quote
from penstock.features.plan import ModelPlan, ViewPlan
from penstock.features.vector import Mask
from penstock.jobs.audit.unlike import Unlike, rests_on

ROW = "at_row"


def load_doubts(db: duckdb.DuckDBPyConnection, plan: ModelPlan, view: ViewPlan, unlike: Unlike) -> int:
    """Makes the tables of one view; returns how many rows there are."""
    numbers = [i for i, item in enumerate(plan.inputs) if item.view == view.name]
    read = []
    for i in numbers:
        _register(db, i, _doubted(plan, unlike, i))
        keys = ", ".join(f"s.key_{i}_{k} AS {quote(key.name)}" for k, key in enumerate(view.key))
        read.append(
            f"SELECT n, {i} AS i, {keys}, s.t_{i} AS _at, s.seq_{i} AS _seq, s.requested_at AS asked "
            f"FROM doubts_{i} JOIN served AS s USING (n) WHERE s.t_{i} IS NOT NULL"
        )
    keys = ", ".join(quote(key.name) for key in view.key)
    cases, all_read = quote(f"cases_{view.name}"), " UNION ALL ".join(read)
    db.execute(
        f"""CREATE TABLE {cases} AS SELECT row_number() OVER () - 1 AS _case, * FROM (
        SELECT min(n) AS _n, arg_min(i, n) AS _i, {keys}, _at, _seq, min(asked) AS _asked
        FROM ({all_read}) GROUP BY {keys}, _at, _seq)"""
    )
    same = " AND ".join(f"r.{name} = c.{name}" for name in [*(quote(key.name) for key in view.key), "_at", "_seq"])
    for i in numbers:
        db.execute(
            f"CREATE TABLE doubted_{i} AS SELECT r.n, c._case FROM ({all_read}) AS r JOIN {cases} AS c ON {same} "
            f"WHERE r.i = {i} ORDER BY r.n"
        )
    return int(db.execute(f"SELECT count(*) FROM {cases}").fetchall()[0][0])


def _doubted(plan: ModelPlan, unlike: Unlike, i: int) -> Mask:
    """Predictions with an entry that differs at the row's time and rests on the input."""
    places = entries_on(plan, unlike.entries, i)
    found: Mask = unlike.masks[ROW][places].any(axis=0)
    return found


def entries_on(plan: ModelPlan, entries: Sequence[int], i: int) -> list[int]:
    """Which of the entries rest on an input."""
    name = plan.inputs[i].name
    return [p for p, j in enumerate(entries) if name in (owner for owner, _ in rests_on(plan.vector[j]))]


def _register(db: duckdb.DuckDBPyConnection, i: int, doubted: Mask) -> None:
    db.register("mask", pa.table({"n": pa.array(np.flatnonzero(doubted), pa.int64())}))
    db.execute(f"CREATE TABLE doubts_{i} AS SELECT n FROM mask")
    db.unregister("mask")
