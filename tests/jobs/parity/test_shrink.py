import time
from collections.abc import Sequence

import pytest

from penstock.jobs.parity.shrink import shrink


@pytest.mark.parametrize("needed", [{0}, {99}, {0, 99}, {3, 50, 51}, set(range(0, 100, 9))])
def test_only_what_is_needed_is_left_in_its_order(needed: set[int]) -> None:
    assert shrink(range(100), lambda items: needed <= set(items), 60) == sorted(needed)


def test_halves_make_it_cheap() -> None:
    asked = 0

    def fails(items: Sequence[int]) -> bool:
        nonlocal asked
        asked += 1
        return 700 in items and 701 in items

    assert shrink(range(1000), fails, 60) == [700, 701]
    assert asked < 60


def test_it_ends_when_its_time_is_over() -> None:
    def slow(items: Sequence[int]) -> bool:
        time.sleep(0.01)
        return True

    begun = time.monotonic()
    left = shrink(range(100_000), lambda items: slow(items) and len(items) % 2 == 0, 0.1)
    assert time.monotonic() - begun < 5
    assert left


def test_an_input_is_never_empty() -> None:
    assert len(shrink(range(10), lambda items: True, 60)) == 1
