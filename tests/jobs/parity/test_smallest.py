"""A wrong engine is brought down to the events that show it."""

from __future__ import annotations

import random

import pytest

from penstock.jobs.parity.engines import running
from penstock.jobs.parity.run import Run
from penstock.jobs.parity.smallest import bits, node, smallest
from tests.jobs.parity.shop import BROKEN, ORDERS, PLAN, came, many, oracle, wrong_on_ties


def tied(n: int) -> list[tuple[int, str, float]]:
    """Events of which two of one customer have one time, somewhere."""
    events = [(1000 * i, f"c{i % 5}", float(i % 3)) for i in range(n)]
    events[n // 2] = (1000 * (n // 3), events[n // 3][1], 2.0)
    return sorted(events)


def test_two_events_that_tie_are_left_of_many() -> None:
    run, given = Run(BROKEN), came(*tied(300))
    (one,) = run.compared([PLAN], {"orders": given})
    least = smallest(run, one, PLAN)
    assert [event.row["ts"] for event in least.events if event.row is not None] == [100_000, 100_000]
    assert least.result.unlike is not None
    assert least.result.unlike.place == {"customer": "c0", "t": 100_000}
    assert least.given == 300


def test_it_is_found_in_any_order_of_arrival() -> None:
    run, given = Run(BROKEN, shuffles=1), random.Random(3).sample(came(*tied(60)), 60)
    came_so, by_time, shuffled = run.compared([PLAN], {"orders": given})
    assert [one.order for one in (came_so, by_time, shuffled)] == ["as they came", "by time", "shuffle 1"]
    assert len(smallest(run, shuffled, PLAN).events) == 2


def test_the_stream_is_asked_again_too() -> None:
    with running(["flink"]) as started:
        run = Run({"duckdb": wrong_on_ties, **started})
        (one,) = run.compared([PLAN], {"orders": came(*tied(40))})
        assert one.what == "the last row of every (key, t)"
        assert len(smallest(run, one, PLAN).events) == 2


def test_events_that_are_missing_altogether_are_found_by_their_counts() -> None:
    run = Run({"oracle": oracle, "duckdb": lambda plans, events: oracle(plans, events[:-1])})
    (one,) = run.compared([PLAN], {"orders": many(50)})
    least = smallest(run, one, PLAN)
    assert len(least.events) == 1
    assert least.result.unlike is None
    assert least.result.samples[0].startswith("only oracle has")


def test_the_node_is_all_that_makes_a_feature() -> None:
    made = node(PLAN, "spent_lifetime")
    assert made["feature"]["aggregate"] == "mean"
    assert made["window"]["kind"] == "lifetime"
    assert made["argument"] == ORDERS.amount.to_json()
    assert made["where"] == (ORDERS.amount > 0).to_json()
    assert made["filter"] is None
    assert node(PLAN, "n_10s")["argument"] is None
    assert node(PLAN, None) == PLAN.to_dict()


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "0.1 = 0x1.999999999999ap-4"), (5, "5"), (None, "None"), ("é", "'é'")]
)
def test_a_value_is_shown_with_its_bits(value: object, text: str) -> None:
    assert bits(value) == text
