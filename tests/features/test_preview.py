"""A view on a few events: by the oracle, with values as Python, numpy and pandas have them."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from penstock import Stream, Table, View, count, last, max, mean, sum, union
from penstock.features.errors import UsageError

ORDERS = Stream("orders", topic="orders", time="ts", id="order", columns=dict(
    order="string", customer="string", amount="float64", pieces="int64", due="timestamp"))  # fmt: skip
CUSTOMER = View("customer", ORDERS, key="customer", filter=~ORDERS.customer.is_null(), features=dict(
    n=count().over("10s"), spent=mean(ORDERS.amount).over("10s"), due=last(ORDERS.due).over("1m")))  # fmt: skip


def order(ts: object, **values: object) -> dict[str, object]:
    return {"ts": ts, "order": "a", "customer": "x", **values}


def test_every_change_point_is_a_row() -> None:
    rows = CUSTOMER.preview([order(5_000, amount=2.0, due=7), order(0, order="b", amount=1.0, seen="ignored")])
    assert rows == [
        {"customer": "x", "t": 0, "n_10s": 1, "spent_10s": 1.0, "due_1m": None},
        {"customer": "x", "t": 5_000, "n_10s": 2, "spent_10s": 1.5, "due_1m": 7},
        {"customer": "x", "t": 10_000, "n_10s": 1, "spent_10s": 2.0, "due_1m": 7},
        {"customer": "x", "t": 15_000, "n_10s": 0, "spent_10s": None, "due_1m": 7},
        {"customer": "x", "t": 60_000, "n_10s": 0, "spent_10s": None, "due_1m": 7},
        {"customer": "x", "t": 65_000, "n_10s": 0, "spent_10s": None, "due_1m": None},
    ]


@pytest.mark.parametrize(
    ("at", "x", "y"), [(-1, 0, 0), (0, 1, 0), (9_999, 1, 1), (10_000, 0, 1), (datetime(1970, 1, 1, 0, 0, 18), 0, 0)]
)
def test_at_a_time_there_is_a_row_for_each_key(at: int | datetime, x: int, y: int) -> None:
    rows = CUSTOMER.preview([order(0), order(8_000, customer="y")], at=at)
    assert [(row["customer"], row["n_10s"]) for row in rows] == [("x", x), ("y", y)]
    assert {row["t"] for row in rows} == {at if isinstance(at, int) else 18_000}


@pytest.mark.parametrize(
    "ts",
    [
        1_500,
        np.int64(1_500),
        datetime(1970, 1, 1, 0, 0, 1, 500_999),
        datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC),
        datetime(1970, 1, 1, 1, 0, 1, 500_000, timezone(timedelta(hours=1))),
        pd.Timestamp(1_500_999_999, unit="ns"),
    ],
)
def test_times_are_milliseconds_or_datetimes(ts: object) -> None:
    assert CUSTOMER.preview([order(ts)])[0]["t"] == 1_500


@pytest.mark.parametrize("nothing", [None, float("nan"), float("inf"), np.nan])
def test_what_is_no_value_is_null(nothing: object) -> None:
    assert CUSTOMER.preview([order(0, amount=nothing, due=pd.NaT)], at=0)[0]["spent_10s"] is None


def test_rows_of_a_data_frame_are_events() -> None:
    frame = pd.DataFrame({"ts": pd.to_datetime([0, 1], unit="s"), "customer": ["x", "x"], "amount": [1.0, np.nan]})
    rows = CUSTOMER.preview(frame.to_dict("records"), at=1_000)
    assert [(row["n_10s"], row["spent_10s"]) for row in rows] == [(2, 1.0)]


def test_a_repeat_counts_once_and_a_filtered_row_not_at_all() -> None:
    rows = CUSTOMER.preview([order(0), order(0), order(0, customer=None)], at=0)
    assert [(row["customer"], row["n_10s"]) for row in rows] == [("x", 1)]


def test_a_table_has_its_latest_row() -> None:
    shops = Table("shops", history="shops", key="shop", columns=dict(shop="int64", size="int64"))
    assert shops.preview([{"shop": 1, "size": 5}]) == [{"shop": 1, "t": 0, "size": 5}]
    weather = Table("weather", topic="w", time="ts", key="city", columns=dict(city="string", rain="float64"))
    rows = weather.preview([{"ts": 0, "city": "x", "rain": 1.0}, {"ts": 5, "city": "x"}], at=7)
    assert rows == [{"city": "x", "t": 7, "rain": None}]


def test_bad_events_are_told_with_their_reasons() -> None:
    total = View("total", ORDERS, key="customer", features=dict(n=sum(ORDERS.pieces * 2).over("1m")))
    events: list[dict[str, Any]] = [
        order(0), order(None), order(0, amount="much"), order(0, pieces=1.5), order(0, pieces=2**62),
        order(0, customer=None), order(0, amount=datetime(1970, 1, 1)),
    ]  # fmt: skip
    with pytest.raises(UsageError) as raised:
        total.preview(events)
    what, *reasons = raised.value.what.split(" event ")
    assert what == "6 of 7 events are bad for total:"
    assert [reason.split(": ")[:2] for reason in reasons] == [
        ["1", "missing time"],
        ["2", "wrong type"],
        ["3", "wrong type"],
        ["4", "overflow"],
        ["5", "missing key"],
        ["6", "wrong type"],
    ]
    assert (
        raised.value.allowed
        == "order string, customer string, amount float64, pieces int64, due timestamp, ts timestamp"
    )
    assert str(raised.value.where).startswith(__file__)


def test_of_many_bad_events_some_are_told() -> None:
    with pytest.raises(UsageError, match=r"30 of 30 events are bad .*; and 20 more"):
        CUSTOMER.preview([order(None)] * 30)


def test_no_events_no_rows() -> None:
    assert CUSTOMER.preview([]) == []
    assert CUSTOMER.preview(iter([]), at=0) == []


def test_a_column_called_preview_is_read_in_brackets() -> None:
    table = Table("t", history="t", key="k", columns=dict(k="string", preview="int64"))
    assert table["preview"].type == "int64"
    stream = Stream("s", topic="s", time="ts", columns=dict(k="string", preview="int64"))
    assert (
        View("v", stream, key="k", features=dict(m=max(stream.preview).over("1m"))).plan.args[0].expr.name == "preview"
    )


def test_an_event_of_a_union_names_its_stream() -> None:
    visits = Stream("visits", topic="visits", time="at", columns=dict(customer="string", page="string"))
    seen = View("seen", union(ORDERS, visits), key="customer", features=dict(n=count().over("10s")))
    events = [{"_source": "orders", **order(0)}, {"_source": "visits", "at": 4_000, "customer": "x"}]
    assert [(row["t"], row["n_10s"]) for row in seen.preview(events)] == [(0, 1), (4_000, 2), (10_000, 1), (14_000, 0)]
    with pytest.raises(UsageError, match="event 1 does not say which stream it is from: _source is None") as raised:
        seen.preview([events[0], order(1)])
    assert raised.value.allowed == "orders, visits"
    with pytest.raises(UsageError, match="1 of 2 events are bad for seen: event 1: missing time: at is null"):
        seen.preview([events[0], {"_source": "visits", "customer": "x"}])


@pytest.mark.parametrize("hold", [pd.DataFrame, pa.Table.from_pylist], ids=["pandas", "Arrow"])
def test_a_frame_or_table_holds_events_as_a_list_does(hold: Any) -> None:
    """pandas makes whole numbers doubles and truths objects where one is missing."""
    events = [order(0, pieces=2**53 + 1, due=7), order(5_000, order="b", pieces=None, amount=1.5, due=None)]
    events = [{"pieces": None, "amount": None, **event} for event in events]
    assert CUSTOMER.preview(hold(events)) == CUSTOMER.preview(events)


@pytest.mark.parametrize("given", ["text", {"ts": 1}, 5, None, [1], pd.Series([1])])
def test_what_holds_no_events_is_refused(given: Any) -> None:
    with pytest.raises(UsageError, match="holds no events") as caught:
        CUSTOMER.preview(given)
    assert "a DataFrame" in str(caught.value.allowed)
