"""A wrong file is read to its end: every mistake once, and none that only follows from another."""

from pathlib import Path

import pytest

from penstock.features.mistakes import read_to_the_end
from tests.features.written import HEAD


def found(folder: Path, text: str) -> list[tuple[str, int]]:
    """What is wrong with a definitions file of HEAD and ``text``: the words, and the line counted from HEAD's end."""
    file = folder / "definitions.py"
    file.write_text(HEAD + text)
    _, mistakes = read_to_the_end(file)
    lines = HEAD.count("\n")
    places = [str(mistake.where).rpartition(":") for mistake in mistakes]
    assert all(place[0] == str(file) for place in places)
    return [(mistake.what, int(place[2]) - lines) for mistake, place in zip(mistakes, places, strict=True)]


def test_a_right_file_has_none(tmp_path: Path) -> None:
    assert found(tmp_path, "def f(x):\n    return x\n\n\nfor i in range(2):\n    f(i)\n") == []


def test_statements_fail_one_by_one(tmp_path: Path) -> None:
    assert found(tmp_path, "a = orders.amuont\nb = sliding('1w')\n1 / 0\n") == [
        ("orders has no 'amuont'", 1),
        ("'1w' is not a duration", 2),
        ("ZeroDivisionError: division by zero", 3),
    ]


def test_what_depends_on_a_mistake_is_no_new_one(tmp_path: Path) -> None:
    text = """late = orders.amuont > 5
view = View("v", orders, key="customer", features=dict(n=count(where=late).over("1h")))
model = Model("m", on=orders, inputs=[view], output="answers")
def shares(x):
    return x / late
many = [shares(orders.amount) for _ in range(3)]
a, (b, *c) = late, (1, 2)
with_b = b + 1
"""
    assert found(tmp_path, text) == [("orders has no 'amuont'", 1)]


def test_a_function_that_was_made_before_its_name_was_lost(tmp_path: Path) -> None:
    assert found(tmp_path, "def f():\n    return x\n\n\nx = orders.no\ny = f()\n") == [("orders has no 'no'", 5)]


def test_a_name_made_anew_is_a_name_again(tmp_path: Path) -> None:
    assert found(tmp_path, "x = orders.no\nx = orders.amount\ny = x.nothing\n")[1:] == [
        ("an expression has no 'nothing'", 3)
    ]


def test_features_of_one_view_fail_one_by_one_and_the_rest_is_checked_without_them(tmp_path: Path) -> None:
    text = """view = View(
    "a view", orders, key="custmer", filter=orders.payd,
    features=dict(
        a=mean(orders.amuont).over("1h"),
        b=mean(orders.customer).over("1h"),
        c=count().over("1x", "2y"),
        d=max(orders.amount),
        e=max(returns.refund).over("1h"),
        f=count().over("1h")))
"""
    assert found(tmp_path, text) == [
        ("orders has no 'payd'", 2),
        ("orders has no 'amuont'", 4),
        ("mean does not take string", 5),
        ("'1x' is not a duration", 6),
        ("'2y' is not a duration", 6),
        ("'a view' cannot name a view", 1),
        ("orders (its key) has no 'custmer'", 1),
        ("d has no window", 7),
        ("e uses refund, which is not a column of orders", 8),
    ]


def test_a_view_left_without_features_is_not_asked_for_some(tmp_path: Path) -> None:
    text = "view = View('v', orders, key='customer', features=dict(a=mean(orders.no).over('1h')))\n"
    assert found(tmp_path, text) == [("orders has no 'no'", 1)]


def test_a_stream_tells_all_at_once(tmp_path: Path) -> None:
    text = "s = Stream('a b', topic='c d', time='ts', lateness='1w', disorder='-1s', columns=dict(x='flt', y='txt'))\n"
    assert [what for what, _ in found(tmp_path, text)] == [
        "'a b' cannot name a source",
        "'c d' cannot be a topic",
        "'flt' is not a column type",
        "'txt' is not a column type",
        "'1w' is not a duration",
        "'-1s' is not a duration",
    ]


def test_a_model_tells_all_at_once(tmp_path: Path) -> None:
    text = """model = Model("m m", on=orders, output="a b", label=returns.reason, inputs=[
    orders.no, weather, by_customer.orders_2h, returns.refund], derived=dict(x=orders.amount, y=5))
"""
    assert found(tmp_path, text) == [
        ("orders has no 'no'", 2),
        ("by_customer has no 'orders_2h'", 2),
        ("'m m' cannot name a model", 1),
        ("'a b' cannot be an output", 1),
        ("refund is not a column of orders, the request stream", 1),
        ("y is not an expression", 1),
        ("orders (to look up weather by city) has no 'city'", 1),
        ("the label reason is string", 1),
    ]


def test_a_wrong_import_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    file = tmp_path / "definitions.py"
    file.write_text("from penstock import Stream, meen\n\nm = meen(1)\ns = Stream('s', columns={}, time='ts')\n")
    _, mistakes = read_to_the_end(file)
    assert [mistake.what.split(" (")[0] for mistake in mistakes] == [
        "ImportError: cannot import name 'meen' from 'penstock'",
        "s has no data",
    ]
    assert mistakes[0].hint == "did you mean 'mean'?"


@pytest.mark.parametrize("text", ["x = (\n", "x = 1\n  y = 2\n"])
def test_a_file_that_is_no_python_has_one(tmp_path: Path, text: str) -> None:
    assert len(found(tmp_path, text)) == 1


def test_an_expression_in_a_comprehension_is_one_place(tmp_path: Path) -> None:
    text = "views = [View(n, orders, key='x', features=dict(n=count().over('1h'))) for n in ('a', 'b')]\n"
    assert found(tmp_path, text) == [("orders (its key) has no 'x'", 1)]


def test_displays_of_every_kind_are_looked_into(tmp_path: Path) -> None:
    text = "a = [orders.b, *[orders.c], {'x': orders.d, **{'y': orders.e}}, (orders.f, {orders.g}), -orders.h]\n"
    assert [what[-2] for what, _ in found(tmp_path, text)] == list("bcdefgh")


def test_each_expression_is_evaluated_once_whatever_fails_around_it(tmp_path: Path) -> None:
    text = """calls = []
def called(x):
    calls.append(x)
    return x
v = View("v", orders, key=called("customer"), filter=called(orders.no), features=dict(
    a=count(where=called(orders.paid)).over("1x"), b=called(count()).over("1h")))
assert calls[0] == "customer" and len(calls) == 3, calls
"""
    assert [what for what, _ in found(tmp_path, text)] == ["orders has no 'no'", "'1x' is not a duration"]


def test_a_file_means_what_python_says(tmp_path: Path) -> None:
    file = tmp_path / "definitions.py"
    file.write_text(
        """'''A docstring.'''
from __future__ import annotations
from dataclasses import dataclass

@dataclass
class Shop:
    name: Nothing
    size: int = 1

a, *b = [1, *range(3)]
c = d = {"x": a, **{"y": b}}["y"][0:2]
e: int = (f := 5) + f
g = [Shop(n).name for n in "ab"] + list(x for x in "c")
h = 1 < 2 < 3 or 1 / 0
i = (lambda *args, **named: (args, named))(*b, k=1, **{"l": 2})
j = -a if not b else f"{b[0]}{e:>3}"
k = 1"""
        + " + 1" * 900
        + "\n"
    )
    names, mistakes = read_to_the_end(file)
    assert not mistakes
    assert names["__doc__"] == "A docstring."
    assert [names[name] for name in "abcdefghijk"] == [
        1, [0, 1, 2], [0, 1], [0, 1], 10, 5, ["a", "b", "c"], True, ((0, 1, 2), {"k": 1, "l": 2}), "0 10", 901,
    ]  # fmt: skip
