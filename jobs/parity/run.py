"""All engines on one list of events, every view: in the order of arrival and in others, and every pair compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate, combinations
from pathlib import Path

import pyarrow.parquet as pq

from penstock.features.plan import SourcePlan, UnionPlan, ViewPlan
from penstock.jobs.parity.compare import (
    Comparison,
    as_of,
    compare_answers,
    compare_rows,
    in_the_end,
    last_rows,
    rows_at,
)
from penstock.jobs.parity.engines import ENGINES, Answer, Engine, oracle_stream_by_key, stream_items
from penstock.jobs.parity.events import Arrival, of_source
from penstock.jobs.parity.orders import Order, orders
from penstock.jobs.parity.share import oracle_share


@dataclass(frozen=True)
class Compared:
    """One pair of engines on one view. ``what`` says which rows were held against each other, ``order`` in which order
    the events came; ``events`` are those that both saw, of ``given``.
    """

    view: str
    pair: tuple[str, str]
    what: str
    result: Comparison
    order: str
    events: Sequence[Arrival]
    given: int


@dataclass(frozen=True)
class Run:
    """How engines are compared. ``shuffles``: how many other orders of arrival; ``out``: the folder for the rows in the
    order given, as ``<engine>/<view>.parquet``; for these the oracle answers for all events, however long it takes.
    """

    engines: Mapping[str, Engine]
    shuffles: int = 0
    seed: int = 0
    out: Path | None = None

    def compared(
        self,
        plans: Sequence[ViewPlan],
        arrivals: Mapping[str, Sequence[Arrival]],
        progress: Callable[[int], None] = lambda done: None,
    ) -> list[Compared]:
        """Runs and compares the views of every source, and of every union. ``arrivals``: of each stream, by name."""
        compared: list[Compared] = []
        for source, views in _by_source(plans):
            came = of_source(source, arrivals)
            for order in orders(came, self.shuffles, self.seed):
                out = self.out if order.arrivals is came else None
                for more in self._on(views, order, out):
                    compared += more
                    progress(len(compared))
        return compared

    def _on(self, views: Sequence[ViewPlan], order: Order, out: Path | None) -> Iterable[list[Compared]]:
        """The views of one source on its events in one order."""
        with ThreadPoolExecutor() as side_by_side:
            started = {
                name: side_by_side.submit(engine, views, order.arrivals)
                for name, engine in self.engines.items()
                if name != "oracle"
            }
        for plan in views:
            answers = {name: answer.result()[plan.name] for name, answer in started.items()}
            # rows that are written are those of all events
            share = order.arrivals if out is not None else self._share(plan, order)
            whole = len(share) == len(order.arrivals)
            if "oracle" in self.engines and whole:
                answers |= self._answers(plan, share, ["oracle"])
            if out is not None:
                _write(out, plan, answers)
            yield _compared(plan, order, order.arrivals, answers)
            if not whole:
                of_share = _compared(plan, order, share, self._answers(plan, share, self.engines))
                yield [one for one in of_share if "oracle" in one.pair]

    def _share(self, plan: ViewPlan, order: Order) -> Sequence[Arrival]:
        return oracle_share(plan, order.arrivals, self.seed) if "oracle" in self.engines else order.arrivals

    def _answers(self, plan: ViewPlan, came: Sequence[Arrival], names: Iterable[str]) -> dict[str, Answer]:
        return {name: self.engines[name]([plan], came)[plan.name] for name in names}

    def differs(self, one: Compared, plan: ViewPlan, came: Sequence[Arrival]) -> Compared | None:
        """The first difference that the engines of a comparison have on other events; None: there is none."""
        answers = self._answers(plan, came, one.pair)
        for pair, what, result in compare(plan, came, answers):
            if result.differences:
                return Compared(plan.name, pair, what, result, one.order, came, one.given)
        return None


def _compared(plan: ViewPlan, order: Order, came: Sequence[Arrival], answers: Mapping[str, Answer]) -> list[Compared]:
    return [
        Compared(plan.name, pair, what, result, order.name, came, len(order.arrivals))
        for pair, what, result in compare(plan, came, answers)
    ]


def _by_source(plans: Iterable[ViewPlan]) -> list[tuple[SourcePlan | UnionPlan, list[ViewPlan]]]:
    sources: dict[str, tuple[SourcePlan | UnionPlan, list[ViewPlan]]] = {}
    for plan in plans:
        sources.setdefault(plan.source.name, (plan.source, []))[1].append(plan)
    return list(sources.values())


def _write(out: Path, plan: ViewPlan, answers: Mapping[str, Answer]) -> None:
    for engine, answer in answers.items():
        (out / engine).mkdir(parents=True, exist_ok=True)
        pq.write_table(answer.rows, out / engine / f"{plan.name}.parquet")


Pair = tuple[str, str]


def compare(
    plan: ViewPlan, came: Sequence[Arrival], answers: Mapping[str, Answer]
) -> list[tuple[Pair, str, Comparison]]:
    """Every pair of answers on the same events: who, which rows, and what came of it."""
    compared = []
    for pair in combinations([engine for engine in ENGINES if engine in answers], 2):
        left, right = answers[pair[0]], answers[pair[1]]
        if "flink" not in pair:
            compared.append((pair, "all change points", compare_answers(plan, left, right, pair)))
        else:
            compared.append((pair, *_against_stream(plan, came, left, right, pair)))
    if {"oracle", "flink"} <= answers.keys():
        exact = oracle_stream_by_key(plan, stream_items(came))
        result = compare_answers(plan, exact, answers["flink"], ("oracle", "flink"))
        compared.append((("oracle", "flink"), "every row emitted, in order", result))
    return compared


def _against_stream(
    plan: ViewPlan, came: Sequence[Arrival], batch: Answer, stream: Answer, pair: Pair
) -> tuple[str, Comparison]:
    """In event-time order the last row that the stream emits for a (key, t) is the batch row; in any order, and where
    events change later, the last row of every key is, once all time has passed.
    """
    keys = [key.name for key in plan.key]
    if greatest_delay(came) == 0 and not plan.source.changes:
        words, right = "the last row of every (key, t)", last_rows(stream.rows, [*keys, "t"])
        left = as_of(plan, batch.rows, right) if plan.off_points else batch.rows
        # an event may come before the watermark that would have made an earlier change point due: then that has no row
        left = rows_at(left, [right, last_rows(batch.rows, keys)], [*keys, "t"])
    elif beyond_lateness(plan, came):
        return "nothing: events came too late for a session or lifetime", Comparison()
    else:
        words = "the last row of every key"
        left, right = in_the_end(plan, batch.rows, stream.rows)
    return words, compare_rows(plan, left, right, pair)


def beyond_lateness(plan: ViewPlan, came: Sequence[Arrival]) -> bool:
    """May an event have come too late for a session or a lifetime of named events, so that history alone has it?"""
    bounded = any(w.kind == "session" or (w.kind == "lifetime" and plan.source.named) for w in plan.windows)
    return bounded and greatest_delay(came) > plan.source.lateness_ms


def greatest_delay(came: Sequence[Arrival]) -> int:
    """By how many milliseconds of event time an event came after a later one, at most; 0 where all came in order."""
    times = [arrival.time for arrival in came if arrival.time is not None]
    return max((reached - time for reached, time in zip(accumulate(times, max), times, strict=True)), default=0)
