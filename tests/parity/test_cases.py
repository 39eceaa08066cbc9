"""Every case on every engine: the oracle against values by hand, the engines against the oracle, to the bit."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from penstock.features.compilers.flink.driver import HarnessDriver, Restore
from penstock.features.plan import ViewPlan
from penstock.jobs.batch.parts import ARROW_TYPES
from penstock.jobs.parity.compare import compare_answers, compare_rows, in_the_end
from penstock.jobs.parity.engines import duckdb_batch, flink_stream, oracle_batch, oracle_stream, stream_items
from penstock.jobs.parity.events import Arrival, arrival
from penstock.jobs.parity.run import beyond_lateness
from tests.parity.cases import CASES, Case

PLAIN = {ARROW_TYPES["timestamp"]: pa.int64(), ARROW_TYPES["list<timestamp>"]: pa.list_(pa.int64())}

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))


def arrivals(case: Case) -> list[Arrival]:
    raws = [e if isinstance(e, bytes) else json.dumps(e, ensure_ascii=False).encode() for e in case.events]
    first = case.plan.source.sources[0]
    sources = [first if isinstance(e, bytes) else case.plan.source.of(e) for e in case.events]
    return [arrival(source, index, raw) for index, (source, raw) in enumerate(zip(sources, raws, strict=True))]


def tuples(plan: ViewPlan, rows: pa.Table) -> list[tuple[Any, ...]]:
    """Rows as the cases write them: timestamps in milliseconds, floats by their bits."""
    columns = []
    for name in rows.schema.names:
        column = rows[name].cast(PLAIN.get(rows[name].type, rows[name].type))
        per_ms = 1 if column.type == rows[name].type else 1000
        columns.append([bits(x, per_ms) for x in column.to_pylist()])
    return list(zip(*columns, strict=True))


def bits(value: Any, per_ms: int = 1) -> Any:
    """A float as text that tells every bit and its type."""
    if isinstance(value, list):
        return [bits(each, per_ms) for each in value]
    if value is not None and per_ms != 1:
        return value // per_ms
    return value.hex() if isinstance(value, float) else value


@every_case
def test_the_oracle_gives_the_values_by_hand(case: Case) -> None:
    answer = oracle_batch(case.plan, arrivals(case))
    assert tuples(case.plan, answer.rows) == [tuple(map(bits, row)) for row in case.rows]
    assert answer.dead == list(case.dead)
    assert (answer.counts["dead"], answer.counts["duplicate"]) == (len(case.dead), case.duplicates)
    assert sum(answer.counts.values()) == len(case.events)
    for name, counts in case.of_sources.items():
        assert tuple(answer.of_sources[name][of] for of in ("applied", "duplicate", "dead")) == counts, name


@every_case
def test_duckdb_equals_the_oracle(case: Case) -> None:
    came = arrivals(case)
    result = compare_answers(
        case.plan, oracle_batch(case.plan, came), duckdb_batch(case.plan, came), ("oracle", "duckdb")
    )
    assert result.differences == 0, result.samples


@every_case
@pytest.mark.parametrize("backend", ["heap", "rocksdb"])
def test_the_operator_equals_the_oracle(case: Case, backend: str, driver: HarnessDriver) -> None:
    came = arrivals(case)
    items = stream_items(came)
    answer = flink_stream(driver, [case.plan], items, backend=backend)["v"]
    exact = oracle_stream(case.plan, came, items)
    result = compare_answers(case.plan, exact, answer, ("oracle", "flink"))
    assert result.differences == 0, result.samples
    assert sum(answer.counts.values()) == len(case.events)
    assert {name: answer.counts[name] for name in case.stream_counts} == case.stream_counts


@every_case
def test_once_all_time_has_passed_the_stream_holds_what_batch_computes(case: Case, driver: HarnessDriver) -> None:
    came = arrivals(case)
    answer = flink_stream(driver, [case.plan], stream_items(came))["v"]
    if beyond_lateness(case.plan, came):
        return
    batch, stream = in_the_end(case.plan, oracle_batch(case.plan, came).rows, answer.rows)
    result = compare_rows(case.plan, batch, stream, ("oracle", "flink"))
    assert result.differences == 0, result.samples


@every_case
def test_a_restart_after_every_event_changes_nothing(case: Case, driver: HarnessDriver) -> None:
    came = arrivals(case)
    items = [part for item in stream_items(came) for part in (item, Restore())]
    answer = flink_stream(driver, [case.plan], items)["v"]
    exact = oracle_stream(case.plan, came, stream_items(came))
    result = compare_answers(case.plan, exact, answer, ("oracle", "flink"))
    assert result.differences == 0, result.samples
