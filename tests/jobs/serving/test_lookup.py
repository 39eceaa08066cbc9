"""Features of requests from a real store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from penstock.features.plan import ViewPlan
from penstock.jobs.project.project import Project
from penstock.jobs.serving.inputs import Input, inputs_of
from penstock.jobs.serving.lookup import Lookup
from penstock.jobs.serving.parse import Parser
from penstock.jobs.serving.requests import Found, Request, read_requests
from penstock.jobs.store.bulk import BulkStore
from penstock.jobs.store.bulk import Request as StoreRequest
from penstock.jobs.store.columns import Columns
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow
from penstock.jobs.store.schema import schema_of
from tests.jobs.serving.test_requests import record
from tests.jobs.shop import DEFINITIONS, make_project

T = 1_000_000


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


@pytest.fixture
def store(project: Project) -> Iterator[BulkStore]:
    with open_store(project.folder) as opened:
        yield opened


@pytest.fixture
def inputs(project: Project) -> tuple[Input, ...]:
    return inputs_of(project.model("cost").model_plan, project.plans)


def request(project: Project, offset: int = 0, until: float = 10.0, **fields: Any) -> Request:
    value = orjson.dumps({"ts": T, "order": f"o{offset}", **fields})
    parser = Parser(project.model("cost").on.source_plan)
    (made,) = read_requests(parser, [record(value, offset, timestamp=T)], until)
    return made


def row(found: Found) -> tuple[Any, ...]:
    """Key, t, seq and the values of the used features."""
    values = tuple(values.tolist()[found.place] for values in found.rows.features.values())
    return found.key, found.t, orjson.loads(found.rows.read[found.place])["seq"], values


def write(store: BulkStore, plan: ViewPlan, key: tuple[Any, ...], t: int, *values: Any, seq: int = 1) -> None:
    store.write_rows(schema_of(plan), [FeatureRow(key, t, seq, values)])


def names(inputs: Sequence[Input], numbers: Sequence[int]) -> list[str]:
    return [inputs[i].name for i in numbers]


class Watching:
    """The store, with what was asked of it."""

    def __init__(self, store: BulkStore) -> None:
        self._store = store
        self.reads: list[dict[str, Sequence[Any]]] = []

    def read_rows(self, requests: Sequence[StoreRequest]) -> list[Columns]:
        self.reads.append({schema.name: keys for schema, keys in requests})
        return self._store.read_rows(requests)


def test_the_features_are_the_stores_rows_by_the_requests_own_keys(
    project: Project, store: BulkStore, inputs: tuple[Input, ...]
) -> None:
    plans = project.plans
    write(store, plans["customer"], ("ann",), T + 5, 3, 9, 12.5, 7, seq=4)
    write(store, plans["routes"], ("s1", "x"), T - 5, 2.5, True)
    write(store, plans["shops"], ("s1",), 0, "kiosk", 123_456, seq=0)
    asked = request(project, customer="ann", shop="s1", city="x", amount=1.0)
    Lookup(inputs, store).read([asked], [], 0.0)
    found = {item.name: row(asked.found[number]) for number, item in enumerate(inputs)}
    assert found["customer"] == (("ann",), T + 5, 4, (3, 9, 12.5, 7))
    assert found["routes"] == (("s1", "x"), T - 5, 1, (2.5, True))
    assert found["hub"] == (("s1", "x"), T - 5, 1, (2.5,))
    assert found["shops"] == (("s1",), 0, 0, ("kiosk", 123_456))
    assert found["weather"] == (("x",), None, None, (None,))
    assert found["big"] == (("s1",), None, None, (0, 0))
    assert asked.awaited == [] and not asked.stale


def test_a_null_key_is_a_key_that_was_never_seen(project: Project, store: BulkStore, inputs: tuple[Input, ...]) -> None:
    asked = request(project, shop="s1")
    Lookup(inputs, store).read([asked], [], 0.0)
    assert row(asked.found[0]) == ((None,), None, None, (0, 0, 0.0, None))
    assert asked.awaited == []


def test_a_request_awaits_the_views_that_its_own_event_feeds(
    project: Project, store: BulkStore, inputs: tuple[Input, ...]
) -> None:
    asked = request(project, customer="ann", shop="s1", city="x", amount=50.0)
    Lookup(inputs, store).read([asked], [], 0.0)
    assert names(inputs, asked.awaited) == ["customer", "big"]


def test_a_request_awaits_the_view_of_a_union_that_its_own_stream_feeds(tmp_path: Path) -> None:
    text = """
from penstock import union
both = union(orders, deliveries)
seen = View("seen", both, key="shop", filter=both.city != "y", features=dict(n=count().over("1m")))
model = Model("on_union", on=orders, output="o", inputs=[orders.amount, seen])
"""
    made = make_project(tmp_path, DEFINITIONS + text)
    inputs = inputs_of(made.model("on_union").model_plan, made.plans)
    with open_store(made.folder) as store:
        asked = [request(made, shop="s1", city=city) for city in ("x", "y")]
        Lookup(inputs, store).read(asked, [], 0.0)
    assert [names(inputs, each.awaited) for each in asked] == [["seen"], []]


def test_a_row_of_the_requests_time_or_later_knows_its_event(
    project: Project, store: BulkStore, inputs: tuple[Input, ...]
) -> None:
    write(store, project.plans["customer"], ("ann",), T, 1, 1, 50.0, None)
    write(store, project.plans["big"], ("s1",), T - 1, 1, None)
    asked = request(project, customer="ann", shop="s1", amount=50.0)
    Lookup(inputs, store).read([asked], [], 0.0)
    assert names(inputs, asked.awaited) == ["big"]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"amount": 5.0}, "the filter leaves it out"),
        ({"amount": None}, "the filter is null"),
        ({"amount": 50.0, "items": 2**62}, "its expression overflows"),
    ],
)
def test_an_event_that_the_view_does_not_apply_is_not_awaited(
    project: Project, store: BulkStore, inputs: tuple[Input, ...], fields: dict[str, Any], why: str
) -> None:
    asked = request(project, shop="s1", **fields)
    Lookup(inputs, store).read([asked], [], 0.0)
    assert asked.awaited == [], why


def test_a_view_that_is_looked_up_by_another_column_is_not_awaited(tmp_path: Path) -> None:
    text = """
from penstock import Model, Stream, View, count
orders = Stream("orders", topic="orders", time="ts", columns=dict(a="string", b="string"))
by_a = View("by_a", orders, key="a", features=dict(n=count().over("1h")))
cost = Model("cost", on=orders, inputs=[by_a.at(a="b")], output="p")
"""
    project = make_project(tmp_path / "other", text)
    inputs = inputs_of(project.model("cost").model_plan, project.plans)
    with open_store(project.folder) as store:
        other, same = request(project, a="x", b="y"), request(project, 1, a="x", b="x")
        Lookup(inputs, store).read([other, same], [], 0.0)
    assert (other.awaited, same.awaited) == ([], [0])


def test_only_what_is_awaited_is_read_again_and_a_shared_key_once(
    project: Project, store: BulkStore, inputs: tuple[Input, ...]
) -> None:
    watching = Watching(store)
    lookup = Lookup(inputs, watching)
    first = [request(project, i, customer="ann", shop="s1", amount=50.0) for i in range(3)]
    lookup.read(first, [], 0.0)
    write(store, project.plans["customer"], ("ann",), T, 1, 1, 50.0, None)
    lookup.read([request(project, 3, customer="bob", shop="s2", amount=1.0)], first, 0.0)
    lookup.read([], first, 0.0)
    assert watching.reads[1]["customer"] == [("bob",), ("ann",)]
    assert watching.reads[1]["shops"] == [("s2",)]
    assert watching.reads[2] == {"big": [("s1",)]}
    assert [names(inputs, r.awaited) for r in first] == [["big"]] * 3
    assert row(first[0].found[0])[3] == (1, 1, 50.0, None)


def test_a_request_whose_time_is_up_awaits_nothing_and_is_stale(
    project: Project, store: BulkStore, inputs: tuple[Input, ...]
) -> None:
    lookup = Lookup(inputs, store)
    asked = request(project, customer="ann", shop="s1", amount=1.0, until=10.0)
    lookup.read([asked], [], 9.9)
    assert names(inputs, asked.awaited) == ["customer"] and not asked.stale
    lookup.read([], [asked], 10.0)
    assert asked.awaited == [] and asked.stale
