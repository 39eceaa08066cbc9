"""Streams as one source: what they have in common, and every way in which a union can be wrong."""

from pathlib import Path

import pytest

from penstock import Stream, View, column, count, max, sum, union
from penstock.features.plan import ViewPlan
from tests.features.written import refused, run

BOTH = """both = union(orders, returns)
View('v', both, key={}, features=dict(n={}.over('1h')))"""


def test_a_union_has_the_columns_that_its_streams_have_in_common() -> None:
    one = Stream(
        "b", topic="b", time="at", columns=dict(k="string", x=column("float64", places=2), y="int64", b="bool")
    )
    two = Stream("a", topic="a", time="ts", id="i", lateness="2d", columns=dict(
        k="string", x=column("float64", places=9, nullable=False), y="float64", i="int64"))  # fmt: skip
    both = union(one, two)
    assert (list(both.columns), both.name, repr(both)) == (["k", "x"], "union(a, b)", "union(a, b)")
    assert both.columns["x"] == column("float64", places=9)
    view = View("v", both, key="k", features=dict(x=sum(both.x).over("1h")))
    assert [source.name for source in view.plan.source.sources] == ["a", "b"]
    assert view.plan.args[0].places == 9
    assert (view.plan.source.lateness_ms, view.plan.source.named) == (2 * 86_400_000, True)


def test_the_order_in_which_streams_are_written_makes_no_difference(tmp_path: Path) -> None:
    made = run(
        tmp_path,
        """one, two = union(orders, returns), union(returns, orders)
a, b = (View("v", s, key="customer", features=dict(n=count(s.customer).over("1h"))) for s in (one, two))""",
    )
    assert made["a"].plan.fingerprint == made["b"].plan.fingerprint


@pytest.mark.parametrize(
    ("text", "what", "allowed", "hint"),
    [
        ("union(orders)", "a union of 1 streams", "two streams or more", None),
        ("union(orders, orders)", "a union has orders twice", "each stream once", None),
        ("union(orders, weather)", "a union of Table weather", "Streams: union(a, b)", None),
        ("union(orders, union(orders, returns))", "a union of union(orders, returns)", "Streams: union(a, b)", None),
        (
            "union(orders, Stream('old', history='o', time='ts', columns=dict(customer='string')))",
            "a union of streams with a topic and without: old",
            "topic= in all of them, or in none",
            "the stream would lack",
        ),
        (
            BOTH.format("'shop'", "count()"),
            "shop is a column of orders, and not of returns",
            "what all streams have: order_id, customer, ts",
            "declare it in each of them",
        ),
        (BOTH.format("'custmer'", "count()"), "union(orders, returns) has no 'custmer'", "what all", "'customer'?"),
        (
            BOTH.format("'customer'", "mean(both.refund)"),
            "refund is a column of returns, and not of orders",
            "what all streams have",
            None,
        ),
        (
            BOTH.format("'customer'", "mean(orders.amount)"),
            "n uses amount, which is not a column of union(orders, returns)",
            "order_id, customer, ts",
            "both = union(orders, returns), and write both.amount",
        ),
        (
            "other = Stream('other', topic='o', time='ts', columns=dict(amount='int64')); union(orders, other).amount",
            "amount is float64 in orders, int64 in other",
            "what all streams have: ts",
            "one type",
        ),
    ],
)
def test_a_wrong_union_is_refused_in_its_line(
    tmp_path: Path, text: str, what: str, allowed: str, hint: str | None
) -> None:
    error = refused(tmp_path, text)
    assert error.what.startswith(what)
    assert allowed in str(error.allowed)
    assert hint is None or hint in str(error.hint)


def test_a_lifetime_over_events_that_change_is_refused_in_a_union_too(tmp_path: Path) -> None:
    text = """carts = Stream("carts", topic="c", time="ts", id="order_id", op="op", columns=dict(
    order_id="string", customer="string", op="string"))
View("v", union(orders, carts), key="customer", features=dict(n=count().over(lifetime())))"""
    assert refused(tmp_path, text).what.startswith(
        "n is over a lifetime, and the events of union(carts, orders) change"
    )


def test_columns_of_a_union_called_like_its_attributes_are_read_in_brackets() -> None:
    names = ("name", "streams", "columns", "source_plan", "lacks")
    streams = (Stream(name, topic=name, time="ts", columns=dict.fromkeys(names, "string")) for name in "ab")
    both = union(*streams)
    view = View("v", both, key="name", features={n: max(both[n]).over("1h") for n in names})
    assert [arg.expr.name for arg in view.plan.args] == list(names)


def test_a_plan_over_a_union_reads_back() -> None:
    streams = (Stream(name, topic=name, time="ts", columns=dict(k="string")) for name in "ab")
    plan = View("v", union(*streams), key="k", features=dict(n=count().over("1h"))).plan
    assert ViewPlan.from_json(plan.json).json == plan.json
    assert ViewPlan.from_json(plan.json).source == plan.source
    assert list(plan.to_dict()["source"]) == ["union"]
