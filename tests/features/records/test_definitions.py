"""How columns are written: paths, casts, units; what is refused; and what of it is meaning."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import DefinitionError, Stream, View, column, count, header, record_key, record_timestamp
from penstock.features.plan import ViewPlan
from penstock.features.records.path import LAST_ELEMENT, MOST_STEPS, Path, parse_path, path_text

NAMES = st.text(st.characters(codec="utf-8"), max_size=6)
PATHS = st.builds(
    lambda first, rest: (first, *rest), NAMES, st.lists(NAMES | st.integers(0, LAST_ELEMENT), max_size=MOST_STEPS - 1)
)


@given(PATHS)
def test_every_path_can_be_written(path: Path) -> None:
    assert parse_path(path_text(path)) == path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("order.total.amount", ("order", "total", "amount")),
        ("items[0].sku", ("items", 0, "sku")),
        ("a[0][12]", ("a", 0, 12)),
        ('["a.b"]["c \\"d\\""].e', ("a.b", 'c "d"', "e")),
        (
            "@type.order-id.class.t.seq.key.values.Ünï",
            ("@type", "order-id", "class", "t", "seq", "key", "values", "Ünï"),
        ),
        ('labels[""]', ("labels", "")),
        ("0.1", ("0", "1")),
    ],
)
def test_a_path_names_fields_and_elements(text: str, path: Path) -> None:
    assert parse_path(text) == path


@pytest.mark.parametrize(
    "text",
    ["", ".a", "a.", "a..b", "a b", "[0]", "a[-1]", "a[01]", "a[1000]", "a[b]", "a['b']", 'a["b', 'a["\\x"]', "a]",
     'a"b"', 'a["\\ud800"]', "a[0]b", "a.[0]", ".".join("a" * (MOST_STEPS + 1))],
)  # fmt: skip
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError, match="the path"):
        column("int64", path=text)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: column("int64", cast="decimal"), "cast='decimal' says nothing of int64"),
        (lambda: column("string", cast="txt"), "cast='txt' says nothing of string"),
        (lambda: column("int64", unit="s"), "unit='s' says nothing of int64"),
        (lambda: column("timestamp", unit="m"), "'m' is not a unit of times"),
        (lambda: column("timestamp", unit="s", zone="UTC"), "zone='UTC' says nothing of numbers"),
        (lambda: column("timestamp", unit="iso8601", zone="Berlin"), "'Berlin' is not a time zone"),
        (lambda: column("int64", values=("1",)), "values= says nothing of int64"),
        (lambda: column("string", values="open"), "values= names no texts"),
        (lambda: column("string", values=()), "values= names no texts"),
        (lambda: column("string", path=()), "path= names no path"),
        (lambda: column("string", path=("a", "b")), "a would always count"),
        (lambda: header(""), "'' is not the name of a header"),
        (lambda: column("string", history_name=""), "history_name='' is not a column of a file"),
    ],
)
def test_a_column_that_means_nothing_is_refused(make: Any, what: str) -> None:
    with pytest.raises(DefinitionError, match=re.escape(what)):
        make()


@pytest.mark.parametrize(
    "paths", [("order", "order.id"), ("items[0]", "items.sku"), ("items", "items[0]"), ("a.b", ("c.d", "a.b.c"))]
)
def test_two_paths_that_no_record_has_both_are_refused(paths: Any) -> None:
    columns = {f"c{i}": column("string", path=path) for i, path in enumerate(paths)}
    with pytest.raises(DefinitionError, match="no record can have both"):
        Stream("s", topic="s", time="ts", columns=columns)


def test_tombstones_are_of_events_that_change() -> None:
    with pytest.raises(DefinitionError, match="s has tombstones= and no op="):
        Stream("s", topic="s", time="ts", tombstones=True, columns={})


def plan(amount: Any, **more: Any) -> ViewPlan:
    columns = dict(customer="string", amount=amount, **more)
    orders = Stream("orders", topic="orders", time="ts", columns=columns)
    return View("v", orders, key="customer", features=dict(n=count(orders.amount).over("1h"))).plan


@pytest.mark.parametrize("amount", [column("float64", path="order.amount"), column("float64", path=("a.b", "c.b")),
    header("amount", "float64"), record_key("float64"), record_key("float64", path="a"),
    column("float64", history_name="betrag")])  # fmt: skip
def test_where_a_value_stands_is_no_part_of_the_plan(amount: Any) -> None:
    assert plan(amount).json == plan("float64").json
    assert plan(amount).source == plan("float64").source
    assert plan(amount).as_typed().source == plan("float64").source


def test_the_time_of_the_record_is_a_time() -> None:
    orders = Stream("orders", topic="orders", time="at", columns=dict(at=record_timestamp(), k="string"))
    assert orders.source_plan.layout == '{"at":{"timestamp":true}}'


@pytest.mark.parametrize("amount", [column("float64", cast="text"), column("float64", cast="decimal")])
def test_which_forms_it_takes_is_one(amount: Any) -> None:
    assert plan(amount).fingerprint != plan("float64").fingerprint
    again = ViewPlan.from_json(plan(amount).json)
    assert again.json == plan(amount).json and again.source == plan(amount).source


def test_a_zone_and_what_values_stand_for_travel_in_the_plan() -> None:
    at = column("timestamp", unit="iso8601", zone="Europe/Berlin")
    state = column("string", values={"1": "open"}, cast="number")
    made = plan("float64", at=at, state=state)
    assert ViewPlan.from_json(made.json).source == made.source
