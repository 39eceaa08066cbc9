from itertools import product

import pytest

from penstock.features.expressions import Expr
from penstock.features.operators import OPERATORS
from penstock.features.types import TYPES


@pytest.mark.parametrize("op", OPERATORS)
def test_every_operator_gives_one_of_the_types_or_none(op: str) -> None:
    operator = OPERATORS[op]
    counts = [operator.arity] if operator.arity is not None else [2, 3]
    results = {operator.result(types) for count in counts for types in product(TYPES, repeat=count)}
    assert None in results or op == "is_null"
    assert results - {None}
    assert results <= {*TYPES, None}


@pytest.mark.parametrize("op", OPERATORS)
def test_a_definition_can_write_every_operator_but_local(op: str) -> None:
    assert bool(OPERATORS[op].written) == (op != "local")
    assert OPERATORS[op].takes


def test_methods_are_there_as_they_are_written() -> None:
    for op, operator in OPERATORS.items():
        if "." in operator.written and not operator.written.startswith("when"):
            method = operator.written.split(".")[1].split("(")[0]
            assert callable(getattr(Expr, method)), op


@pytest.mark.parametrize(
    ("types", "gives"),
    [
        (("bool", "string", "string"), "string"),
        (("bool", "int64", "bool", "int64", "int64"), "int64"),
        (("bool", "int64", "string"), None),
        (("int64", "int64", "int64"), None),
        (("bool", "int64"), None),
        (("int64",), None),
    ],
)
def test_a_choice_has_conditions_and_values_by_turns(types: tuple[str, ...], gives: str | None) -> None:
    assert OPERATORS["when"].result(types) == gives
