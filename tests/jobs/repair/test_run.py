"""A repair leaves what a backfill of all and a materialize would, and computes the touched keys alone."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from penstock.features.errors import UsageError
from penstock.features.ingest import Row
from penstock.features.span import Span
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.batch.parts import part_files, read_part
from penstock.jobs.project.project import Project
from penstock.jobs.repair import points
from penstock.jobs.repair.run import Repaired, repair
from penstock.jobs.store.materialize import materialize
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow
from penstock.jobs.store.schema import schema_of
from tests.jobs.shop import make_project, write_history

DEFINITIONS = """
from penstock import Stream, Table, View, count, sum, last, lifetime, session, sliding, hopping
orders = Stream("orders", topic="orders", history="orders/*.parquet", time="ts", id="order",
    columns=dict(order="string", customer="string", amount="float64"))
prices = Table("prices", history="orders/*.parquet", time="ts", key="customer", columns=dict(
    customer="string", amount="float64"))
shops = Table("shops", history="shops.parquet", key="shop", columns=dict(shop="string", kind="string"))
windowed = View("windowed", orders, key="customer", features=dict(n=count().over("1d", hopping("6h", step="1h")),
    late=sum(orders.amount).over(sliding("2d", delay="5h")), last=last(orders.amount).over("30h")))
ever = View("ever", orders, key="customer", features=dict(total=sum(orders.amount).over(lifetime()),
    n=count().over(session("8h"))))
"""
VIEWS = ("windowed", "ever", "prices")
HOUR = 3_600_000
DAY = 24 * HOUR
END = 12 * DAY
KEYS = [(name,) for name in "abcdefgh"]
#: Of the events that are corrected.
RANGE = Span(4 * DAY, 5 * DAY)


def events(seed: int) -> list[Row]:
    numbers = random.Random(seed)
    return [
        {"ts": numbers.randrange(END), "order": f"o{i}", "customer": numbers.choice("abcdefgh"), "amount": float(i % 9)}
        for i in range(150)
    ]


def corrected(rows: list[Row]) -> list[Row]:
    """The customers a and b have other events in the range: changed, gone, and new ones; c has its first one there."""
    numbers = random.Random(7)
    within = RANGE.to_ms - RANGE.from_ms
    kept = [
        row | ({"amount": row["amount"] + 100} if row["customer"] == "b" else {})
        if RANGE.from_ms <= row["ts"] < RANGE.to_ms
        else row
        for row in rows
        if not (RANGE.from_ms <= row["ts"] < RANGE.to_ms and row["customer"] == "a")
    ]
    new = [
        {"ts": RANGE.from_ms + numbers.randrange(within), "order": f"n{i}", "customer": name, "amount": 0.25}
        for i, name in enumerate("bbnc")
    ]
    return [*kept, *new]


def filled(folder: Path, rows: list[Row], cuts: tuple[int, ...] = (0, END)) -> Project:
    project = make_project(folder, DEFINITIONS)
    write_history(project, "orders", rows)
    write_history(project, "shops", [{"shop": "s", "kind": "k"}])
    fill(project, cuts)
    return project


def fill(project: Project, cuts: tuple[int, ...] = (0, END)) -> None:
    for name in VIEWS:
        for start, end in pairwise(cuts):
            backfill(project.plans[name], project.histories(name), start, end, project.backfills, memory="256MB")
    with open_store(project.folder) as store:
        for name in VIEWS:
            materialize(project, project.plans[name], store, END - 1)


def repaired(project: Project, name: str, at_ms: int | None = None) -> Repaired:
    with open_store(project.folder) as store:
        return repair(project, project.plans[name], store, RANGE, at_ms)


def rows_of(project: Project, name: str) -> list[dict[str, Any]]:
    """The change points, without when they were computed."""
    files = part_files(project.change_points(name))
    rows = [row for file in files for row in pq.read_table(file).drop_columns(["created_timestamp"]).to_pylist()]
    return sorted(rows, key=lambda row: (row["customer"], row["t"]))


def stored(project: Project, name: str) -> list[Any]:
    keys = [*KEYS, ("n",)]
    with open_store(project.folder) as store:
        (columns,) = store.read_rows([(schema_of(project.plans[name]), keys)])
    features = [list(zip(c.null.tolist(), map(repr, c.values.tolist()), strict=True)) for c in columns.features]
    return list(zip(keys, columns.present.tolist(), columns.t.tolist(), columns.seq.tolist(), *features, strict=True))


@pytest.mark.parametrize("cuts", [(0, END), (0, 4 * DAY + HOUR, 4 * DAY + 9 * HOUR, 7 * DAY, END)], ids=["one", "many"])
def test_a_repair_leaves_what_a_backfill_of_all_leaves(tmp_path: Path, cuts: tuple[int, ...]) -> None:
    rows = events(3)
    project = filled(tmp_path / "repaired", rows, cuts)
    write_history(project, "orders", corrected(rows))
    whole = filled(tmp_path / "whole", corrected(rows))
    for name in VIEWS:
        before = {part.path: part.generation for part in map(read_part, part_files(project.change_points(name)))}
        report = repaired(project, name)
        assert rows_of(project, name) == rows_of(whole, name)
        assert stored(project, name) == stored(whole, name)
        assert 3 <= report.changed <= report.keys <= 9 and report.written > 0
        after = {part.path: part.generation for part in map(read_part, part_files(project.change_points(name)))}
        assert after.keys() == before.keys()
        assert sum(after[path] > before[path] for path in after) == report.parts
        assert repaired(project, name).changed == 0


def test_a_newer_value_is_never_replaced(tmp_path: Path) -> None:
    rows = events(4)
    project = filled(tmp_path / "shop", rows)
    schema = schema_of(project.plans["ever"])
    streamed = [FeatureRow(("a",), END - 1, 7, (1.0, 1)), FeatureRow(("b",), 2 * END, 9, (2.0, 2))]
    with open_store(project.folder) as store:
        store.write_rows(schema, streamed)
    held = stored(project, "ever")[:2]
    write_history(project, "orders", corrected(rows))
    report = repaired(project, "ever")
    assert stored(project, "ever")[:2] == held
    assert (report.streamed, report.unlike) == (2, 2)
    assert "penstock resend" in report.summary()
    # a materialize of a later moment holds, too
    write_history(project, "orders", rows)
    assert repaired(project, "windowed", at_ms=5 * DAY).changed == 0


def test_a_repair_that_is_stopped_is_done_whole_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = events(5)
    cuts = (0, 4 * DAY + 5 * HOUR, 6 * DAY, END)
    project = filled(tmp_path / "repaired", rows, cuts)
    write_history(project, "orders", corrected(rows))
    whole = filled(tmp_path / "whole", corrected(rows), cuts)
    original, written = points._merged, []

    def stops(*given: Any) -> str:
        written.append(given)
        if len(written) == 2:
            raise KeyboardInterrupt
        return original(*given)

    monkeypatch.setattr(points, "_merged", stops)
    with pytest.raises(KeyboardInterrupt):
        repaired(project, "windowed")
    assert repaired(project, "windowed").changed > 0
    assert rows_of(project, "windowed") == rows_of(whole, "windowed")
    assert stored(project, "windowed") == stored(whole, "windowed")
    assert not list(project.change_points("windowed").glob(".repair-*"))


def test_what_cannot_be_repaired_is_told(tmp_path: Path) -> None:
    project = filled(tmp_path / "shop", events(6))
    plan = project.plans["windowed"]
    with open_store(project.folder) as store:
        with pytest.raises(UsageError, match="is empty"):
            repair(project, plan, store, Span(5, 5))
        with pytest.raises(UsageError, match="no change points"):
            repair(project, project.plans["shops"], store, RANGE)
        with pytest.raises(UsageError, match="the change points of windowed"):
            repair(project, plan, store, RANGE, 2 * END)
        assert repair(project, plan, store, Span(2 * END, 3 * END)).keys == 0
