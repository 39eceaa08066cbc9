import pytest

from penstock.features.durations import LONGEST, LONGEST_MS, UNITS_MS, duration, duration_text, parse_duration
from penstock.features.errors import DefinitionError
from penstock.features.ingest import TIME_MAX


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("500ms", 500), ("1ms", 1), ("10s", 10_000), ("5m", 300_000), ("3h", 10_800_000), ("7d", 604_800_000)],
)
def test_durations_are_milliseconds(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds
    assert duration(milliseconds) == text


def test_a_duration_is_written_in_the_greatest_unit_that_has_it_whole() -> None:
    assert [duration(ms) for ms in (93_600_000, 86_400_000, 90_000, 1_001)] == ["26h", "1d", "90s", "1001ms"]


@pytest.mark.parametrize(
    "text", ["", "h", "1", "1 h", " 1h", "1h ", "1h\n", "-1h", "+1h", "1.5h", "1H", "1w", "1h30m", "01h", "１h", "1_0h"]
)
def test_anything_else_is_refused_with_the_legal_units(text: str) -> None:
    with pytest.raises(DefinitionError, match="is not a duration") as refused:
        parse_duration(text)
    assert refused.value.allowed == "a positive whole number and one of ms s m h d, as in '30m'"


@pytest.mark.parametrize("value", [None, 60, 1.5, b"1h", ("1h",)])
def test_only_text_is_a_duration(value: object) -> None:
    with pytest.raises(DefinitionError, match="is not a duration"):
        parse_duration(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["1mo", "2months", "1y", "3 years"])
def test_months_and_years_have_no_fixed_length(text: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        parse_duration(text)
    assert refused.value.hint == "months and years have no fixed length: say them in days"


@pytest.mark.parametrize("text", ["0s", "0ms", "0d"])
def test_zero_is_a_duration_only_where_it_is_allowed(text: str) -> None:
    assert parse_duration(text, zero=True) == 0
    with pytest.raises(DefinitionError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["36501d", "876001h", "99999999999d", "999999999999999999ms", "9" * 5000 + "d"])
def test_a_duration_beyond_a_century_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError):
        parse_duration(text)


def test_the_longest_duration_says_so_and_leaves_no_time_beyond_int64() -> None:
    assert parse_duration(LONGEST) == LONGEST_MS
    with pytest.raises(DefinitionError, match="too long") as refused:
        parse_duration("36501d")
    assert (refused.value.allowed, refused.value.hint) == ("at most 36500d", "lifetime() is a window without end")
    last_leave_us = (TIME_MAX + 3 * LONGEST_MS) * 1000  # size + step + lateness, in microseconds
    assert last_leave_us < 2**63


def test_units_are_those_of_a_day_without_leap_seconds() -> None:
    assert UNITS_MS == {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@pytest.mark.parametrize("text", ["0s", "500ms", "59s", "1m 1s", "30d 1h", "1d 2h 3m 4s 5ms"])
def test_a_length_of_time_is_written_in_the_units_that_are_read(text: str) -> None:
    assert duration_text(sum(parse_duration(part, zero=True) for part in text.split())) == text
