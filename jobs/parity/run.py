"""All engines on one file of events, every view; each engine's rows as Parquet, and every pair compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import accumulate, combinations
from pathlib import Path

import pyarrow.parquet as pq

from features.compilers.flink.driver import HarnessDriver
from features.plan import SourcePlan, ViewPlan
from jobs.parity.compare import Comparison, as_of, compare_answers, compare_rows, in_the_end, last_rows
from jobs.parity.engines import Answer, duckdb_batch, flink_stream, oracle_batch, oracle_stream, stream_items
from jobs.parity.events import Arrival

#: The batch engines give all change points, the stream engine the rows that it emits.
ENGINES = ("oracle", "duckdb", "flink")


@dataclass(frozen=True)
class Compared:
    """One pair of engines on one view. ``what`` says which rows were held against each other."""

    view: str
    pair: tuple[str, str]
    what: str
    result: Comparison


def run(
    plans: Sequence[ViewPlan],
    arrivals: Mapping[str, Sequence[Arrival]],
    engines: Sequence[str],
    out: Path | None,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Compared]:
    """Runs and compares the views of every source. ``out``: the folder for ``<engine>/<view>.parquet``."""
    compared: list[Compared] = []
    with ExitStack() as running:
        driver = running.enter_context(HarnessDriver()) if "flink" in engines else None
        for source, views in _by_source(plans):
            came = arrivals[source.name]
            answers = _answers(views, source, came, engines, driver)
            for plan in views:
                mine = {engine: answers[engine][plan.name] for engine in engines}
                if out is not None:
                    _write(out, plan, mine)
                compared += _compare(plan, came, mine)
                progress(len(compared))
    return compared


def _by_source(plans: Iterable[ViewPlan]) -> list[tuple[SourcePlan, list[ViewPlan]]]:
    sources: dict[str, tuple[SourcePlan, list[ViewPlan]]] = {}
    for plan in plans:
        sources.setdefault(plan.source.name, (plan.source, []))[1].append(plan)
    return list(sources.values())


def _answers(
    views: Sequence[ViewPlan],
    source: SourcePlan,
    came: Sequence[Arrival],
    engines: Sequence[str],
    driver: HarnessDriver | None,
) -> dict[str, dict[str, Answer]]:
    batch = {"oracle": oracle_batch, "duckdb": duckdb_batch}
    answers = {name: {plan.name: batch[name](plan, came) for plan in views} for name in engines if name in batch}
    if driver is not None:
        answers["flink"] = flink_stream(driver, views, stream_items(source, came))
    return answers


def _write(out: Path, plan: ViewPlan, answers: Mapping[str, Answer]) -> None:
    for engine, answer in answers.items():
        (out / engine).mkdir(parents=True, exist_ok=True)
        pq.write_table(answer.rows, out / engine / f"{plan.name}.parquet")


def _compare(plan: ViewPlan, came: Sequence[Arrival], answers: Mapping[str, Answer]) -> list[Compared]:
    compared = []
    for pair in combinations([engine for engine in ENGINES if engine in answers], 2):
        left, right = answers[pair[0]], answers[pair[1]]
        if "flink" not in pair:
            compared.append(Compared(plan.name, pair, "all change points", compare_answers(plan, left, right, pair)))
        else:
            compared.append(_against_stream(plan, came, left, right, pair))
    if {"oracle", "flink"} <= answers.keys():
        exact = oracle_stream(plan, came, stream_items(plan.source, came))
        words = "every row emitted, in order"
        result = compare_answers(plan, exact, answers["flink"], ("oracle", "flink"))
        compared.append(Compared(plan.name, ("oracle", "flink"), words, result))
    return compared


def _against_stream(
    plan: ViewPlan, came: Sequence[Arrival], batch: Answer, stream: Answer, pair: tuple[str, str]
) -> Compared:
    """In event-time order the stream's last row of every (key, t) is the batch row; in any order, and where events
    change later, the last row of every key is, once all time has passed.
    """
    keys = [key.name for key in plan.key]
    if greatest_delay(plan.source, came) == 0 and plan.source.op is None:
        words, right = "the last row of every (key, t)", last_rows(stream.rows, [*keys, "t"])
        left = as_of(plan, batch.rows, right) if plan.off_points else batch.rows
    elif beyond_lateness(plan, came):
        return Compared(plan.name, pair, "nothing: events came too late for a session or lifetime", Comparison())
    else:
        words = "the last row of every key"
        left, right = in_the_end(plan, batch.rows, stream.rows)
    return Compared(plan.name, pair, words, compare_rows(plan, left, right, pair))


def beyond_lateness(plan: ViewPlan, came: Sequence[Arrival]) -> bool:
    """May an event have come too late for a session or a lifetime of named events, so that history alone has it?"""
    bounded = any(w.kind == "session" or (w.kind == "lifetime" and plan.source.id is not None) for w in plan.windows)
    return bounded and greatest_delay(plan.source, came) > plan.source.lateness_ms


def greatest_delay(source: SourcePlan, came: Sequence[Arrival]) -> int:
    """By how many milliseconds of event time an event came after a later one, at most; 0 where all came in order."""
    if source.time is None:
        return 0
    times = [arrival.row[source.time] for arrival in came if arrival.row is not None and arrival.bad is None]
    return max((reached - time for reached, time in zip(accumulate(times, max), times, strict=True)), default=0)
