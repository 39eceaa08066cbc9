from pathlib import Path

import pytest

from penstock import Stream, literal, when
from tests.features.written import refused

orders = Stream("orders", topic="orders", time="ts", columns=dict(i="int64", f="float64", s="string", b="bool"))


def test_conditions_and_values_follow_each_other_and_the_last_value_ends_them() -> None:
    expr = when(orders.b).then("x").when(orders.i > 1).then(orders.s).otherwise("z")
    assert (expr.op, expr.type) == ("when", "string")
    assert [arg.op for arg in expr.args] == ["column", "literal", "gt", "column", "literal"]


def test_values_are_promoted_among_themselves() -> None:
    expr = when(orders.i > 1).then(orders.i).otherwise(0.5)
    assert [arg.type for arg in expr.args] == ["bool", "float64", "float64"]
    assert expr.args[0].args[0].type == "int64"


def test_none_is_a_null_of_the_values_type() -> None:
    expr = when(orders.b).then(None).when(orders.b).then(1).otherwise(None)
    assert [(arg.type, arg.value) for arg in expr.args[1::2]] == [("int64", None), ("int64", 1)]
    assert expr.args[-1].to_json() == {"op": "literal", "value": None, "type": "int64"}


def test_a_choice_can_be_begun_once_and_ended_twice() -> None:
    begun = when(orders.b).then(1)
    assert begun.otherwise(2).args[-1].value == 2
    assert begun.otherwise(3).args[-1].value == 3


@pytest.mark.parametrize(
    ("text", "what", "allowed"),
    [
        ("when(orders.pieces).then(1).otherwise(2)", "when() does not take int64", "a condition"),
        ("when(True).then(1).otherwise(2)", "when() does not take True", "a condition"),
        ("when(orders.paid).then(1).otherwise('x')", "when does not take bool and int64 and string", "conditions, and"),
        ("when(orders.paid).then(None).otherwise(None)", "when() has no value but null", "at least one value"),
        (
            "coalesce(orders.pieces, when(orders.paid).then(1))",
            "a when(…).then(…) without its .otherwise(…) cannot",
            "col",
        ),
        ("mean(when(orders.paid).then(1))", "mean does not take Choice", "a column or expression"),
    ],
)
def test_what_is_no_choice_is_refused(tmp_path: Path, text: str, what: str, allowed: str) -> None:
    error = refused(tmp_path, text)
    assert error.what.startswith(what)
    assert error.allowed is not None and error.allowed.startswith(allowed)


def test_a_literal_condition_is_a_condition() -> None:
    assert when(literal(True)).then(1).otherwise(2).type == "int64"
