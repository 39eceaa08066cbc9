"""A view of orders for the tests of this folder, events for it, and engines that are wrong on purpose."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from penstock import Stream, View, count, lifetime, mean
from penstock.features.plan import ViewPlan
from penstock.jobs.parity.engines import Answer, Engine, duckdb_batch, oracle_batch
from penstock.jobs.parity.events import Arrival, arrival, key_of

ORDERS = Stream("orders", topic="orders", time="ts", id="order", disorder="5s", columns=dict(
    order="string", customer="string", amount="float64"))  # fmt: skip
CUSTOMER = View("customer", ORDERS, key="customer", features=dict(
    n=count().over("10s"), spent=mean(ORDERS.amount, where=ORDERS.amount > 0).over("1m", lifetime())))  # fmt: skip
PLAN: ViewPlan = CUSTOMER.plan
SOURCE = PLAN.source


def came(*events: tuple[int, str, float] | bytes) -> list[Arrival]:
    """Arrivals of (time, customer, amount), each with an id of its own; bytes are records as they are."""
    raws = []
    for i, event in enumerate(events):
        if isinstance(event, bytes):
            raws.append(event)
        else:
            ts, customer, amount = event
            raws.append(json.dumps({"ts": ts, "order": str(i), "customer": customer, "amount": amount}).encode())
    return [arrival(SOURCE, i, raw) for i, raw in enumerate(raws)]


def many(n: int, keys: int = 7) -> list[Arrival]:
    """Events a second apart, of so many customers in turn."""
    return came(*((1000 * i, f"c{i % keys}", float(i % 5)) for i in range(n)))


def oracle(plans: Sequence[ViewPlan], events: Sequence[Arrival]) -> dict[str, Answer]:
    """The engine that is always right."""
    return {plan.name: oracle_batch(plan, events) for plan in plans}


def wrong_on_ties(plans: Sequence[ViewPlan], events: Sequence[Arrival]) -> dict[str, Answer]:
    """DuckDB, but where two events of a key have one time ``spent_1m`` is wrong by its last bit at that time."""
    return {plan.name: _wrong(plan, events, duckdb_batch(plan, events)) for plan in plans}


def _wrong(plan: ViewPlan, events: Sequence[Arrival], answer: Answer) -> Answer:
    seen, ties = set(), set()
    for event in events:
        assert event.row is not None
        place = (key_of(plan, event), event.row["ts"])
        if place in seen:
            ties.add(place)
        seen.add(place)

    def changed(row: dict[str, Any]) -> Any:
        tied = ((row["customer"],), row["t"]) in ties
        return math.nextafter(row["spent_1m"], math.inf) if tied else row["spent_1m"]

    values = pa.array([changed(row) for row in answer.rows.to_pylist()], pa.float64())
    place = answer.rows.schema.get_field_index("spent_1m")
    return Answer(answer.rows.set_column(place, "spent_1m", values), answer.counts, answer.dead)


BROKEN: dict[str, Engine] = {"oracle": oracle, "duckdb": wrong_on_ties}
