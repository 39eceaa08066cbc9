import pytest

from penstock.features.errors import (
    DefinitionError,
    DefinitionErrors,
    Mistakes,
    PenstockError,
    RefusedError,
    UsageError,
    did_you_mean,
    for_each,
)


def test_an_error_says_what_where_allowed_and_a_hint() -> None:
    error = PenstockError("it broke", where="topic orders", allowed="a topic that exists", hint="run 'penstock up'")
    assert error.render().splitlines() == [
        "it broke",
        "  where: topic orders",
        "  allowed: a topic that exists",
        "  hint: run 'penstock up'",
    ]
    assert str(error) == error.render()


def test_what_is_not_known_is_left_out() -> None:
    assert PenstockError("it broke").render() == "it broke"
    assert PenstockError("it broke", allowed="").render() == "it broke"
    assert PenstockError("it broke", hint="mend it").render() == "it broke\n  hint: mend it"


def test_exit_codes_tell_a_wrong_question_from_a_failure() -> None:
    assert (PenstockError.exit_code, RefusedError.exit_code) == (1, 1)
    assert (UsageError.exit_code, DefinitionError.exit_code) == (2, 2)


def test_the_nearest_name_is_proposed() -> None:
    assert did_you_mean("dep_dleay", ["dep_delay", "arr_delay"]) == "did you mean 'dep_delay'?"


def test_nothing_is_proposed_when_nothing_is_near() -> None:
    assert did_you_mean("colour", ["dep_delay", "arr_delay"]) is None
    assert did_you_mean("colour", []) is None


def test_what_is_collected_is_raised_at_once() -> None:
    mistakes = Mistakes()
    mistakes.raise_found()
    for what in ("one", "two"):
        with mistakes.caught():
            raise DefinitionError(what, where="here")
    with pytest.raises(DefinitionErrors) as raised:
        mistakes.raise_found()
    assert [mistake.what for mistake in raised.value.each] == ["one", "two"]
    assert raised.value.render() == "one\n  where: here\ntwo\n  where: here\n2 mistakes in the definitions"
    assert [part["what"] for part in raised.value.to_json()["mistakes"]] == ["one", "two"]


def test_one_mistake_stays_what_it_is() -> None:
    mistakes, one = Mistakes(), DefinitionError("one")
    with mistakes.caught():
        raise one
    with pytest.raises(DefinitionError) as raised:
        mistakes.raise_found()
    assert raised.value is one
    assert list(one.each) == [one]


def test_several_inside_several_are_counted_singly() -> None:
    mistakes = Mistakes()
    with mistakes.caught():
        raise DefinitionErrors([DefinitionError("one"), DefinitionError("two")])
    assert [mistake.what for mistake in mistakes.found] == ["one", "two"]


def test_only_definition_errors_are_collected() -> None:
    with pytest.raises(UsageError), Mistakes().caught():
        raise UsageError("of the command line")


def test_each_item_is_made_or_refused() -> None:
    def half(x: int) -> int:
        if x % 2:
            raise DefinitionError(f"{x} is odd")
        return x // 2

    assert for_each([2, 4], half) == (1, 2)
    with pytest.raises(DefinitionErrors, match="1 is odd\n3 is odd"):
        for_each([1, 2, 3], half)
