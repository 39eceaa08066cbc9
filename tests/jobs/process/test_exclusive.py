"""Locks that end with their process."""

from __future__ import annotations

import threading
from pathlib import Path

from penstock.jobs.process.exclusive import exclusive
from penstock.jobs.process.waiting import until


def test_a_second_one_does_not_get_it_until_the_first_gives_it_back(tmp_path: Path) -> None:
    with exclusive(tmp_path / "lock") as first, exclusive(tmp_path / "lock") as second:
        assert first and not second
    with exclusive(tmp_path / "lock") as third:
        assert third


def test_one_that_waits_gets_it(tmp_path: Path) -> None:
    got: list[bool] = []

    def wait() -> None:
        with exclusive(tmp_path / "lock", wait=True) as alone:
            got.append(alone)

    with exclusive(tmp_path / "lock"):
        thread = threading.Thread(target=wait)
        thread.start()
        assert not until(lambda: bool(got), 0.2)
    thread.join(10)
    assert got == [True]


def test_a_condition_is_asked_at_least_once() -> None:
    asked: list[int] = []
    assert not until(lambda: bool(asked.append(1)), 0)
    assert asked == [1]
    assert until(lambda: len(asked) == 1, 0)
