import pytest

from penstock import count, literal, sum
from penstock.features.errors import DefinitionError
from penstock.features.operators import OPERATORS
from penstock.features.refusals import _INSTEAD, METHODS, instead


@pytest.mark.parametrize(
    ("op", "types", "hint"),
    [
        ("add", ("string", "string"), "concat("),
        ("floor_divide", ("int64", "float64"), "(x / y).floor()"),
        ("gt", ("timestamp", "int64"), "literal("),
        ("multiply", ("bool", "int64"), 'x.cast("int64") is 1'),
        ("eq", ("string", "int64"), 'x.cast("string")'),
        ("round", ("int64",), "an int64 is whole already"),
        ("concat", ("string", "int64"), 'x.cast("string")'),
        ("hour", ("int64",), 't.cast("timestamp")'),
    ],
)
def test_the_nearest_thing_that_works_is_named(op: str, types: tuple[str, ...], hint: str) -> None:
    found = instead(op, types)
    assert found is not None and found.startswith(hint)


def test_nothing_is_named_where_nothing_is_near() -> None:
    assert instead("not", ("int64",)) is None
    assert instead("coalesce", ("string",)) is None


def test_hints_are_of_operators_that_do_not_take_the_type() -> None:
    for op, type in _INSTEAD:
        operator = OPERATORS[op]
        assert operator.result((type,) * (operator.arity or 2)) is None, (op, type)


@pytest.mark.parametrize("name", ["approx_distinct", "approx_percentile"])
def test_a_sketch_is_refused_with_the_exact_aggregate(name: str) -> None:
    with pytest.raises(DefinitionError, match=f"there is no {name}: .*order") as caught:
        exec(f"from penstock import {name}")
    assert str(caught.value.allowed).endswith("which is exact")


def test_other_names_are_missing_as_in_any_module() -> None:
    with pytest.raises(ImportError, match="cannot import name 'nonsense'"):
        exec("from penstock import nonsense")


@pytest.mark.parametrize(("name", "instead"), [("avg", "mean(x)"), ("median", "percentile(x, 50)")])
def test_a_name_of_another_system_is_answered_with_ours(name: str, instead: str) -> None:
    with pytest.raises(DefinitionError, match=f"there is no {name}") as caught:
        exec(f"from penstock import {name}")
    assert caught.value.allowed == instead


@pytest.mark.parametrize("method", METHODS)
def test_a_method_of_another_system_is_answered_with_ours(method: str) -> None:
    with pytest.raises(DefinitionError, match=f"an expression has no '{method}'") as caught:
        getattr(literal(1.5), method)
    assert caught.value.hint == METHODS[method]


def test_a_method_that_is_written_wrongly_is_answered_with_the_nearest() -> None:
    with pytest.raises(DefinitionError) as caught:
        literal("text").containz("x")
    assert caught.value.hint == "did you mean 'contains'?"


@pytest.mark.parametrize("text", ["a / b", "1 + a", "-a", "a > b", "abs(a)", "a and b"])
def test_features_are_not_combined_in_a_view(text: str) -> None:
    with pytest.raises(DefinitionError, match="sum is a feature") as caught:
        eval(text, {"a": sum(literal(1.5)), "b": count()})
    assert "derived=" in str(caught.value.hint)
