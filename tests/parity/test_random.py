"""Random views over random events: every engine gives what the oracle gives, to the bit.

``PENSTOCK_EXAMPLES`` sets how many worlds each test tries; ``make soak`` tries many.
"""

from __future__ import annotations

import itertools
import os
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from penstock.features.compilers.flink.driver import HarnessDriver, Item, Restore, Watermark
from penstock.features.ingest import TIME_MIN
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.batch.parts import FEAST_COLUMNS, ViewParts
from penstock.jobs.parity.compare import Comparison, compare_answers, compare_rows, in_the_end
from penstock.jobs.parity.engines import (
    END,
    duckdb_batch,
    flink_stream,
    history,
    oracle_batch,
    oracle_stream,
    stream_items,
)
from penstock.jobs.parity.events import Arrival
from penstock.jobs.parity.run import beyond_lateness
from tests.parity.strategies import World, crowded_worlds, table_worlds, worlds

Test = TypeVar("Test", bound=Callable[..., None])
CHOSEN = "PENSTOCK_EXAMPLES" in os.environ
explored = settings(
    max_examples=int(os.environ.get("PENSTOCK_EXAMPLES", "40")),
    deadline=None,
    derandomize=not CHOSEN,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


def random_worlds(test: Test) -> Test:
    """Tries as many worlds as are asked for, however long that takes.

    A timeout in the middle of a draw would be to Hypothesis a strategy that does not always draw the same.
    """
    return explored(pytest.mark.timeout(0)(test) if CHOSEN else test)


def agree(result: Comparison) -> None:
    assert result.differences == 0, result.samples


@random_worlds
@given(worlds())
def test_duckdb_equals_the_oracle(world: World) -> None:
    for plan in world.plans:
        batch = oracle_batch(plan, world.arrivals)
        agree(compare_answers(plan, batch, duckdb_batch(plan, world.arrivals), ("oracle", "duckdb")))


@random_worlds
@given(worlds(), st.lists(st.integers(-80, 1400), max_size=3, unique=True))
def test_any_split_of_a_range_gives_the_same_rows(world: World, cuts: list[int]) -> None:
    for plan in world.plans:
        whole = oracle_batch(plan, world.arrivals).rows
        ends = [TIME_MIN, *sorted(cuts), END]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            files = {source.name: str(folder / f"{source.name}.parquet") for source in plan.source.sources}
            for source in plan.source.sources:
                rows = history(source, [a for a in world.arrivals if a.row is not None and a.source == source])
                pq.write_table(rows, files[source.name])
            for start, end in itertools.pairwise(ends):
                backfill(plan, files, start, end, folder, memory="1GB")
            parts = ViewParts(folder / plan.name, plan).all()
            assert [part.from_ms for part in sorted(parts, key=lambda part: part.from_ms)] == ends[:-1]
            rows = pa.concat_tables(pq.read_table(part.path) for part in parts).drop_columns(list(FEAST_COLUMNS))
        agree(compare_rows(plan, whole, rows.replace_schema_metadata(None), ("oracle", "parts")))


@random_worlds
@given(worlds(), st.data())
def test_the_operator_equals_the_oracle(driver: HarnessDriver, world: World, data: st.DataObject) -> None:
    """With the watermarks that the events bring, or with any; with restarts anywhere; on both state backends."""
    items: list[Arrival | Watermark] = stream_items(world.arrivals)
    if data.draw(st.booleans()):
        times = st.none() | st.integers(-100, 1500)
        marks = [(a, data.draw(times)) for a in world.arrivals]
        items = _rising([p for a, t in marks for p in ([a] if t is None else [a, Watermark(t)])] + [Watermark(END)])
    restarts = data.draw(st.sets(st.integers(0, len(items)), max_size=3))
    driven: list[Arrival | Item] = [
        p for i, item in enumerate(items) for p in ([Restore(), item] if i in restarts else [item])
    ]
    answers = flink_stream(driver, world.plans, driven, backend=data.draw(st.sampled_from(["heap", "rocksdb"])))
    for plan in world.plans:
        exact = oracle_stream(plan, world.arrivals, items)
        agree(compare_answers(plan, exact, answers[plan.name], ("oracle", "flink")))


@random_worlds
@given(worlds(), st.integers(1, 12), st.randoms(use_true_random=False))
def test_partitions_that_run_apart_make_nothing_too_late(
    driver: HarnessDriver, world: World, partitions: int, chance: random.Random
) -> None:
    """One history in some partitions, each in order of time; which one is read next is chance."""
    assume(not world.plans[0].source.changes)
    items = run_apart(world.arrivals, partitions, chance)
    came = [item for item in items if isinstance(item, Arrival)]
    answers = flink_stream(driver, world.plans, items)
    for plan in world.plans:
        agree(compare_answers(plan, oracle_stream(plan, came, items), answers[plan.name], ("oracle", "flink")))
        whole = oracle_batch(plan, came)
        batch, stream = in_the_end(plan, whole.rows, answers[plan.name].rows)
        agree(compare_rows(plan, batch, stream, ("oracle", "flink")))
        assert (whole.counts, whole.of_sources) == (answers[plan.name].counts, answers[plan.name].of_sources)


def run_apart(arrivals: Sequence[Arrival], partitions: int, chance: random.Random) -> list[Arrival | Watermark]:
    """The arrivals by any partitions of their sources, with the watermarks that these bring together: the least of all
    that have more to come.
    """
    timed = sorted(arrivals, key=lambda a: TIME_MIN if a.time is None else a.time)
    queues: dict[tuple[str, int], list[Arrival]] = {}
    for each in timed:
        queues.setdefault((each.source.name, chance.randrange(partitions)), []).append(each)
    reached, items = dict.fromkeys(queues, TIME_MIN), list[Arrival | Watermark]()
    while any(queues.values()):
        place = chance.choice([place for place, queue in queues.items() if queue])
        item = queues[place].pop(0)
        items.append(item)
        reached[place] = reached[place] if item.time is None else item.time - item.source.disorder_ms - 1
        items.append(Watermark(min((reached[place] for place, queue in queues.items() if queue), default=END)))
    return _rising(items)


@random_worlds
@given(crowded_worlds())
def test_many_expressions_have_one_value_on_every_engine(driver: HarnessDriver, world: World) -> None:
    (plan,) = world.plans
    items = stream_items(world.arrivals)
    batch = oracle_batch(plan, world.arrivals)
    agree(compare_answers(plan, batch, duckdb_batch(plan, world.arrivals), ("oracle", "duckdb")))
    exact = oracle_stream(plan, world.arrivals, items)
    agree(compare_answers(plan, exact, flink_stream(driver, [plan], items)[plan.name], ("oracle", "flink")))


@random_worlds
@given(table_worlds(), st.sampled_from(["heap"] * 4 + ["rocksdb"]), st.integers(0, 20))
def test_tables_with_vectors_hold_one_row_on_every_engine(
    driver: HarnessDriver, world: World, backend: str, restart: int
) -> None:
    (plan,) = world.plans
    items: list[Arrival | Item] = [*stream_items(world.arrivals)]
    items.insert(min(restart, len(items)), Restore())
    batch = oracle_batch(plan, world.arrivals)
    agree(compare_answers(plan, batch, duckdb_batch(plan, world.arrivals), ("oracle", "duckdb")))
    exact = oracle_stream(plan, world.arrivals, stream_items(world.arrivals))
    found = flink_stream(driver, [plan], items, backend=backend)[plan.name]
    agree(compare_answers(plan, exact, found, ("oracle", "flink")))


def _rising(items: list[Arrival | Watermark]) -> list[Arrival | Watermark]:
    """Watermarks as Flink's network lets them through: only what rises."""
    kept: list[Arrival | Watermark] = []
    reached = None
    for item in items:
        if isinstance(item, Watermark):
            if reached is not None and item.time <= reached:
                continue
            reached = item.time
        kept.append(item)
    return kept


@random_worlds
@given(worlds())
def test_once_all_time_has_passed_the_stream_holds_what_batch_computes(driver: HarnessDriver, world: World) -> None:
    answers = flink_stream(driver, world.plans, stream_items(world.arrivals))
    for plan in world.plans:
        if beyond_lateness(plan, world.arrivals):
            continue
        batch, stream = in_the_end(plan, oracle_batch(plan, world.arrivals).rows, answers[plan.name].rows)
        agree(compare_rows(plan, batch, stream, ("oracle", "flink")))
