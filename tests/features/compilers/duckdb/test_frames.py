from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penstock.features.compilers.duckdb.frames import Range, frames, most_keys
from penstock.features.ingest import TIME_MAX, TIME_MIN
from penstock.features.windows import Window

WINDOWS = [
    Window("sliding", "a", 7),
    Window("sliding", "b", 10, 3),
    Window("sliding", "c", 4, 4),
    Window("lifetime", "d"),
    Window("sliding", "e", 6, delay_ms=3),
    Window("hopping", "f", 9, 4),
    Window("calendar", "g", 12, offset_ms=5),
    Window("session", "h", 5),
]
events = st.lists(st.tuples(st.integers(0, 3), st.integers(-30, 30)), min_size=1, max_size=30)


@given(events, st.integers(-40, 40), st.integers(0, 40), st.lists(st.sampled_from(WINDOWS), min_size=1, unique=True))
def test_each_range_is_what_is_alive(
    given_: list[tuple[int, int]], start: int, length: int, windows: list[Window]
) -> None:
    end = start + length
    numbers = {key: i for i, key in enumerate(sorted({key for key, _ in given_}))}
    rows = sorted((numbers[key], e) for key, e in given_ if e < end)
    made = frames(
        np.array([k for k, _ in rows], np.int64), np.array([e for _, e in rows], np.int64), windows, start, end
    )
    lives = {window: _lives(rows, window) for window in windows}
    changes = {(k, t) for w in windows for (k, _), life in zip(rows, lives[w], strict=True) for t in life}
    points = sorted((k, t) for k, t in changes if start <= t < end)
    assert list(zip(made.key.tolist(), made.t.tolist(), strict=True)) == points
    for window, ranges in zip(windows, made.ranges, strict=True):
        for (k, t), low, high in zip(points, ranges.low.tolist(), ranges.high.tolist(), strict=True):
            alive = [
                i
                for i, (enter, *leave) in enumerate(lives[window])
                if rows[i][0] == k and enter <= t < min(leave or [t + 1])
            ]
            if window.kind == "lifetime":
                alive = [i for i in alive if rows[i][1] >= start]
            assert list(range(low, high)) == alive


def _lives(rows: list[tuple[int, int]], window: Window) -> list[list[int]]:
    """For each event when it enters and, unless that is never, leaves."""
    found = []
    for number in sorted({key for key, _ in rows}):
        times = [e for key, e in rows if key == number]
        leaves = window.leaves(times)
        found += [[window.enter(e), *([] if t is None else [t])] for e, t in zip(times, leaves, strict=True)]
    return found


def test_a_lifetime_keeps_what_came_before_where_all_events_are_read() -> None:
    made = frames(np.array([0, 0, 1]), np.array([-9, 5, -3]), [Window("lifetime", "d")], 0, 10, whole=True)
    assert (made.t.tolist(), made.ranges[0].low.tolist(), made.ranges[0].high.tolist()) == ([5], [0], [2])


@given(st.lists(st.integers(0, 5000), min_size=1))
def test_levels_are_the_highest_bits_of_the_lengths(lengths: list[int]) -> None:
    r = Range(np.zeros(len(lengths), np.int64), np.array(lengths))
    found = {int(i): level for level, places in enumerate(r.levels) for i in places}
    assert found == {i: n.bit_length() - 1 for i, n in enumerate(lengths) if n}


def test_the_axis_holds_thousands_of_keys_over_all_time() -> None:
    windows = [Window("sliding", "36500d", 36_500 * 86_400_000, 86_400_000)]
    keys = most_keys(windows, -(2**62), 2**62)
    assert keys > 5_000
    made = frames(np.array([0, keys - 1]), np.array([TIME_MIN, TIME_MAX]), windows, -(2**62), 2**62)
    leaves = [windows[0].leave(e) for e in (TIME_MIN, TIME_MAX)]
    assert made.t.tolist() == [TIME_MIN, leaves[0], TIME_MAX, leaves[1]]
