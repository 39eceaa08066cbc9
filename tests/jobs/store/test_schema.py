from __future__ import annotations

from penstock import Stream, View, count, last, sum
from penstock.jobs.store.schema import schema_of

ORDERS = Stream(
    "orders", topic="orders", time="ts", columns=dict(shop="string", customer="int64", amount="float64", paid="bool")
)
VIEW = View(
    "spent",
    ORDERS,
    key=["shop", "customer"],
    features=dict(
        orders=count().over("1h", "1d"),
        amount=sum(ORDERS.amount).over("1h"),
        paid=last(ORDERS.paid).over("1h"),
    ),
)


def test_a_plan_as_the_stores_know_it() -> None:
    schema = schema_of(VIEW.plan)
    assert schema.name == "spent"
    assert schema.key == (("shop", "string"), ("customer", "int64"))
    assert schema.features == (
        ("orders_1h", "int64"),
        ("orders_1d", "int64"),
        ("amount_1h", "float64"),
        ("paid_1h", "bool"),
    )
    assert schema.defaults == (0, 0, 0.0, None)
    assert [type(default) for default in schema.defaults] == [int, int, float, type(None)]
    assert schema.fingerprint == VIEW.plan.fingerprint
