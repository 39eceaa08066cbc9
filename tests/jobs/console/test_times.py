"""Times in words."""

from __future__ import annotations

from penstock.jobs.console.times import range_words, time_words


def test_times_are_read_in_utc() -> None:
    assert time_words(1_383_307_200_999) == "2013-11-01 12:00:00"
    assert time_words(-1) == "1969-12-31 23:59:59"
    assert range_words((0, 86_400_000)) == "1970-01-01 00:00:00 to 1970-01-02 00:00:00"
