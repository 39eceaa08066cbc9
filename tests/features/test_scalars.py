from datetime import date, timedelta
from typing import Any

import pytest

from penstock.features import scalars

DAY = scalars.DAY_MS


def test_days_and_months_are_those_of_the_calendar() -> None:
    for days in range(-719_162, 2_932_897, 97):
        day = date(1970, 1, 1) + timedelta(days=days)
        for within in (0, DAY - 1):
            time = days * DAY + within
            assert (scalars.weekday(time), scalars.month(time)) == (day.weekday(), day.month)
            assert scalars.hour(time) == (0 if within == 0 else 23)


def test_clocks_go_on_a_little_before_the_year_1_and_after_9999() -> None:
    assert (scalars.month(-62_135_596_800_001), scalars.weekday(-62_135_596_800_001)) == (12, 6)
    assert (scalars.month(253_402_300_800_000), scalars.hour(253_402_300_800_000)) == (1, 0)


@pytest.mark.parametrize(
    ("text", "whole", "real"),
    [
        ("0", 0, 0.0),
        ("-0", 0, -0.0),
        ("007", 7, 7.0),
        ("-" + "0" * 5000 + "1", -1, -1.0),
        ("9" * 5000, None, float("inf")),
        ("-9223372036854775808", -(2**63), -(2.0**63)),
        ("1.0", None, 1.0),
        ("1e3", None, 1000.0),
        ("1.", None, None),
        (".5", None, None),
        ("+1", None, None),
        (" 1", None, None),
        ("1\n", None, None),
        ("1_0", None, None),
        ("٣", None, None),
        ("inf", None, None),
        ("", None, None),
        ("-", None, None),
    ],
)
def test_texts_are_numbers_in_ascii_decimal_or_not_at_all(text: str, whole: int | None, real: float | None) -> None:
    assert (scalars.to_int64(text), scalars.to_float64(text)) == (whole, real)


@pytest.mark.parametrize(
    ("value", "whole"), [(2.9, 2), (-2.9, -2), (2.0**63, None), (-(2.0**63), -(2**63)), (1e300, None), (True, 1)]
)
def test_what_does_not_fit_int64_is_none(value: Any, whole: int | None) -> None:
    assert scalars.to_int64(value) == whole


def test_cases_are_those_of_ascii() -> None:
    every = "".join(map(chr, range(0x250)))
    assert scalars.lower(every).count("a") == 2
    changed = [a for a, b in zip(every, scalars.upper(every), strict=True) if a != b]
    assert "".join(changed) == "abcdefghijklmnopqrstuvwxyz"
