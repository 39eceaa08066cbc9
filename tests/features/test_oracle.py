"""The oracle against the semantics, sentence by sentence, with values worked out by hand."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import pytest

from penstock import (
    Stream,
    Table,
    View,
    coalesce,
    column,
    count,
    first,
    hopping,
    last,
    lifetime,
    literal,
    max,
    mean,
    min,
    session,
    sliding,
    std,
    sum,
    var,
)
from penstock.features.expressions import INT64_MAX, INT64_MIN, Expr
from penstock.features.feature import Feature
from penstock.features.ingest import CLASSES, BadEvent, Row
from penstock.features.oracle import Result, Watermark, batch, evaluate, stream
from penstock.features.windows import Window

COLUMNS = dict(
    k="string", j="int64", id="string", x="float64", y="float64", n="int64", b="bool", s="string", at="timestamp",
    cents=column("float64", places=2), whole=column("float64", places=0),
)  # fmt: skip
events = Stream("events", topic="e", time="ts", columns=COLUMNS)
named = Stream("named", topic="e", time="ts", id="id", lateness="100ms", columns=COLUMNS)


def e(ts: int, k: str | None = "a", **columns: Any) -> Row:
    """A row: what is not given is null."""
    return {**dict.fromkeys(COLUMNS), "ts": ts, "k": k, **columns}


def view(source: Stream = events, key: Any = "k", filter: Expr | None = None, **features: Feature) -> Any:
    return View("v", source, key=key, filter=filter, features=features).plan


def rows(result: Result, key: Any = ("a",)) -> list[tuple[Any, ...]]:
    """``(t, value…)`` of one key."""
    return [(t, *values) for k, t, _, values in result.rows if k == key]


def one(feature: Feature, *items: Row) -> Any:
    """The aggregate over all these rows, at the last one's time."""
    at = items[-1]["ts"]
    return next(value for t, value in rows(batch(view(f=feature), items)) if t == at)


def bits(value: Any) -> Any:
    return value.hex() if isinstance(value, float) else value


# --- section 1: events --------------------------------------------------------------------------------------


def test_without_an_id_every_row_counts() -> None:
    result = batch(view(n=count().over("10ms")), [e(0), e(0), e(0)])
    assert rows(result) == [(0, 3), (10, 0)]
    assert (result.counts.applied, result.counts.duplicate) == (3, 0)


def test_rows_with_the_same_key_time_and_id_are_one_event() -> None:
    items = [e(0, id="p", x=1.0), e(0, id="p", x=2.0), e(0, id="q"), e(1, id="p"), e(0, "b", id="p"), e(0, id="p")]
    result = batch(view(named, n=count().over("10ms"), x=max(named.x).over("10ms")), items)
    assert rows(result) == [(0, 2, 1.0), (1, 3, 1.0), (10, 1, None), (11, 0, None)]
    assert rows(result, ("b",)) == [(0, 1, None), (10, 0, None)]
    assert (result.counts.applied, result.counts.duplicate, result.counts.in_) == (4, 2, 6)


def test_rows_whose_id_is_null_are_all_events() -> None:
    result = batch(view(named, n=count().over("10ms")), [e(0), e(0)])
    assert rows(result) == [(0, 2), (10, 0)]


def test_repeats_arrive_in_the_stream_once() -> None:
    result = stream(view(named, n=count().over("10ms")), [e(0, id="p"), e(3, id="q"), e(0, id="p"), e(3, id="q")])
    assert rows(result) == [(0, 1), (3, 2)]
    assert (result.counts.applied, result.counts.duplicate) == (2, 2)


# --- section 2: alive ---------------------------------------------------------------------------------------


def test_an_event_counts_at_its_time_and_no_longer_when_it_leaves() -> None:
    assert rows(batch(view(n=count().over("10ms")), [e(100)])) == [(100, 1), (110, 0)]


def test_values_change_at_enters_and_leaves_only() -> None:
    result = batch(view(n=count().over("10ms"), x=sum(events.x).over("4ms")), [e(0, x=1.0), e(3, x=2.0), e(10, x=4.0)])
    assert rows(result) == [
        (0, 1, 1.0),
        (3, 2, 3.0),
        (4, 2, 2.0),  # the first leaves the 4 ms
        (7, 2, 0.0),
        (10, 2, 4.0),  # the third enters as the first leaves the 10 ms
        (13, 1, 4.0),
        (14, 1, 0.0),
        (20, 0, 0.0),
    ]


def test_a_step_keeps_the_head_fresh_and_lets_the_tail_leave_on_the_grid() -> None:
    month = sliding("10ms", step="4ms")
    assert rows(batch(view(n=count().over(month)), [e(1), e(2), e(4), e(5)])) == [
        (1, 1), (2, 2), (4, 3), (5, 4),
        (14, 1),  # 1, 2 and 4 leave together at ceil(e, 4) + 10
        (18, 0),
    ]  # fmt: skip


def test_a_step_is_on_the_grid_of_the_epoch_before_it_too() -> None:
    month = sliding("10ms", step="4ms")
    assert rows(batch(view(n=count().over(month)), [e(-5), e(-4), e(-3)])) == [
        (-5, 1),
        (-4, 2),
        (-3, 3),
        (6, 1),
        (10, 0),
    ]


def test_a_lifetime_forgets_nothing() -> None:
    result = batch(view(n=count().over(lifetime()), x=last(events.x).over(lifetime())), [e(0, x=1.0), e(10**12)])
    assert rows(result) == [(0, 1, 1.0), (10**12, 2, 1.0)]


def test_each_key_has_its_own_events() -> None:
    result = batch(view(n=count().over("10ms")), [e(0, "b"), e(1, "a"), e(2, "b")])
    assert [(key, t, values) for key, t, _, values in result.rows] == [
        (("a",), 1, (1,)), (("a",), 11, (0,)),
        (("b",), 0, (1,)), (("b",), 2, (2,)), (("b",), 10, (1,)), (("b",), 12, (0,)),
    ]  # fmt: skip


# --- section 3: exact numbers -------------------------------------------------------------------------------


def test_a_sum_is_of_decimals_and_not_of_doubles() -> None:
    assert one(sum(events.x).over("1h"), e(0, x=0.1), e(1, x=0.2)) == 0.3
    assert bits(one(sum(events.x).over("1h"), *[e(0, x=0.1)] * 10)) == bits(1.0)


def test_a_sum_does_not_depend_on_the_order() -> None:
    values = [1e9, 1e-6, -1e9, 0.3]
    found = {bits(one(sum(events.x).over("1h"), *[e(0, x=x) for x in p])) for p in itertools.permutations(values)}
    assert found == {bits(0.300001)}


def test_a_window_that_empties_returns_to_exactly_nothing() -> None:
    features = dict(sum=sum(events.x), mean=mean(events.x), var=var(events.x), std=std(events.x), n=sum(events.n))
    plan = view(**{name: feature.over("10ms") for name, feature in features.items()})
    assert rows(batch(plan, [e(0, x=1e9 + 0.1, n=7), e(1, x=0.7, n=-7)]))[-1] == (11, 0.0, None, None, None, 0)


@pytest.mark.parametrize(("x", "total"), [(0.5, 0.0), (1.5, 2.0), (2.5, 2.0), (-0.5, 0.0), (-1.5, -2.0), (0.51, 1.0)])
def test_half_a_last_place_goes_to_the_even_one(x: float, total: float) -> None:
    assert bits(one(sum(events.whole).over("1h"), e(0, whole=x))) == bits(total)


def test_the_product_with_the_power_of_ten_is_of_doubles() -> None:
    # 1.005 is a little less than 1.005: times 100 it is 100.49999999999999
    assert one(sum(events.cents).over("1h"), e(0, cents=1.005)) == 1.0
    assert one(sum(events.cents).over("1h"), e(0, cents=1.015)) == 1.01
    # 8.35 is more than 8.35, but the product rounds to 835 exactly
    assert one(sum(events.cents).over("1h"), e(0, cents=8.35)) == 8.35


def test_six_places_are_kept_unless_the_column_says_otherwise() -> None:
    assert one(sum(events.x).over("1h"), e(0, x=0.0000014)) == 0.000001
    assert one(sum(events.x / 3).over("1h"), e(0, x=1.0)) == 0.333333
    assert one(sum(events.cents / 3).over("1h"), e(0, cents=1.0)) == 0.33
    assert one(mean(events.n / 3).over("1h"), e(0, n=1)) == 0.333333
    assert one(sum(events.cents + events.x).over("1h"), e(0, cents=0.125, x=0.0)) == 0.125


def test_what_is_not_below_2_to_the_53_is_a_bad_event() -> None:
    plan = view(x=sum(events.whole).over("1h"))
    most = 2.0**53 - 1
    for x in (most, -most):
        assert rows(batch(plan, [e(0, whole=x)]))[0] == (0, x)
    for x in (2.0**53, -(2.0**53), 1e300, 1.7976931348623157e308):
        result = batch(plan, [e(0, whole=x), e(1, whole=1.0)])
        assert rows(result)[0] == (1, 1.0)
        assert [(index, bad.code, bad.view) for index, bad in result.dead] == [(0, "out of range", "v")]


def test_only_what_is_summed_has_a_range() -> None:
    assert one(max(events.x).over("1h"), e(0, x=1e300)) == 1e300
    assert one(count(events.x).over("1h"), e(0, x=1e300)) == 1


def test_a_sum_of_int64_that_does_not_fit_is_null_and_comes_back() -> None:
    plan = view(n=sum(events.n).over("10ms"))
    assert rows(batch(plan, [e(0, n=INT64_MAX), e(1, n=1), e(2, n=-1)])) == [
        (0, INT64_MAX), (1, None), (2, INT64_MAX), (10, 0), (11, -1), (12, 0),
    ]  # fmt: skip
    assert rows(batch(plan, [e(0, n=INT64_MIN), e(1, n=-1)]))[1] == (1, None)


def test_a_mean_is_rounded_once() -> None:
    assert one(mean(events.x).over("1h"), e(0, x=0.1), e(0, x=0.2), e(0, x=0.2)) == 1 / 6
    assert one(mean(events.n).over("1h"), e(0, n=1), e(0, n=2)) == 1.5
    # the sum fits no int64 and no double
    assert one(mean(events.n).over("1h"), e(0, n=INT64_MAX), e(0, n=INT64_MAX - 1)) == 9223372036854775806.5


def test_variance_is_that_of_a_sample() -> None:
    data = [e(0, x=float(x)) for x in (1, 2, 3, 4)]
    assert one(var(events.x).over("1h"), *data) == 5 / 3
    assert bits(one(std(events.x).over("1h"), *data)) == bits(math.sqrt(5 / 3))
    assert one(var(events.n).over("1h"), e(0, n=INT64_MAX), e(0, n=INT64_MAX - 2)) == 2.0


def test_variance_below_two_values_is_null() -> None:
    for feature in (var(events.x), std(events.x)):
        assert one(feature.over("1h"), e(0, x=1.0)) is None
        assert one(feature.over("1h"), e(0, x=1.0), e(0)) is None  # a null is no value


def test_variance_suffers_no_cancellation() -> None:
    assert bits(one(var(events.x).over("1h"), e(0, x=1e9), e(0, x=1e9 + 1e-6))) == bits(5e-13)
    assert bits(one(var(events.x).over("1h"), *[e(0, x=123456789.1)] * 7)) == bits(0.0)


def test_std_is_the_root_of_the_rounded_variance() -> None:
    # var of 0, 1, 1 is 1/3: its double is less than 1/3, and so is the root that is taken
    assert bits(one(std(events.n).over("1h"), e(0, n=0), e(0, n=1), e(0, n=1))) == bits(math.sqrt(1 / 3))


# --- section 4: aggregates ----------------------------------------------------------------------------------


def test_the_values_over_nothing() -> None:
    features = dict(
        a=count(), b=count(events.x), c=sum(events.x), d=sum(events.n), e=mean(events.x), f=var(events.x),
        g=std(events.x), h=min(events.x), i=max(events.x), j=first(events.x), k=last(events.x),
    )  # fmt: skip
    plan = view(**{name: feature.over("10ms") for name, feature in features.items()})
    nothing = rows(batch(plan, [e(0, x=1.0, n=1)]))[-1]
    assert nothing == (10, 0, 0, 0.0, 0, None, None, None, None, None, None, None)
    assert [type(value) for value in nothing[3:5]] == [float, int]
    assert list(nothing[1:]) == [feature.default for feature in plan.features]


def test_nulls_are_skipped_by_all_but_the_count_of_rows() -> None:
    data = [e(0, x=1.0), e(1), e(2, x=3.0), e(3)]
    assert one(count().over("1h"), *data) == 4
    assert one(count(events.x).over("1h"), *data) == 2
    assert one(mean(events.x).over("1h"), *data) == 2.0
    assert one(min(events.x).over("1h"), *data) == 1.0
    assert one(last(events.x).over("1h"), *data) == 3.0
    assert one(first(events.x).over("1h"), e(0), e(1, x=5.0)) == 5.0


def test_first_and_last_go_by_event_time_and_not_by_arrival() -> None:
    data = [e(5, x=5.0), e(1, x=1.0), e(9, x=9.0), e(3, x=3.0), e(9)]
    assert one(last(events.x).over("1h"), *data) == 9.0
    assert one(first(events.x).over("1h"), *data) == 1.0


def test_ties_at_one_time_are_decided_by_the_value() -> None:
    for data in itertools.permutations([e(0, x=2.0), e(0, x=-7.0), e(0, x=1.0)]):
        assert one(last(events.x).over("1h"), *data) == 2.0
        assert one(first(events.x).over("1h"), *data) == -7.0


def test_text_is_ordered_by_code_point() -> None:
    data = [e(0, s=s) for s in ("z", "é", "\uffff", "😀", "Z", "")]  # 😀 is before \uffff in UTF-16
    assert one(max(events.s).over("1h"), *data) == "😀"
    assert one(min(events.s).over("1h"), *data) == ""
    assert one(last(events.s).over("1h"), *data) == "😀"


def test_bools_and_times_are_compared_too() -> None:
    data = [e(0, b=True, at=5), e(0, b=False, at=-5)]
    assert [one(f(events.b).over("1h"), *data) for f in (min, max, first, last)] == [False, True, False, True]
    assert [one(f(events.at).over("1h"), *data) for f in (min, max)] == [-5, 5]


def test_where_filters_one_aggregate_and_null_is_false() -> None:
    data = [e(0, x=1.0, b=True), e(1, x=2.0, b=False), e(2, x=4.0), e(3, x=8.0, b=True)]
    plan = view(
        late=count(where=events.b).over("1h"), all=count().over("1h"), x=sum(events.x, where=~events.b).over("1h")
    )
    assert rows(batch(plan, data))[3] == (3, 2, 4, 2.0)


def test_one_view_has_many_windows_at_once() -> None:
    plan = view(n=count().over("2ms", "5ms", lifetime()))
    assert rows(batch(plan, [e(0), e(1), e(4)])) == [
        (0, 1, 1, 1), (1, 2, 2, 2), (2, 1, 2, 2), (3, 0, 2, 2), (4, 1, 3, 3), (5, 1, 2, 3), (6, 0, 1, 3), (9, 0, 0, 3),
    ]  # fmt: skip


# --- section 5: views, tables, expressions ------------------------------------------------------------------


def test_keys_may_be_composite() -> None:
    result = batch(view(key=["k", "j"], n=count().over("10ms")), [e(0, j=1), e(0, j=2), e(1, j=1)])
    assert rows(result, ("a", 1)) == [(0, 1), (1, 2), (10, 1), (11, 0)]
    assert rows(result, ("a", 2)) == [(0, 1), (10, 0)]


def test_a_row_that_the_filter_leaves_out_is_applied_and_changes_nothing() -> None:
    plan = view(filter=events.b, n=count().over("10ms"))
    for run in (batch, stream):
        result = run(plan, [e(0, b=False), e(1), e(2, b=True), e(3, k=None, b=False)])  # type: ignore[operator]
        assert rows(result)[0] == (2, 1)
        assert (result.counts.applied, result.counts.dead) == (4, 0)


def test_a_table_is_its_latest_row_whole() -> None:
    table = Table("t", history="t", time="ts", key="k", columns=dict(k="string", x="float64", s="string")).plan
    result = batch(table, [e(5, x=1.0, s="old"), e(9, s="new"), e(7, x=3.0)])
    assert rows(result) == [(5, 1.0, "old"), (7, 3.0, None), (9, None, "new")]


def test_of_two_rows_of_a_table_at_one_time_the_greater_is_later_column_by_column() -> None:
    table = Table("t", history="t", time="ts", key="k", columns=dict(k="string", x="float64", s="string")).plan
    for data in itertools.permutations([e(0, x=1.0, s="z"), e(0, x=2.0, s="a"), e(0, s="zz"), e(0, x=2.0)]):
        assert rows(batch(table, data)) == [(0, 2.0, "a")]  # null is the least


def test_a_table_without_time_holds_for_all_time() -> None:
    table = Table("t", history="t", key="k", columns=dict(k="string", x="float64")).plan
    assert batch(table, [dict(k="a", x=1.0)]).rows == [(("a",), 0, 0, (1.0,))]


@pytest.mark.parametrize(
    ("expr", "row", "value"),
    [
        (events.x + events.y, dict(x=1.0), None),
        (-events.n, {}, None),
        (events.n > 1, {}, None),
        (~events.b, {}, None),
        (events.x.is_null(), {}, True),
        (events.x.is_null(), dict(x=0.0), False),
        ((events.x > 1).is_null(), {}, True),
        (coalesce(events.x, events.y, 7.0), {}, 7.0),
        (coalesce(events.x, events.y), dict(y=2.0), 2.0),
        (coalesce(events.x, events.y), {}, None),
        (coalesce(events.n, 0.5), dict(n=3), 3.0),
        (events.n / 2, dict(n=3), 1.5),
        (events.n / 0, dict(n=3), None),
        (events.x / events.y, dict(x=0.0, y=0.0), None),
        (events.x * 10, dict(x=1e308), None),
        (events.x - events.y, dict(x=-1.7e308, y=1.7e308), None),
        (events.x * -1.0, dict(x=0.0), 0.0),
        (-events.x, dict(x=0.0), 0.0),
        (events.x / -1.0, dict(x=5e-324), -5e-324),
        (events.n * events.j, dict(n=3037000500, j=-3037000499), -9223372033963249500),
        (events.n - 1.0, dict(n=2**53 + 1), 2.0**53 - 1),
        (events.ts - events.at, dict(at=-5), 5),
        (events.s < "é", dict(s="z"), True),
        (events.s > "\uffff", dict(s="😀"), True),
        (events.s == "a", dict(s="A"), False),
        (events.b >= False, dict(b=False), True),
        (events.n == 1, dict(n=1), True),
        (events.n != 1.5, dict(n=1), True),
        (literal(5), {}, 5),
    ],
)
def test_expressions(expr: Expr, row: Row, value: Any) -> None:
    found = evaluate(expr, e(0, **row))
    assert (bits(found), type(found)) == (bits(value), type(value))


TRUTH = (True, False, None)


@pytest.mark.parametrize("a", TRUTH)
@pytest.mark.parametrize("b", TRUTH)
def test_and_and_or_are_three_valued(a: bool | None, b: bool | None) -> None:
    row = e(0, b=a, x=None if b is None else float(b))
    other = events.x > 0
    unknown = None in (a, b)
    assert evaluate(events.b & other, row) is (False if False in (a, b) else None if unknown else True)
    assert evaluate(events.b | other, row) is (True if True in (a, b) else None if unknown else False)


@pytest.mark.parametrize(
    ("expr", "row"),
    [
        (events.n + 1, dict(n=INT64_MAX)),
        (events.n - 1, dict(n=INT64_MIN)),
        (events.n * 2, dict(n=2**62)),
        (-events.n, dict(n=INT64_MIN)),
        (events.ts - events.at, dict(at=INT64_MIN)),
        ((events.n + 1) - 1, dict(n=INT64_MAX)),
        (coalesce(events.n, events.n + 1), dict(n=INT64_MAX)),
        ((events.n + 1).is_null(), dict(n=INT64_MAX)),
        (events.b & (events.n + 1 > 0), dict(b=False, n=INT64_MAX)),
    ],
)
def test_integer_overflow_anywhere_is_a_bad_event(expr: Expr, row: Row) -> None:
    with pytest.raises(BadEvent) as refused:
        evaluate(expr, e(0, **row))
    assert refused.value.code == "overflow"


def test_an_overflow_makes_the_event_bad_for_that_view_only() -> None:
    for plan, dead in ((view(n=sum(events.n + 1).over("10ms")), 1), (view(n=sum(events.n).over("10ms")), 0)):
        result = batch(plan, [e(0, n=INT64_MAX)])
        assert result.counts.dead == dead
        assert [bad.view for _, bad in result.dead] == ["v"] * dead


def test_the_filter_is_asked_before_anything_else_can_go_wrong() -> None:
    plan = view(filter=events.b, n=sum(events.n + 1).over("10ms"))
    result = batch(plan, [e(0, b=False, n=INT64_MAX), e(0, k=None, b=False), e(0, k=None, b=True)])
    assert (result.counts.applied, [bad.code for _, bad in result.dead]) == (2, ["missing key"])


# --- section 6: the stream ----------------------------------------------------------------------------------


def emitted(result: Result, key: Any = ("a",)) -> list[tuple[Any, ...]]:
    """``(t, seq, value…)`` of one key."""
    return [(t, seq, *values) for k, t, seq, values in result.rows if k == key]


def test_each_event_yields_the_new_value_at_once() -> None:
    result = stream(view(n=count().over("10ms")), [e(0), e(0), e(4), e(4, "b")])
    assert emitted(result) == [(0, 1, 1), (0, 2, 2), (4, 3, 3)]
    assert emitted(result, ("b",)) == [(4, 1, 1)]


def test_what_has_left_by_then_is_gone_without_rows_in_between() -> None:
    result = stream(view(n=count().over("10ms")), [e(0), e(5), e(20)])
    assert emitted(result) == [(0, 1, 1), (5, 2, 2), (20, 3, 1)]


def test_the_clock_never_goes_back() -> None:
    result = stream(
        view(n=count().over("10ms"), x=last(events.x).over("10ms")), [e(9, x=9.0), e(2, x=2.0), e(5, x=5.0)]
    )
    assert emitted(result) == [(9, 1, 1, 9.0), (9, 2, 2, 9.0), (9, 3, 3, 9.0)]


def test_a_late_event_enters_every_window_in_which_it_is_still_alive() -> None:
    plan = view(n=count().over("5ms", "20ms", lifetime()))
    assert emitted(stream(plan, [e(10), e(4)])) == [(10, 1, 1, 1, 1), (10, 2, 1, 2, 2)]


def test_a_late_event_leaves_when_it_would_have() -> None:
    plan = view(n=count().over("10ms"))
    result = stream(plan, [e(9), e(2), Watermark(100)])
    assert emitted(result) == [(9, 1, 1), (9, 2, 2), (12, 3, 1), (19, 4, 0)]


def test_an_event_that_is_alive_in_none_is_too_late() -> None:
    result = stream(view(n=count().over("5ms", "10ms")), [e(20), Watermark(20), e(11), e(10), e(-5)])
    assert emitted(result) == [(20, 1, 1, 1), (20, 2, 1, 2)]  # at t = leave an event no longer counts
    assert (result.counts.applied, result.counts.too_late) == (2, 2)


def test_an_event_of_a_partition_that_is_behind_is_not_too_late_though_it_changes_no_value() -> None:
    result = stream(view(n=count().over("5ms")), [e(20), Watermark(14), e(10), Watermark(15), e(10)])
    assert emitted(result) == [(20, 1, 1), (20, 2, 1)]
    assert (result.counts.applied, result.counts.too_late) == (2, 1)


def test_a_key_that_is_quiet_is_judged_by_its_own_clock() -> None:
    result = stream(view(named, n=count().over(lifetime())), [e(0, "b"), e(9, "a", id="p"), Watermark(500), e(0, "a")])
    assert [(key, t, *values) for key, t, _, values in result.rows] == [(("b",), 0, 1), (("a",), 9, 1), (("a",), 9, 2)]


@pytest.mark.parametrize(
    "window", [lifetime(), session("7ms"), sliding("5ms"), sliding("8ms", step="3ms"), hopping("6ms", step="2ms")]
)
@pytest.mark.parametrize("partitions", range(1, 13))
def test_one_history_in_any_partitions_is_what_batch_says_in_value_and_count(window: Window, partitions: int) -> None:
    """One partition is read to its end before the next one has begun, so time stands still until the last of them."""
    chance = random.Random(partitions)
    history = [e(t, chance.choice("ab"), id=f"{t % 90}", n=1) for t in range(0, 900, 3)]
    history = sorted(history + chance.sample(history, 40), key=lambda event: event["ts"])
    plan = view(named, key="k", n=count().over(window, "1h"))
    placed = [(chance.randrange(partitions), event) for event in history]
    came = [event for place in range(partitions) for at, event in placed if at == place]
    expected, result = batch(plan, came), stream(plan, [*came, Watermark(10**9)])
    newest = {key: values for key, _, _, values in result.rows}
    assert newest == {key: values for key, _, _, values in expected.rows}
    assert result.counts == expected.counts and result.counts.duplicate == 40


def test_history_still_has_what_was_too_late() -> None:
    items = [e(20), e(5)]
    assert rows(batch(view(n=count().over("5ms")), items)) == [(5, 1), (10, 0), (20, 1), (25, 0)]


def test_when_the_watermark_passes_a_change_point_the_decayed_value_is_emitted() -> None:
    plan = view(n=count().over("5ms", "10ms"))
    assert emitted(stream(plan, [e(0), e(2), Watermark(4)])) == [(0, 1, 1, 1), (2, 2, 2, 2)]
    assert emitted(stream(plan, [e(0), e(2), Watermark(5)]))[2:] == [(5, 3, 1, 2)]
    assert emitted(stream(plan, [e(0), e(2), Watermark(1000)]))[2:] == [
        (5, 3, 1, 2), (7, 4, 0, 2), (10, 5, 0, 1), (12, 6, 0, 0),
    ]  # fmt: skip


def test_a_change_point_fires_once() -> None:
    plan = view(n=count().over("5ms"))
    assert emitted(stream(plan, [e(0), Watermark(5), Watermark(5), Watermark(4), Watermark(90)])) == [
        (0, 1, 1),
        (5, 2, 0),
    ]


def test_nothing_fires_before_or_at_the_keys_clock() -> None:
    plan = view(n=count().over("5ms"))
    assert emitted(stream(plan, [e(0), e(5), Watermark(5)])) == [(0, 1, 1), (5, 2, 1)]


def test_a_fired_change_point_moves_the_clock() -> None:
    plan = view(n=count().over("5ms", "20ms"))
    result = stream(plan, [e(0), Watermark(5), e(3), e(1)])
    assert emitted(result) == [(0, 1, 1, 1), (5, 2, 0, 1), (5, 3, 1, 2), (5, 4, 2, 3)]


def test_an_event_that_ended_before_a_fired_change_point_is_too_late() -> None:
    result = stream(view(n=count().over("5ms")), [e(2), Watermark(7), e(2), e(3)])
    assert emitted(result) == [(2, 1, 1), (7, 2, 0), (7, 3, 1)]
    assert result.counts.too_late == 1


def test_several_events_that_leave_together_are_one_change_point() -> None:
    plan = view(n=count().over(sliding("10ms", step="4ms")))
    assert emitted(stream(plan, [e(1), e(3), e(4), Watermark(99)])) == [(1, 1, 1), (3, 2, 2), (4, 3, 3), (14, 4, 0)]


def test_a_watermark_makes_no_row_for_a_lifetime() -> None:
    assert emitted(stream(view(n=count().over(lifetime())), [e(0), Watermark(10**12)])) == [(0, 1, 1)]


def test_the_watermark_passes_all_keys() -> None:
    result = stream(view(n=count().over("5ms")), [e(0, "b"), e(1, "a"), Watermark(6)])
    assert [(key, t) for key, t, _, _ in result.rows] == [(("b",), 0), (("a",), 1), (("a",), 6), (("b",), 5)]


def test_a_repeat_is_known_while_its_event_is_alive_in_any_window() -> None:
    plan = view(named, n=count().over("5ms", "20ms"))
    result = stream(plan, [e(0, id="p"), e(19, id="q"), e(0, id="p"), e(20, id="r"), Watermark(20), e(0, id="p")])
    assert emitted(result) == [(0, 1, 1, 1), (19, 2, 1, 2), (20, 3, 2, 2)]
    # the first repeat is told from a new event; the second is one that counts nowhere in any case
    assert (result.counts.duplicate, result.counts.too_late) == (1, 1)


def test_over_a_lifetime_repeats_are_known_for_the_lateness() -> None:
    plan = view(named, n=count().over(lifetime()))  # lateness is 100 ms
    items = [e(0, id="p"), e(100, id="q"), Watermark(100), e(0, id="p"), e(0, id="new"), e(101, id="r"), Watermark(101)]
    result = stream(plan, [*items, e(0, id="p")])
    assert emitted(result) == [(0, 1, 1), (100, 2, 2), (100, 3, 3), (101, 4, 4)]
    assert (result.counts.duplicate, result.counts.too_late) == (1, 1)


def test_later_than_the_lateness_is_too_late_for_a_lifetime_with_an_id_only() -> None:
    late = [e(101, id="p"), Watermark(101), e(1, id="q"), e(0, id="r")]
    assert emitted(stream(view(named, n=count().over(lifetime())), late)) == [(101, 1, 1), (101, 2, 2)]
    assert emitted(stream(view(n=count().over(lifetime())), late)) == [(101, 1, 1), (101, 2, 2), (101, 3, 3)]


def test_an_event_too_late_for_the_lifetime_still_enters_a_longer_window() -> None:
    plan = view(named, n=count().over("1h", lifetime()))
    result = stream(plan, [e(500, id="p"), Watermark(500), e(0, id="q"), e(0, id="q")])
    assert emitted(result) == [(500, 1, 1, 1), (500, 2, 2, 1)]
    assert (result.counts.applied, result.counts.duplicate, result.counts.too_late) == (2, 1, 0)


def test_every_event_is_in_one_class() -> None:
    bad = BadEvent("not json", "nonsense")
    items = [Watermark(49), e(50, id="p"), bad, e(50, id="p"), e(0, id="q"), e(50, None, id="r"), e(51, id="s")]
    result = stream(view(named, n=count().over("10ms")), items)
    counts = result.counts
    assert (counts.applied, counts.too_late, counts.duplicate, counts.dead) == (2, 1, 1, 2)
    assert counts.in_ == len(items) - 1
    assert [(index, reason.code, reason.view) for index, reason in result.dead] == [
        (2, "not json", None),
        (5, "missing key", "v"),
    ]


def test_on_input_in_order_the_last_row_of_a_time_is_the_batch_row() -> None:
    plan = view(n=count().over("5ms", lifetime()), x=mean(events.x).over("9ms"))
    items = [e(0, x=0.1), e(0, x=0.2), e(3, x=0.7), e(9), e(12, x=1.0)]
    watched = [item for event in items for item in (Watermark(event["ts"] - 1), event)] + [Watermark(99)]
    last_of = {t: values for t, _, *values in emitted(stream(plan, watched))}
    assert last_of == {t: values for t, *values in rows(batch(plan, items))}


def test_after_any_order_of_arrival_the_last_row_is_the_batch_row() -> None:
    plan = view(
        n=count().over("5ms", "50ms", lifetime()), x=last(events.x).over(lifetime()), m=mean(events.x).over("50ms")
    )
    items = [e(0, x=0.1), e(1, x=0.2), e(4, x=0.7), e(4, x=-3.0), e(9, x=1.0)]
    expected = rows(batch(plan, items))[-1]
    for order in itertools.permutations(items):
        t, _, *values = emitted(stream(plan, [*order, Watermark(1000)]))[-1]
        assert (t, *values) == expected


def test_what_has_not_arrived_by_the_watermark_is_seen_when_it_does() -> None:
    plan = view(n=count().over("50ms"))
    assert emitted(stream(plan, [e(0), Watermark(60), e(20)])) == [(0, 1, 1), (50, 2, 0), (50, 3, 1)]


def test_empty_input_gives_nothing() -> None:
    plan = view(n=count().over("5ms"))
    assert batch(plan, []).rows == stream(plan, []).rows == stream(plan, [Watermark(5)]).rows == []
    assert batch(plan, []).counts.in_ == 0


# --- section 6: classes ---------------------------------------------------------------------------------------

changing = Stream("changing", topic="e", time="ts", id="id", op="op", columns={**COLUMNS, "op": "string"})


def change(op: str | None, b: bool = True, n: int = 1) -> Row:
    """A version of one event."""
    return {**e(0, id="1", b=b, n=n), "op": op}


@pytest.mark.parametrize(
    ("items", "classes"),
    [
        ([change(None), change(None, b=False)], ["applied", "duplicate"]),
        ([change(None, b=False), change(None)], ["applied", "applied"]),
        ([change(None), change("delete"), change("delete")], ["applied", "applied", "duplicate"]),
        ([change("delete"), change(None)], ["applied", "duplicate"]),
        ([change(None), change("update", b=False), change("delete")], ["applied", "applied", "duplicate"]),
        ([change("delete"), change("update", b=False)], ["applied", "applied"]),
        ([change(None), change("delete", n=2**62)], ["applied", "applied"]),
        ([change(None, n=2**62), change("delete", n=2**62)], ["dead", "applied"]),
    ],
)
def test_the_class_of_an_event_that_changes(items: list[Row], classes: list[str]) -> None:
    plan = view(changing, filter=changing.b, n=count().over("1h"), most=max(changing.n * 2).over("1h"))
    for result in (stream(plan, items), batch(plan, items)):
        counted = {name: n for name in CLASSES if (n := getattr(result.counts, name))}
        assert counted == {name: classes.count(name) for name in CLASSES if name in classes}


def test_a_text_that_is_too_long_makes_its_event_bad_whatever_where_says() -> None:
    plan = view(s=last(events.s, where=events.b).over("1h"))
    (bad,) = batch(plan, [e(0, s="x" * 100_000, b=False)]).dead
    assert bad[1].code == "too long"
