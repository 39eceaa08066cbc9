from pathlib import Path

import pytest

from penstock import sliding
from penstock.features.decay import half_lives
from tests.features.written import refused


def test_a_value_goes_through_a_window_for_each_half_life() -> None:
    assert half_lives(sliding("90m"), 1_800_000) == (sliding("30m"), sliding("1h"), sliding("90m"))
    assert half_lives(sliding("1h"), 3_600_000) == (sliding("1h"),)


def test_without_decay_there_is_the_window_alone() -> None:
    month = sliding("30d", step="1h")
    assert half_lives(month, None) == (month,)


@pytest.mark.parametrize(
    ("window", "name", "hint"),
    [
        ("'100m'", "100m", ".over('2h') is 2 of them"),
        ("'5m'", "5m", ".over('1h') is 1 of them"),
        ("'7d'", "7d", ".over('32h') is 32 of them"),
        ("lifetime()", "lifetime", ".over('32h') is 32 of them"),
        ("sliding('3h', step='1h')", "3h", ".over('3h') is 3 of them"),
        ("sliding('3h', delay='1h')", "3h_delay_1h", ".over('3h') is 3 of them"),
        ("calendar('1d')", "calendar_1d", ".over('1d') is 24 of them"),
    ],
)
def test_other_windows_are_refused_with_the_nearest_that_works(
    tmp_path: Path, window: str, name: str, hint: str
) -> None:
    error = refused(tmp_path, f"decayed_mean(orders.amount, '1h').over({window})")
    assert error.what == f"decayed_mean with a half-life of 1h cannot be over {name}"
    assert error.allowed == "sliding windows of 1 to 32 whole half-lives, without step and delay"
    assert error.hint == hint


def test_the_nearest_window_is_one_that_can_be_written(tmp_path: Path) -> None:
    hint = refused(tmp_path, "decayed_sum(orders.amount, '20000d').over(lifetime())").hint
    assert hint == ".over('20000d') is 1 of them"
