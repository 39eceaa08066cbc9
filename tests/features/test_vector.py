"""Vectors against the oracle, to the bit."""

from __future__ import annotations

import dataclasses
import functools
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock import Model, Stream, View, coalesce, concat, count, mean, when
from penstock.features.expressions import INT64_MAX, INT64_MIN, Expr, literal, operate
from penstock.features.ingest import TIME_MAX, TIME_MIN, BadEvent
from penstock.features.oracle import evaluate as oracle
from penstock.features.types import TYPES
from penstock.features.vector import Values, evaluate, leaf_names, vectors

#: 3037000499 is the greatest integer whose square fits int64.
MIDDLE = [0, 1, 2, 3037000499, 3037000500, 2**31, 2**32]
ENDS = [INT64_MIN, INT64_MIN + 1, *MIDDLE, *(-x for x in MIDDLE), INT64_MAX - 1, INT64_MAX]
INTS = st.one_of(st.integers(INT64_MIN, INT64_MAX), st.integers(-3, 3), st.sampled_from(ENDS))
FLOATS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, 1.0, -1.0, 1.7976931348623157e308, -1.7976931348623157e308, 5e-324, 2.0**53]),
    st.sampled_from([0.5, -0.5, 2.5, 709.0, -745.5, 2.0**52 - 0.5, 2.0**63, -(2.0**63), 9.2e18]),
).map(lambda x: x + 0.0)
TEXT = st.text(alphabet="aZ\uffff\U0001f600éß", max_size=3) | st.from_regex(
    r"-?[0-9]{1,20}(\.[0-9]+)?(e-?[0-9]{1,3})?[ \n]?", fullmatch=True
)
#: The ends of the table of a zone, and the hours around its changes, are met too.
TIMES = st.one_of(
    st.integers(TIME_MIN, TIME_MAX),
    st.sampled_from([TIME_MIN, TIME_MAX, 4_102_444_799_999, 4_102_444_800_000, -1]),
    st.integers(-4, 4).map(lambda hours: 1_362_898_800_000 + hours * 1_800_000),
)
ZONES = ("UTC", "America/New_York", "Asia/Kathmandu", "Etc/GMT+5")
SAMPLES: dict[str, st.SearchStrategy[Any]] = {
    "int64": INTS,
    "timestamp": TIMES,
    "float64": FLOATS,
    "bool": st.booleans(),
    "string": TEXT,
}
LITERALS = {type: SAMPLES[type].map(literal) for type in TYPES if type != "timestamp"}
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")


def leaf(type: str) -> st.SearchStrategy[Expr]:
    columns = st.sampled_from([Expr("column", type, name=f"{type}_{i}") for i in range(2)])
    features = st.sampled_from([Expr("feature", type, name=f"view.{type}_{i}") for i in range(2)])
    return st.one_of(columns, features, LITERALS[type]) if type in LITERALS else st.one_of(columns, features)


@functools.cache
def tree(type: str, depth: int) -> st.SearchStrategy[Expr]:
    """Any expression of a type."""
    if depth == 0:
        return leaf(type)
    same = tree(type, depth - 1)
    ways = [leaf(type), st.lists(same, min_size=2, max_size=3).map(lambda args: coalesce(*args))]
    conditions = tree("bool", depth - 1)
    ways.append(st.tuples(conditions, same, same).map(lambda p: when(p[0]).then(p[1]).otherwise(p[2])))
    ways.append(
        st.tuples(conditions, conditions, same).map(
            lambda p: when(p[0]).then(None).when(p[1]).then(p[2]).otherwise(None)
        )
    )
    if type in ("int64", "float64"):
        ways.append(same.map(lambda a: a.abs()))
        ways.append(st.tuples(st.sampled_from(["add", "subtract", "multiply"]), same, same).map(node))
        ways.append(same.map(lambda a: -a))
    if type == "float64":
        numbers = st.one_of(same, tree("int64", depth - 1))
        ways += [st.tuples(st.just("divide"), numbers, numbers).map(node)]
        others = st.sampled_from(["int64", "bool", "string"]).flatmap(lambda other: tree(other, depth - 1))
        ways += [others.map(lambda a: a.cast("float64"))]
        ways += [st.tuples(st.sampled_from(["round", "floor", "ceil"]), same).map(node)]
        ways += [st.tuples(st.sampled_from(["sqrt", "log", "exp"]), numbers).map(node)]
    if type == "int64":
        times = tree("timestamp", depth - 1)
        ways.append(st.tuples(st.just("subtract"), times, times).map(node))
        ways.append(st.tuples(st.sampled_from(["floor_divide", "modulo"]), same, same).map(node))
        clocks = st.sampled_from([Expr.hour, Expr.weekday, Expr.month])
        ways.append(st.tuples(clocks, times, st.sampled_from(ZONES)).map(lambda p: p[0](p[1], p[2])))
        ways.append(tree("string", depth - 1).map(lambda s: s.length()))
        others = st.sampled_from(["float64", "bool", "string", "timestamp"]).flatmap(lambda o: tree(o, depth - 1))
        ways.append(others.map(lambda a: a.cast("int64")))
    if type == "timestamp":
        ways.append(tree("int64", depth - 1).map(lambda a: a.cast("timestamp")))
    if type == "string":
        ways.append(st.tuples(st.sampled_from(["lower", "upper"]), same).map(node))
        ways.append(st.lists(same, min_size=2, max_size=3).map(lambda args: concat(*args)))
        places = tree("int64", depth - 1) | st.integers(0, 3).map(literal)
        ways.append(st.tuples(st.just("substring"), same, places, places).map(node))
        ways.append(tree("int64", depth - 1).map(lambda a: a.cast("string")))
    if type == "bool":
        ways += [st.tuples(st.sampled_from(["and", "or"]), same, same).map(node), same.map(lambda a: ~a)]
        texts = tree("string", depth - 1)
        ways.append(st.tuples(st.sampled_from(["contains", "starts_with"]), texts, texts).map(node))
        for other in TYPES:
            operand = tree(other, depth - 1)
            ways.append(st.tuples(st.sampled_from(COMPARISONS), operand, operand).map(node))
            ways.append(operand.map(lambda a: a.is_null()))
    return st.one_of(ways)


def node(parts: tuple[Any, ...]) -> Expr:
    return operate(parts[0], *parts[1:])


def names() -> dict[str, str]:
    """Leaf → type."""
    return {f"{prefix}{type}_{i}": type for type in TYPES for i in range(2) for prefix in ("", "view.")}


ROW = st.fixed_dictionaries({name: st.one_of(st.none(), SAMPLES[type]) for name, type in names().items()})
#: Each example draws a whole tree; the rows of one example share it.
EXAMPLES = settings(max_examples=300, deadline=None)


def as_columns(expr: Expr) -> Expr:
    """The oracle knows columns only."""
    if expr.op == "feature":
        return Expr("column", expr.type, name=expr.name)
    return dataclasses.replace(expr, args=tuple(as_columns(arg) for arg in expr.args))


def expected(expr: Expr, row: dict[str, Any]) -> Any:
    try:
        return oracle(as_columns(expr), row)
    except BadEvent as bad:
        return bad.code


def bits(value: Any) -> Any:
    return (type(value), struct.pack("<d", value)) if isinstance(value, float) else (type(value), value)


def columns_of(rows: list[dict[str, Any]]) -> dict[str, Values]:
    return {name: Values.of(type, [row[name] for row in rows]) for name, type in names().items()}


@EXAMPLES
@given(expr=st.sampled_from(TYPES).flatmap(lambda type: tree(type, 3)), rows=st.lists(ROW, max_size=6))
def test_any_expression_has_the_oracles_values_to_the_bit(expr: Expr, rows: list[dict[str, Any]]) -> None:
    values, lost = evaluate(expr, columns_of(rows), len(rows))
    assert values.type == expr.type
    found = ["overflow" if bad else value for bad, value in zip(lost.tolist(), values.tolist(), strict=True)]
    assert [bits(value) for value in found] == [bits(expected(expr, row)) for row in rows]


@EXAMPLES
@given(op=st.sampled_from(["add", "subtract", "multiply"]), a=INTS, b=INTS)
def test_integers_at_their_ends_overflow_exactly_where_the_oracle_says(op: str, a: int, b: int) -> None:
    expr = operate(op, Expr("column", "int64", name="a"), Expr("column", "int64", name="b"))
    values, lost = evaluate(expr, {"a": Values.of("int64", [a]), "b": Values.of("int64", [b])}, 1)
    assert ("overflow" if lost[0] else values.tolist()[0]) == expected(expr, {"a": a, "b": b})


def test_every_pair_of_extreme_integers_multiplies_as_the_oracle_says() -> None:
    pairs = [(a, b) for a in ENDS for b in ENDS]
    expr = operate("multiply", Expr("column", "int64", name="a"), Expr("column", "int64", name="b"))
    columns = {"a": Values.of("int64", [a for a, _ in pairs]), "b": Values.of("int64", [b for _, b in pairs])}
    values, lost = evaluate(expr, columns, len(pairs))
    found = ["overflow" if bad else value for bad, value in zip(lost.tolist(), values.tolist(), strict=True)]
    assert found == [expected(expr, {"a": a, "b": b}) for a, b in pairs]


def test_an_overflow_that_coalesce_never_takes_still_marks_its_row() -> None:
    x = Expr("column", "int64", name="x")
    _, lost = evaluate(coalesce(1, x + 1), {"x": Values.of("int64", [INT64_MAX, 5, None])}, 3)
    assert lost.tolist() == [True, False, False]


def test_what_lies_under_a_null_does_not_matter() -> None:
    null = np.array([True])
    x = Values("int64", np.array([INT64_MAX]), null)
    values, lost = evaluate(Expr("column", "int64", name="x") + 1, {"x": x}, 1)
    assert values.tolist() == [None] and not lost[0]


def test_division_by_zero_and_results_beyond_float64_are_null_and_zero_has_no_sign() -> None:
    x, y = Expr("column", "float64", name="x"), Expr("column", "float64", name="y")
    columns = {
        "x": Values.of("float64", [1.0, 0.0, 1e308, -1e-320]),
        "y": Values.of("float64", [0.0, 0.0, 1e-10, 1e308]),
    }
    values, _ = evaluate(x / y, columns, 4)
    assert values.tolist() == [None, None, None, 0.0]
    assert not np.signbit(values.values[3])


def test_values_come_back_as_they_went_in() -> None:
    for type, items in {
        "int64": [INT64_MIN, None, INT64_MAX],
        "timestamp": [None, 0],
        "float64": [5e-324, None],
        "bool": [True, None, False],
        "string": ["a", None, ""],
    }.items():
        values = Values.of(type, items)
        assert values.tolist() == items
        assert len(values) == len(items)
        assert Values.of(type, []).tolist() == []


@pytest.fixture
def model() -> Model:
    orders = Stream(
        "orders",
        topic="orders",
        time="ts",
        id="id",
        columns={"id": "string", "shop": "string", "n": "int64", "x": "float64"},
    )
    shops = View("shops", orders, key="shop", features={"orders": count().over("1h"), "x": mean(orders.x).over("1h")})
    derived = {"ratio": shops.orders_1h / orders.n, "more": orders.n + 1, "known": coalesce(shops.x_1h, 0.0)}
    return Model("m", on=orders, inputs=[orders.n, shops], derived=derived, output="predictions.m")


def test_a_models_vector_has_columns_features_and_derived_in_order(model: Model) -> None:
    leaves = {
        "n": Values.of("int64", [2, INT64_MAX]),
        "shops.orders_1h": Values.of("int64", [5, 0]),
        "shops.x_1h": Values.of("float64", [None, 2.5]),
    }
    found = vectors(model.model_plan, leaves, 2)
    assert list(found.columns) == ["n", "shops.orders_1h", "shops.x_1h", "ratio", "more", "known"]
    assert found.columns["ratio"].tolist()[0] == 2.5
    assert found.columns["known"].tolist() == [0.0, 2.5]
    assert {name: lost.tolist() for name, lost in found.overflow.items()} == {"more": [False, True]}


def test_the_leaves_of_a_model_are_named_once(model: Model) -> None:
    assert leaf_names(model.model_plan, "column") == ["n"]
    assert leaf_names(model.model_plan, "feature") == ["shops.orders_1h", "shops.x_1h"]


def test_derived_features_have_the_whole_language_and_keep_it_in_text() -> None:
    orders = Stream("orders", topic="orders", time="ts", id="id", columns={"id": "string", "n": "int64", "s": "string"})
    derived = {
        "hour": orders.ts.hour("Europe/Paris"),
        "size": when(orders.n > 9).then("big").otherwise(orders.s.lower()),
        "log": (orders.n + 1).log(),
    }
    model = Model("m", on=orders, inputs=[orders.n], derived=derived, output="predictions.m")
    plan = model.model_plan
    for item in plan.vector:
        assert Expr.from_json(item.expr.to_json()).to_json() == item.expr.to_json()
    leaves = {
        "n": Values.of("int64", [10, 0]),
        "s": Values.of("string", ["A", "B"]),
        "ts": Values.of("timestamp", [0, 1_372_629_600_000]),
    }
    found = vectors(plan, leaves, 2).columns
    assert found["hour"].tolist() == [1, 0]
    assert found["size"].tolist() == ["big", "b"]
    assert found["log"].tolist() == [2.3978952727983707, 0.0]


def test_no_rows_give_no_vectors(model: Model) -> None:
    types = {"n": "int64", "shops.orders_1h": "int64", "shops.x_1h": "float64"}
    leaves = {name: Values.of(type, []) for name, type in types.items()}
    assert {len(column) for column in vectors(model.model_plan, leaves, 0).columns.values()} == {0}
