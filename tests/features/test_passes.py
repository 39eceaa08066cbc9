from dataclasses import fields

from penstock import Stream, View, column, count, decayed_sum, last, lifetime, max, mean, sliding, std, sum
from penstock.features.aggregates import Latest
from penstock.features.feature import Feature
from penstock.features.passes import (
    PASSES,
    Draft,
    expand_windows,
    number_features,
    plan_view,
    share_args,
    share_wheres,
    share_windows,
)

orders = Stream(
    "orders", topic="orders", time="ts",
    columns=dict(k="string", n="int64", x="float64", cents=column("float64", places=2), b="bool", s="string"),
)  # fmt: skip


def draft(kind: str = "view", **features: Feature) -> Draft:
    return expand_windows(Draft(kind, "v", features))


def test_each_aggregate_and_window_is_one_feature_in_the_order_of_writing() -> None:
    singles = draft(a=count().over("1h", "5m"), b=max(orders.x).over(lifetime())).singles
    assert [(name, window.name) for name, _, window in singles] == [
        ("a_1h", "1h"),
        ("a_5m", "5m"),
        ("b_lifetime", "lifetime"),
    ]


def test_the_columns_of_a_table_keep_their_names() -> None:
    singles = draft("table", rain=Feature(Latest(), orders.x, None, (lifetime(),))).singles
    assert [name for name, _, _ in singles] == ["rain"]


def test_equal_windows_are_shared_and_unlike_ones_are_not() -> None:
    month = sliding("30d", step="1h")
    features = dict(a=count().over("1h", month), b=count().over(month, "30d"), c=count().over("1h"))
    assert share_windows(draft(**features)).windows == (sliding("1h"), month, sliding("30d"))


def test_the_same_length_written_otherwise_is_another_window() -> None:
    windows = share_windows(draft(a=count().over("60m", "1h"))).windows
    assert [(window.name, window.size_ms) for window in windows] == [("60m", 3_600_000), ("1h", 3_600_000)]


def test_what_decays_has_a_window_for_each_half_life_and_shares_them() -> None:
    decayed = dict(d=decayed_sum(orders.x, "1h").over("3h"), n=count().over("2h", "5m"))
    plan = View("v", orders, key="k", features=decayed).plan
    assert [window.name for window in plan.windows] == ["1h", "2h", "3h", "5m"]
    assert [(f.name, f.window, f.ages) for f in plan.features] == [
        ("d_3h", 2, (0, 1, 2)),
        ("n_2h", 1, ()),
        ("n_5m", 3, ()),
    ]


def test_equal_conditions_are_shared_wherever_they_were_written() -> None:
    one, same, other = orders.n > 1, orders.n > 1, orders.n > 2
    features = {name: count(where=where).over("1h") for name, where in dict(a=one, b=same, c=other).items()}
    assert [w.to_json() for w in share_wheres(draft(**features)).wheres] == [one.to_json(), other.to_json()]


def test_equal_arguments_are_shared_with_the_places_that_their_sums_keep() -> None:
    features = dict(a=mean(orders.x).over("1h"), b=max(orders.x).over("1h"), c=last(orders.s).over("1h"))
    features |= dict(d=sum(orders.n).over("1h"), e=max(orders.cents).over("1h"), f=std(orders.cents * 2).over("1h"))
    args = share_args(draft(**features)).args
    assert [(arg.expr.to_json().get("name"), arg.type, arg.places) for arg in args] == [
        ("x", "float64", 6),
        ("s", "string", None),
        ("n", "int64", 0),
        ("cents", "float64", None),
        (None, "float64", 2),
    ]


def test_a_sum_without_float_columns_keeps_six_places() -> None:
    args = share_args(draft(a=mean(orders.n / 3).over("1h"), b=sum(orders.n * 0.5).over("1h"))).args
    assert [arg.places for arg in args] == [6, 6]


def test_features_refer_to_the_shared_parts_by_place() -> None:
    features = dict(
        late=count(where=orders.b).over("1h", "5m"),
        x=mean(orders.x, where=orders.b).over("5m"),
        s=last(orders.s, where=orders.n > 1).over("1h"),
    )
    shared = share_args(share_wheres(share_windows(draft(**features))))
    planned = number_features(shared).planned
    assert [(f.name, f.aggregate.name, f.arg, f.where, f.window, f.type) for f in planned] == [
        ("late_1h", "count", None, 0, 0, "int64"),
        ("late_5m", "count", None, 0, 1, "int64"),
        ("x_5m", "mean", 0, 0, 1, "float64"),
        ("s_1h", "last", 1, 1, 0, "string"),
    ]


def test_a_pass_gives_a_new_draft_and_leaves_the_old_one() -> None:
    before = Draft("view", "v", dict(a=mean(orders.x, where=orders.b).over("1h")))
    made = before
    for step in PASSES:
        after = step(made)
        assert _known(made) <= _known(after)
        made = after
    assert _known(before) == {"kind", "name", "features"}
    assert _known(made) == {field.name for field in fields(Draft)}


def _known(draft: Draft) -> set[str]:
    return {field.name for field in fields(draft) if getattr(draft, field.name) != ()}


def test_the_passes_make_what_the_view_holds() -> None:
    features = dict(a=mean(orders.x, where=orders.b).over("1h"))
    plan = plan_view("view", "v", orders.source_plan, ("k",), orders.n > 0, features)
    assert plan.json == View("v", orders, key="k", filter=orders.n > 0, features=features).plan.json
