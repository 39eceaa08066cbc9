"""What the shared behaviour suite cannot reach: keys that come in many chunks, and what many events do at once."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock import Stream, View, count, first, last, lifetime, max, mean, min, sliding, std, sum, var
from penstock.features.oracle import batch
from penstock.features.plan import ViewPlan
from penstock.jobs.batch import backfill as module
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.batch.parts import FEAST_COLUMNS, ViewParts

events = Stream(
    "events", history="*", time="ts", columns=dict(k="string", g="int64", x="float64", n="int64", s="string", b="bool")
)
WINDOWS = ("20ms", sliding("1s", step="100ms"), lifetime())
PLAN = View("v", events, key=["k", "g"], features=dict(
    c=count().over(*WINDOWS), m=mean(events.x).over(*WINDOWS), d=std(events.x, where=events.b).over(*WINDOWS),
    v=var(events.n).over(*WINDOWS), total=sum(events.n).over(*WINDOWS), lo=min(events.s).over(*WINDOWS),
    hi=max(events.x).over(*WINDOWS), f=first(events.b).over(*WINDOWS), l=last(events.s, where=events.b).over(*WINDOWS),
)).plan  # fmt: skip


def rows(n: int) -> list[dict[str, Any]]:
    rand = random.Random(1)
    huge = [2**63 - 1, -(2**63), 2**53 + 1]
    return [
        {
            "k": rand.choice("abé"),
            "g": rand.randrange(4),
            "x": rand.choice([None, rand.uniform(-999, 999), 1000.1]),
            "n": rand.choice([None, *range(20), *huge]),
            "s": rand.choice([None, "", "z", "é", "\uffff", "\U0001f600"]),
            "b": rand.choice([None, True, False]),
            "ts": rand.randrange(3 * n),
        }
        for _ in range(n)
    ]


def answer(plan: ViewPlan, folder: Path) -> list[tuple[Any, ...]]:
    parts = sorted(ViewParts(folder / plan.name, plan).all(), key=lambda part: part.from_ms)
    tables = pa.concat_tables(pq.read_table(part.path) for part in parts).drop_columns(list(FEAST_COLUMNS))
    return sorted(tuple(row.values())[:3] + tuple(map(repr, list(row.values())[3:])) for row in tables.to_pylist())


@pytest.mark.parametrize("slices", [1, 3])
@pytest.mark.parametrize("chunk", [1, 150, 10_000])
def test_chunks_and_slices_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, slices: int
) -> None:
    data = rows(600)
    schema = {"k": pa.string(), "g": pa.int64(), "x": pa.float64(), "n": pa.int64(), "s": pa.string(), "b": pa.bool_()}
    pq.write_table(pa.Table.from_pylist(data, pa.schema({**schema, "ts": pa.timestamp("ms")})), tmp_path / "e.parquet")
    monkeypatch.setattr(module, "_CHUNK_ROWS", chunk)
    monkeypatch.setattr(module, "_BATCH_ROWS", 64)
    monkeypatch.setattr(module, "_events_per_slice", lambda db, plan: 600 // slices)
    report = backfill(PLAN, str(tmp_path / "e.parquet"), 0, 10_000, tmp_path, memory="1GB")
    expected = [(*key, t, *map(repr, values)) for key, t, _, values in batch(PLAN, data).rows if t < 10_000]
    assert report.slices == slices
    assert answer(PLAN, tmp_path) == expected
