import pytest

from penstock.features.errors import DefinitionError
from penstock.features.names import LONGEST, RESERVED, check_distinct, check_name, check_topic, unknown


@pytest.mark.parametrize("name", ["a", "A1", "dep_delay", "x_1_h", "a" * LONGEST])
def test_a_name_is_letters_digits_and_single_underscores(name: str) -> None:
    check_name(name, "view")


@pytest.mark.parametrize(
    "name", ["", "1a", "_a", "a-b", "a b", "a.b", "a\n", "é", "\u212a", "\u017f", 'a"b', "a" * (LONGEST + 1), None, 5]
)
def test_what_not_all_systems_take_is_no_name(name: object) -> None:
    with pytest.raises(DefinitionError, match="cannot name a view"):
        check_name(name, "view")


@pytest.mark.parametrize("name", ["a__b", "a_"])
def test_two_underscores_would_separate_in_feast(name: str) -> None:
    with pytest.raises(DefinitionError) as refused:  # a_ would become a__1h
        check_name(name, "feature")
    assert refused.value.hint == "two underscores separate view and feature in Feast"


@pytest.mark.parametrize("name", [*RESERVED, "T", "Seq", "EVENT_TIMESTAMP"])
def test_the_columns_of_rows_are_reserved_whatever_their_case(name: str) -> None:
    check_name(name, "source")
    with pytest.raises(DefinitionError, match="is a reserved name"):
        check_name(name, "column", reserved=True)


def test_names_that_differ_by_case_only_are_one_to_sql() -> None:
    check_distinct(["a", "b", "A_1h"], "v", "distinct names")
    with pytest.raises(DefinitionError, match="v has a_1h and A_1h") as refused:
        check_distinct(["a_1h", "b", "A_1h"], "v", "distinct names", "a hint")
    assert (refused.value.allowed, refused.value.hint) == ("distinct names", "a hint")
    with pytest.raises(DefinitionError, match="v has a_1h twice"):
        check_distinct(["a_1h", "b", "a_1h"], "v", "distinct names")


@pytest.mark.parametrize("topic", ["orders", "shop.orders-2_x", "A" * 249])
def test_topics_follow_the_rule_of_kafka(topic: str) -> None:
    check_topic(topic, "a topic")


@pytest.mark.parametrize("topic", ["", ".", "..", "a/b", "a b", "ä", "A" * 250, None, 5])
def test_what_kafka_refuses_is_refused_when_read(topic: object) -> None:
    with pytest.raises(DefinitionError, match="cannot be a topic"):
        check_topic(topic, "a topic")


def test_an_unknown_name_comes_with_the_known_ones_and_the_nearest() -> None:
    error = unknown("orders", "amuont", ["amount", "paid"])
    assert (error.what, error.allowed) == ("orders has no 'amuont'", "amount, paid")
    assert error.hint == "did you mean 'amount'?"
    assert unknown("orders", 5, ["amount"]).what == "orders has no 5"
