from enum import IntEnum, StrEnum
from pathlib import Path

import numpy as np
import pytest

from penstock import Stream, coalesce, column, concat, literal, when
from penstock.features.errors import DefinitionError
from penstock.features.expressions import INT64_MAX, INT64_MIN, Expr, operate
from penstock.features.operators import OPERATORS
from tests.features.written import refused

orders = Stream(
    "orders", topic="orders", time="ts",
    columns=dict(f="float64", g=column("float64", places=2), h=column("float64", places=8), i="int64", j="int64",
                 s="string", b="bool", due="timestamp", name="string", id="string"),
)  # fmt: skip
f, g, h, i, j, s, b, ts = (orders[name] for name in ("f", "g", "h", "i", "j", "s", "b", "ts"))


@pytest.mark.parametrize(
    ("expr", "op", "type"),
    [
        (f + f, "add", "float64"), (i + j, "add", "int64"), (i - j, "subtract", "int64"), (i * j, "multiply", "int64"),
        (i / j, "divide", "float64"), (f / i, "divide", "float64"), (-i, "negate", "int64"), (-f, "negate", "float64"),
        (ts - orders.due, "subtract", "int64"), (i == j, "eq", "bool"), (s != "x", "ne", "bool"), (f < 1, "lt", "bool"),
        (ts <= orders.due, "le", "bool"), (b > False, "gt", "bool"), (s >= s, "ge", "bool"), (b & b, "and", "bool"),
        (b | (i > 1), "or", "bool"), (~b, "not", "bool"), (s.is_null(), "is_null", "bool"),
        (coalesce(s, "none"), "coalesce", "string"), (coalesce(i, j, 0), "coalesce", "int64"),
        (1 + i, "add", "int64"), (1.5 - f, "subtract", "float64"), (2 * f, "multiply", "float64"),
        (1 / i, "divide", "float64"), (True & b, "and", "bool"), (False | b, "or", "bool"),
        (i // 2, "floor_divide", "int64"), (7 // i, "floor_divide", "int64"), (i % 2, "modulo", "int64"),
        (7 % i, "modulo", "int64"), (i.abs(), "abs", "int64"), (f.abs(), "abs", "float64"),
        (f.round(), "round", "float64"),
        (f.floor(), "floor", "float64"), (f.ceil(), "ceil", "float64"), (f.sqrt(), "sqrt", "float64"),
        (i.sqrt(), "sqrt", "float64"), (i.log(), "log", "float64"), (f.exp(), "exp", "float64"),
        (s.lower(), "lower", "string"), (s.upper(), "upper", "string"), (s.length(), "length", "int64"),
        (s.contains("x"), "contains", "bool"), (s.starts_with(s), "starts_with", "bool"),
        (concat("a", s, s), "concat", "string"),
        (s.substring(0, i), "substring", "string"), (ts.hour(), "hour", "int64"),
        (ts.weekday("UTC"), "weekday", "int64"),
        (ts.month("Europe/Paris"), "month", "int64"), (ts.hour("Europe/Paris").args[0], "local", "timestamp"),
        (when(b).then(i).otherwise(0.5), "when", "float64"), (f.cast("int64"), "to_int64", "int64"),
        (b.cast("float64"), "to_float64", "float64"), (i.cast("string"), "to_string", "string"),
        (i.cast("timestamp"), "to_timestamp", "timestamp"),
    ],
)  # fmt: skip
def test_operators_give_typed_nodes(expr: Expr, op: str, type: str) -> None:
    assert (expr.op, expr.type) == (op, type)


def test_every_operator_has_been_met() -> None:
    met = test_operators_give_typed_nodes.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {op for _, op, _ in met} == set(OPERATORS)


def test_mixed_numbers_are_promoted_when_written() -> None:
    assert (i + f).to_json()["args"][0] == {
        "op": "to_float64", "type": "float64", "args": [{"op": "column", "name": "i", "type": "int64"}],
    }  # fmt: skip
    assert (f > 15).to_json()["args"][1] == {"op": "literal", "value": 15.0, "type": "float64"}
    assert [arg["op"] for arg in (i / j).to_json()["args"]] == ["to_float64", "to_float64"]
    assert [arg["op"] for arg in coalesce(i, 0.5).to_json()["args"]] == ["to_float64", "literal"]


def test_an_expression_keeps_the_most_places_of_its_columns() -> None:
    assert [expr.places for expr in (f, g, h)] == [6, 2, 8]
    assert (g + h).places == 8
    assert (g * 1.5).places == 2
    assert coalesce(g, 0.125).places == 2
    assert (-(g - i)).places == 2
    assert (g / f).places == 6


def test_an_expression_without_float_columns_says_nothing_of_places() -> None:
    assert (i / 2).places is None
    assert (i + j).places is None
    assert (g > h).places is None


@pytest.mark.parametrize(
    ("value", "type"),
    [(True, "bool"), (1, "int64"), (INT64_MIN, "int64"), (INT64_MAX, "int64"), (1.5, "float64"), ("é", "string")],
)
def test_constants_have_the_types_of_python(value: object, type: str) -> None:
    assert (literal(value).value, literal(value).type) == (value, type)


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "plain"),
    [(Colour.RED, "red"), (IntEnum("Size", "S M").M, 2), (np.float64(0.5), 0.5), (np.str_("x"), "x")],
)
def test_a_constant_of_a_subclass_becomes_plain(value: object, plain: object) -> None:
    found = literal(value).value
    assert (found, type(found)) == (plain, type(plain))


def test_minus_zero_is_zero() -> None:
    assert str(literal(-0.0).value) == "0.0"


@pytest.mark.parametrize(
    "value", [None, INT64_MAX + 1, INT64_MIN - 1, float("nan"), float("inf"), b"x", [1], "\ud800", "a\0"]
)
def test_what_is_no_value_is_no_constant(value: object) -> None:
    with pytest.raises(DefinitionError, match="cannot stand in an expression") as refusal:
        literal(value)
    assert refusal.value.allowed == "columns, int64, finite float, str, bool"
    assert refusal.value.hint == ("use x.is_null() to ask for null" if value is None else None)


@pytest.mark.parametrize(
    ("text", "what", "allowed"),
    [
        ("orders.customer + 1", "+ does not take string and int64", "two numbers"),
        ("orders.customer + 'x'", "+ does not take string and string", "two numbers"),
        ("orders.paid * 2", "* does not take bool and int64", "two numbers"),
        ("-orders.customer", "- does not take string", "a number"),
        ("orders.ts - 1", "- does not take timestamp and int64", "two numbers, or two timestamps"),
        ("orders.ts + orders.due", "+ does not take timestamp and timestamp", "two numbers"),
        ("orders.ts / orders.due", "/ does not take timestamp and timestamp", "two numbers"),
        ("orders.customer == 1", "== does not take string and int64", "two values of one type"),
        ("orders.ts > 1356998400000", "> does not take timestamp and int64", "two values of one type"),
        ("orders.paid & orders.pieces", "& does not take bool and int64", "two bools"),
        ("1 | orders.paid", "| does not take int64 and bool", "two bools"),
        ("~orders.pieces", "~ does not take int64", "a bool"),
        ("coalesce(orders.customer)", "coalesce does not take string", "two or more values of one type"),
        ("coalesce(orders.customer, 0)", "coalesce does not take string and int64", "two or more values of one type"),
        ("orders.pieces // 0.5", "// does not take int64 and float64", "two int64"),
        ("orders.pieces.round()", "round does not take int64", "a float64"),
        ("orders.customer.contains(1)", "contains does not take string and int64", "two strings"),
        ("concat(orders.customer)", "concat does not take string", "two or more strings"),
        (
            "orders.customer.substring(0.5, 1)",
            "substring does not take string and float64 and int64",
            "a string, and two",
        ),
        (
            "orders.customer.substring(-1, 1)",
            "substring has no start -1: places are counted from the beginning",
            "0 or",
        ),
        (
            "orders.customer.substring(0, -1)",
            "substring has no length -1: places are counted from the beginning",
            "0 or",
        ),
        ("orders.pieces.hour('Europe/Paris')", "hour does not take int64", "a timestamp"),
        ("orders.ts.hour('Europe/Pari')", "'Europe/Pari' is not a time zone", "a name of the IANA database"),
        ("orders.tailnum == None", "orders has no 'tailnum'", "order_id, customer, shop"),
        ("orders.customer == None", "None cannot stand in an expression", "columns, int64"),
        ("orders['amonut']", "orders has no 'amonut'", "order_id, customer, shop"),
        ("weather.snow", "weather has no 'snow'", "rain"),
        ("by_customer.orders", "by_customer has no 'orders'", "orders_1h, orders_1d, amount_1h"),
        ("by_customer['amount_1d']", "by_customer has no 'amount_1d'", "orders_1h, orders_1d, amount_1h"),
    ],
)
def test_what_an_operator_does_not_take_is_refused_in_its_line(
    tmp_path: Path, text: str, what: str, allowed: str
) -> None:
    error = refused(tmp_path, text)
    assert error.what == what
    assert error.allowed is not None and error.allowed.startswith(allowed)


@pytest.mark.parametrize(
    "text",
    [
        "orders.pieces > 1 and orders.paid",
        "1 < orders.pieces < 5",
        "not orders.paid",
        "orders.customer in ('a', 'b')",
        "'x' if orders.paid else 'y'",
    ],
)
def test_python_asks_for_no_truth_while_it_is_defined(tmp_path: Path, text: str) -> None:
    error = refused(tmp_path, text)
    assert error.what == "an expression has no truth value while it is being defined"
    assert error.allowed == "& | ~ between expressions"


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("abs(orders.amount)", "abs(x)", "x.abs()"),
        ("round(orders.amount, 2)", "round(x)", "x.round(), to whole"),
        ("int(orders.amount)", "int(x)", 'x.cast("int64")'),
        ("float(orders.pieces)", "float(x)", 'x.cast("float64")'),
        ("__import__('math').floor(orders.amount)", "math.floor(x)", "x.floor()"),
        (
            "__import__('math').sqrt(orders.amount)",
            "float(x)",
            'x.cast("float64"); the functions of doubles are x.sqrt()',
        ),
        ("len(orders.customer)", "len(s)", "s.length()"),
        ("'a' in orders.customer", "'in'", "s.contains("),
        ("orders.customer[0:2]", "s[a:b]", "s.substring(a, length)"),
        ("orders.amount ** 2", "x ** y", "x * x"),
        ("f'{orders.customer}-x'", "a format such as f'{x}'", "concat("),
    ],
)
def test_what_python_would_compute_is_answered_with_a_method(tmp_path: Path, text: str, what: str, hint: str) -> None:
    error = refused(tmp_path, text)
    assert error.what == f"{what} asks Python for a value, and an expression has none while it is being defined"
    assert error.hint is not None and error.hint.startswith(hint)


def test_a_typo_is_answered_with_the_nearest_column(tmp_path: Path) -> None:
    assert refused(tmp_path, "orders.amuont").hint == "did you mean 'amount'?"
    assert refused(tmp_path, "by_customer.amount_1m").hint == "did you mean 'amount_1h'?"


def test_a_column_that_is_called_like_the_streams_own_text_is_read_in_brackets() -> None:
    assert orders.name == "orders"
    assert orders.time == "ts"
    assert (orders["name"] == "x").to_json()["args"][0] == {"op": "column", "name": "name", "type": "string"}


@pytest.mark.parametrize(
    "text", ["coalesce(orders.name, 'x')", "orders.customer == orders.name", "orders.topic == orders.customer"]
)
def test_the_streams_own_text_is_no_constant(tmp_path: Path, text: str) -> None:
    error = refused(tmp_path, text)
    assert error.what == "'orders' is a text of the definition's own"
    assert error.hint is not None and error.hint.startswith("stream['name'] is the column of that name")


@pytest.mark.parametrize("expr", [i + 1, coalesce(f, 0.5) * g, (s == "é\n") & ~b, (ts - orders.due) / 2, s.is_null(),
                                  ts.hour("Asia/Kolkata"), when(b).then(None).otherwise(s)])  # fmt: skip
def test_json_reads_back_to_the_same_node(expr: Expr) -> None:
    assert Expr.from_json(expr.to_json()).to_json() == expr.to_json()


def test_the_owner_is_no_part_of_the_plan() -> None:
    assert "owner" not in f.to_json()
    assert f.owner is orders


def test_walking_meets_every_node_and_leaves_keep_their_order() -> None:
    expr = coalesce(f, g) > i
    assert [node.op for node in expr.walk()] == ["gt", "coalesce", "column", "column", "to_float64", "column"]
    assert [leaf.name for leaf in expr.leaves("column")] == ["f", "g", "i"]


def test_an_operator_can_be_made_by_name() -> None:
    assert operate("add", i, 1).to_json() == (i + 1).to_json()
    assert operate("to_float64", i).type == "float64"
