"""From change points to the online store: corrected history, and what the change points must cover."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.features.errors import RefusedError, UsageError
from penstock.features.ingest import Row
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.project.project import Project
from penstock.jobs.store.materialize import Materialized, materialize
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow
from penstock.jobs.store.schema import schema_of
from tests.jobs.shop import make_project, write_history

DEFINITIONS = """
from penstock import Stream, View, count, sum, lifetime
orders = Stream("orders", topic="orders", history="orders/*.parquet", time="ts", id="order",
    columns=dict(order="string", customer="string", amount="float64"))
customer = View("customer", orders, key="customer",
    features=dict(n=count().over("1d"), total=sum(orders.amount).over(lifetime())))
"""
HOUR = 3_600_000
DAY = 24 * HOUR
ANN: Row = {"ts": HOUR, "order": "a", "customer": "ann", "amount": 1.0}
BOB: Row = {"ts": 5 * DAY + HOUR, "order": "b", "customer": "bob", "amount": 2.0}
KEYS = [("ann",), ("bob",)]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = make_project(tmp_path / "shop", DEFINITIONS)
    write_history(made, "orders", [ANN, BOB])
    return made


def fill(project: Project, rows: Sequence[Row] | None = None, span: tuple[int, int] = (0, 6 * DAY)) -> None:
    """A backfill, of these rows as history where they are given."""
    if rows is not None:
        write_history(project, "orders", rows)
    backfill(project.plans["customer"], project.histories("customer"), *span, project.backfills, memory="256MB")


def write(project: Project, at: int) -> Materialized:
    with open_store(project.folder) as store:
        return materialize(project, project.plans["customer"], store, at)


def stored(project: Project) -> list[tuple[Any, ...]]:
    """Present, t, seq, n_1d, total_lifetime of ann and bob."""
    with open_store(project.folder) as store:
        (columns,) = store.read_rows([(schema_of(project.plans["customer"]), KEYS)])
    features = [column.values.tolist() for column in columns.features]
    return list(zip(columns.present.tolist(), columns.t.tolist(), columns.seq.tolist(), *features, strict=True))


def corrected(row: Row, **values: Any) -> Row:
    return {**row, **values}


def test_a_corrected_backfill_reaches_the_store(project: Project) -> None:
    fill(project)
    assert write(project, 6 * DAY - 1).applied == 2
    assert stored(project) == [(True, DAY + HOUR, 0, 0, 1.0), (True, 5 * DAY + HOUR, 0, 1, 2.0)]
    assert write(project, 6 * DAY - 1).applied == 0
    fill(project, [corrected(ANN, amount=100.0), corrected(BOB, amount=200.0)])
    result = write(project, 6 * DAY - 1)
    assert (result.rows, result.applied, result.emptied, result.later) == (2, 2, 0, 0)
    assert stored(project) == [(True, DAY + HOUR, 0, 0, 100.0), (True, 5 * DAY + HOUR, 0, 1, 200.0)]


def test_an_event_that_moves_back_or_goes_is_corrected_too(project: Project) -> None:
    fill(project)
    write(project, 6 * DAY - 1)
    fill(project, [ANN, corrected(BOB, ts=4 * DAY)])
    assert write(project, 6 * DAY - 1).applied == 2
    assert stored(project)[1] == (True, 5 * DAY, 0, 0, 2.0)
    fill(project, [ANN])
    result = write(project, 6 * DAY - 1)
    assert (result.rows, result.emptied) == (1, 1)
    assert "1 that are no longer in history emptied" in result.summary()
    assert [row[3:] for row in stored(project)] == [(0, 1.0), (0, 0.0)]


def test_an_earlier_backfill_never_wins_over_a_later_one(project: Project, tmp_path: Path) -> None:
    other = make_project(tmp_path / "other", DEFINITIONS, online=_same_store(project))
    write_history(other, "orders", [ANN, BOB])
    fill(other)
    fill(project, [corrected(ANN, amount=100.0)])
    write(project, 6 * DAY - 1)
    before = stored(project)
    result = write(other, 6 * DAY - 1)
    assert stored(project)[0] == before[0]
    assert (result.applied, result.later) == (1, 1)  # of bob the later one knows nothing
    assert "1 rows in the store are of later batch writes than this backfill" in result.summary()


def _same_store(project: Project) -> str:
    return f"  type: penstock.jobs.store.sqlite.PenstockSqliteOnlineStore\n  path: {project.folder}/online.db"


def test_a_row_of_the_stream_stays_whatever_batch_corrects(project: Project) -> None:
    fill(project)
    write(project, 6 * DAY - 1)
    schema = schema_of(project.plans["customer"])
    with open_store(project.folder) as store:
        store.write_rows(schema, [FeatureRow(("ann",), DAY + HOUR, 1, (7, 7.0))])
    fill(project, [corrected(ANN, amount=100.0), BOB])
    write(project, 6 * DAY - 1)
    assert stored(project)[0] == (True, DAY + HOUR, 1, 7, 7.0)


def test_at_an_earlier_moment_a_later_backfill_says_nothing_of_later_rows(project: Project) -> None:
    fill(project)
    write(project, 6 * DAY - 1)
    fill(project, [corrected(ANN, amount=100.0), corrected(BOB, amount=200.0)])
    write(project, 2 * DAY)
    assert [row[4] for row in stored(project)] == [100.0, 2.0]


@pytest.mark.parametrize(
    ("span", "at", "words"),
    [
        ((0, 12 * HOUR), 16 * DAY, "do not cover 1970-01-17 00:00:00"),
        ((0, 6 * DAY), 6 * DAY, "do not cover 1970-01-07 00:00:00"),
        ((3 * DAY, 6 * DAY), 5 * DAY, "cover 1970-01-04 00:00:00 to 1970-01-07 00:00:00 only"),
    ],
)
def test_what_the_change_points_do_not_cover_is_refused(
    project: Project, span: tuple[int, int], at: int, words: str
) -> None:
    fill(project, span=span)
    with pytest.raises(UsageError, match=words) as raised:
        write(project, at)
    assert raised.value.hint is not None and "penstock backfill customer" in raised.value.hint
    assert [row[0] for row in stored(project)] == [False, False]


def test_change_points_of_another_definition_are_refused(project: Project) -> None:
    fill(project)
    changed = DEFINITIONS.replace('over("1d")', 'over("2d")')
    with pytest.raises(RefusedError, match="made by another definition"):
        write(make_project(project.folder, changed), 6 * DAY - 1)
