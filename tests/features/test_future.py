"""Definitions of what comes after a request: a label, and never a feature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from penstock import (
    DefinitionError,
    Future,
    Model,
    Stream,
    View,
    calendar,
    count,
    decayed_sum,
    hopping,
    lifetime,
    mean,
    session,
    sliding,
    sum,
    union,
)
from penstock.features.plan import LabelPlan, ModelPlan

COLUMNS = dict(id="string", c="string", buyer="string", x="float64")
orders = Stream("orders", topic="orders", time="ts", id="id", columns=COLUMNS)
visits = Stream("visits", topic="visits", time="ts", columns=dict(c="string", x="float64"))
week = Future("week", orders, key="c", features=dict(n=count().over("7d", "1d"), spent=sum(orders.x).over("7d")))
past = View("past", orders, key="c", features=dict(n=count().over("7d")))


def model(**more: Any) -> ModelPlan:
    given = dict(on=orders, inputs=[orders.x, past], label=orders.x, output="answers")
    return Model("m", **{**given, **more}).model_plan


def label(plan: ModelPlan) -> LabelPlan:
    assert plan.label is not None
    return plan.label


def test_a_label_is_an_expression_over_aggregates_of_the_time_after() -> None:
    found = label(model(label=week.n_7d == 0, objective="binary"))
    assert (found.type, found.source, found.key, found.matures) == ("bool", "week", (("c", "c"),), True)
    assert found.view is not None and found.view.json == week.plan.json
    assert found.words == "of week: week.n_7d"
    assert label(model(label=week.at(c="buyer").spent_7d)).key == (("c", "buyer"),)


def test_the_fingerprint_covers_the_aggregates() -> None:
    one, two = (
        Future("f", orders, key="c", features=dict(n=count(where=orders.x > least).over("7d"))) for least in (1, 2)
    )
    plans = [model(label=one.n_7d), model(label=two.n_7d), model(label=one.at(c="buyer").n_7d), model(label=week.n_7d)]
    assert len({plan.fingerprint for plan in plans}) == 4


def test_a_union_has_a_future_too() -> None:
    both = union(orders, visits)
    later = Future("later", both, key="c", features=dict(x=mean(both.x).over("1h")))
    owner = Model("m", on=orders, inputs=[orders.x], label=later.x_1h, output="answers")
    assert owner.label_source is both


REASON = "is of the time after the request: nobody knows it when the request comes"


@pytest.mark.parametrize(
    "used",
    [
        lambda: model(inputs=[week]),
        lambda: model(inputs=[week.at(c="buyer")]),
        lambda: model(inputs=[week.n_7d]),
        lambda: model(derived=dict(more=past.n_7d + week.n_7d)),
        lambda: model(weight=week.n_7d),
        lambda: model(filter=week.n_7d > 0),
        lambda: model(objective="ranking", label=orders.x > 1, group=week.n_7d),
        lambda: View("v", orders, key="c", features=dict(n=sum(week.n_7d).over("1h"))),
        lambda: View("v", orders, key="c", filter=week.n_7d > 0, features=dict(n=count().over("1h"))),
        lambda: View("v", orders, key="c", features=dict(n=count(where=week.n_7d > 0).over("1h"))),
        lambda: Future("v", orders, key="c", features=dict(n=sum(week.n_7d).over("1h"))),
    ],
)
def test_what_comes_after_a_request_is_no_feature(used: Callable[[], object]) -> None:
    with pytest.raises(DefinitionError, match=REASON):
        used()


@pytest.mark.parametrize(
    ("used", "what"),
    [
        (lambda: model(label=past.n_7d), "is of past, which is of the time before the request"),
        (lambda: model(label=past.n_7d + week.n_7d), "reads more than one thing"),
        (lambda: model(label=week.n_7d + week.at(c="buyer").n_7d), "reads more than one thing"),
        (lambda: model(label=week.spent_7d / orders.x), "reads more than one thing"),
        (lambda: model(label=week.n_7d, maturity="7d"), "whose windows say when it has matured"),
        (lambda: model(label=week.at(c="x").n_7d), "week is looked up by x, which is float64"),
        (lambda: model(label=week.spent_7d, objective="binary", group=orders.c), "group= with objective 'binary'"),
        (lambda: model(label=week), "label= is not a column"),
        (lambda: model(label=count().over("7d")), "label= is not a column"),
        (lambda: View("v", week, key="c", features=dict(n=count().over("1h"))), "is not a stream"),  # type: ignore[arg-type]
    ],
)
def test_labels_that_are_none(used: Callable[[], object], what: str) -> None:
    with pytest.raises(DefinitionError, match=what):
        used()


def test_an_aggregate_alone_is_told_where_it_belongs() -> None:
    with pytest.raises(DefinitionError) as raised:
        model(label=count().over("7d"))
    assert raised.value.hint == "name it in a Future(…, features=dict(name=aggregate)): label=future.name_7d"


@pytest.mark.parametrize(
    "window",
    [
        lifetime(),
        calendar("1d"),
        session("30m"),
        hopping("1h", step="5m"),
        sliding("1h", step="5m"),
        sliding("1h", delay="5m"),
    ],
)
def test_only_a_length_of_time_says_what_comes_after_a_request(window: Any) -> None:
    with pytest.raises(DefinitionError, match="which is no length of time after a request"):
        Future("f", orders, key="c", features=dict(n=count().over(window)))


def test_nothing_that_decays_is_of_the_time_after() -> None:
    with pytest.raises(DefinitionError, match="weighs an event by its age"):
        Future("f", orders, key="c", features=dict(n=decayed_sum(orders.x, "1h").over("2h")))
