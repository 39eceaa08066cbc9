"""Events out of history: whole keys, as a producer would have sent them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.features.errors import UsageError
from penstock.jobs.parity.events import Arrival
from penstock.jobs.parity.sample import sample_history
from penstock.jobs.project.project import Project
from tests.projects import make_project

DEFINITIONS = """
from penstock import Stream, Table, View, count, max

orders = Stream("orders", topic="orders", history="orders/*.parquet", time="ts", id="order",
                columns=dict(order="string", customer="string", shop="int64", amount="float64"))
by_customer = View("by_customer", orders, key="customer", features=dict(n=count().over("1h")))
by_both = View("by_both", orders, key=["customer", "shop"], features=dict(m=max(orders.amount).over("1h")))
shops = Table("shops", history="shops.parquet", key="shop", columns=dict(shop="int64", size="int64"))
"""


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    """100 customers with ten orders each, the first of them bad; two shops."""
    project = make_project(tmp_path, DEFINITIONS)
    (tmp_path / "data" / "orders").mkdir(parents=True)
    n = 1_000
    orders = {
        "ts": pa.array([1_000_000 * (n - i) for i in range(n)], pa.timestamp("us", "UTC")),
        "order": [str(i) for i in range(n)],
        "customer": [f"c{i % 100}" for i in range(n)],
        "shop": pa.array([i % 2 for i in range(n)], pa.int32()),
        "amount": [0.1 * i if i % 7 else float("nan") for i in range(n)],
    }
    orders["ts"] = pa.array([None, *orders["ts"][1:].to_pylist()], pa.timestamp("us", "UTC"))
    pq.write_table(pa.table(orders), tmp_path / "data" / "orders" / "one.parquet")
    pq.write_table(pa.table({"shop": [0, 1], "size": [10, 20]}), tmp_path / "data" / "shops.parquet")
    return project


def sampled(project: Project, source: str, events: int, seed: int = 0) -> list[Arrival]:
    plans = [plan for plan in project.plans.values() if plan.source.name == source]
    return sample_history(project, plans[0].source, plans, events, seed)


def test_a_sample_has_whole_keys_in_the_order_of_time(shop: Project) -> None:
    found = sampled(shop, "orders", 100)
    rows = [event.row for event in found if event.row is not None]
    assert [event.index for event in found] == list(range(len(found)))
    assert all(event.bad is None for event in found)
    assert [row["ts"] for row in rows] == sorted(row["ts"] for row in rows)
    assert 50 <= len(rows) <= 100
    # of the two views' last keys a part, of all the others everything
    parts = [n for n in Counter(row["customer"] for row in rows).values() if n < 9]
    assert len(parts) <= 2


def test_equal_seeds_choose_equal_keys(shop: Project) -> None:
    first = sampled(shop, "orders", 60)
    assert first == sampled(shop, "orders", 60)
    assert first != sampled(shop, "orders", 60, seed=1)


def test_more_than_there_is_is_all_there_is_but_bad_rows(shop: Project) -> None:
    found = sampled(shop, "orders", 10_000)
    assert len(found) == 999
    values = {event.row["order"]: event.row["amount"] for event in found if event.row is not None}
    assert values["3"] == 0.1 * 3
    assert values["7"] is None


def test_a_table_for_all_time_is_sampled_too(shop: Project) -> None:
    assert [event.row for event in sampled(shop, "shops", 10)] == [{"shop": 0, "size": 10}, {"shop": 1, "size": 20}]


def test_a_history_without_files_is_refused(shop: Project, tmp_path: Path) -> None:
    (tmp_path / "data" / "shops.parquet").unlink()
    with pytest.raises(UsageError, match="shops has no history files"):
        sampled(shop, "shops", 10)
