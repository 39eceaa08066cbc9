from features.errors import DefinitionError, PenstockError, RefusedError, UsageError, did_you_mean


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
