"""The table of section 2 of the semantics, by hand."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.features.errors import DefinitionError
from penstock.features.ingest import TIME_MAX, TIME_MIN
from penstock.features.windows import (
    Window,
    as_window,
    calendar,
    ceil_to,
    floor_to,
    hopping,
    lifetime,
    session,
    sliding,
)
from tests.features.written import refused

TIMES = st.integers(TIME_MIN, TIME_MAX)
STEPS = st.integers(1, 10**12)


@pytest.mark.parametrize(
    ("x", "step", "floor", "ceil"),
    [
        (0, 10, 0, 0),
        (1, 10, 0, 10),
        (9, 10, 0, 10),
        (10, 10, 10, 10),
        (-1, 10, -10, 0),
        (-10, 10, -10, -10),
        (7, 1, 7, 7),
    ],
)
def test_floor_and_ceil_are_on_the_grid_of_the_epoch(x: int, step: int, floor: int, ceil: int) -> None:
    assert (floor_to(x, step), ceil_to(x, step)) == (floor, ceil)


@given(TIMES, STEPS)
def test_floor_and_ceil_enclose(x: int, step: int) -> None:
    assert floor_to(x, step) <= x <= ceil_to(x, step)
    assert floor_to(x, step) % step == ceil_to(x, step) % step == 0
    assert ceil_to(x, step) - floor_to(x, step) in (0, step)


def test_a_sliding_window_counts_from_the_event_until_its_size_later() -> None:
    window = sliding("1h")
    assert window == Window("sliding", "1h", 3_600_000)
    assert (window.enter(5_000), window.leave(5_000)) == (5_000, 3_605_000)


def test_a_step_lets_the_tail_leave_on_its_grid() -> None:
    window = sliding("10ms", step="4ms")
    assert window.name == "10ms"
    assert [(e, window.enter(e), window.leave(e)) for e in (0, 1, 3, 4, 5, -1, -4)] == [
        (0, 0, 10), (1, 1, 14), (3, 3, 14), (4, 4, 14), (5, 5, 18), (-1, -1, 10), (-4, -4, 6),
    ]  # fmt: skip


def test_a_step_may_be_as_long_as_its_window() -> None:
    assert sliding("1h", step="1h").leave(1) == 7_200_000


def test_a_lifetime_never_ends() -> None:
    window = lifetime()
    assert (window.name, window.enter(7), window.leave(7)) == ("lifetime", 7, None)


def test_a_delay_moves_the_whole_life() -> None:
    window = sliding("10ms", delay="4ms")
    assert (window.name, window.enter(5), window.leave(5)) == ("10ms_delay_4ms", 9, 19)
    assert sliding("10ms", step="4ms", delay="3ms").leave(5) == 8 + 10 + 3


def test_a_calendar_period_ends_for_all_at_once() -> None:
    day = calendar("10ms")
    assert (day.name, day.enter(7)) == ("calendar_10ms", 7)
    assert [day.leave(e) for e in (-1, 0, 9, 10)] == [0, 10, 10, 20]
    assert [calendar("10ms", offset="3ms").leave(e) for e in (-7, 2, 3, 12, 13)] == [3, 3, 13, 13, 23]


def test_a_hopping_window_changes_on_its_grid_only() -> None:
    window = hopping("10ms", step="4ms")
    assert window.name == "hopping_10ms"
    assert [(e, window.enter(e), window.leave(e)) for e in (0, 1, 2, 3, 4, -1)] == [
        (0, 0, 12), (1, 4, 12), (2, 4, 12), (3, 4, 16), (4, 4, 16), (-1, 0, 12),
    ]  # fmt: skip


@given(TIMES, STEPS, st.integers(0, 10**12))
def test_whatever_hops_is_alive_for_a_step_at_least(e: int, step: int, more: int) -> None:
    window = Window("hopping", "w", step + more, step)
    leave = window.leave(e)
    assert leave is not None
    assert e <= window.enter(e) <= leave - step


def test_a_session_ends_a_gap_after_its_last_event() -> None:
    window = session("5ms")
    assert window.name == "session_5ms"
    assert window.leaves([0, 4, 8, 13, 13, 30]) == [13, 13, 13, 18, 18, 35]
    assert window.leaves([]) == []


@pytest.mark.parametrize("text", ["calendar('1d', offset='1d')", "calendar('1h', offset='2h')"])
def test_an_offset_beyond_the_period_is_refused(tmp_path: Path, text: str) -> None:
    error = refused(tmp_path, text)
    assert "is not within a period" in error.what
    assert error.hint is not None and "19h" in error.hint


@given(TIMES, st.integers(1, 10**12), STEPS)
def test_no_event_leaves_before_the_size_is_over_nor_a_step_after(e: int, size: int, step: int) -> None:
    leave = Window("sliding", "w", size, step).leave(e)
    assert leave is not None
    assert e + size <= leave < e + size + step
    assert (leave - size) % step == 0


def test_a_duration_is_a_sliding_window() -> None:
    assert as_window("30m") == sliding("30m")
    assert as_window(lifetime()) == lifetime()


@pytest.mark.parametrize("window", [60, None, 1.5, ("1h",)])
def test_what_is_neither_is_refused(window: object) -> None:
    with pytest.raises(DefinitionError, match="is not a window") as refusal:
        as_window(window)
    assert refusal.value.allowed == (
        "a duration such as '1h', sliding(…), hopping(…), calendar(…), session(…) or lifetime()"
    )


def test_a_step_longer_than_its_window_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, "hopping('1h', step='2h')").allowed == "a step of at most 1h"
    error = refused(tmp_path, "sliding('1h', step='2h')")
    assert error.what == "a step of 2h is longer than its window of 1h"
    assert error.allowed == "a step of at most 1h"


@pytest.mark.parametrize(
    "text",
    [
        "sliding('1w')",
        "sliding('1h', step='')",
        "sliding('1h', step='0s')",
        "sliding('0m')",
        "sliding('1h', delay='0s')",
        "hopping('1h', step='5')",
        "calendar('1 day')",
        "session('0s')",
    ],
)
def test_a_wrong_size_or_step_is_refused_in_its_line(tmp_path: Path, text: str) -> None:
    assert "is not a duration" in refused(tmp_path, text).what


def test_a_window_longer_than_a_century_is_refused_in_its_line(tmp_path: Path) -> None:
    error = refused(tmp_path, "by = View('v', orders, key='shop', features=dict(n=count().over('99999999999d')))")
    assert error.what == "99999999999d is too long"
    assert error.allowed == "at most 36500d"
