"""The smallest list of events that still fails: delta debugging, by halves and ever smaller pieces."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrink(items: Sequence[T], fails: Callable[[Sequence[T]], bool], seconds: float) -> list[T]:
    """Items in order that ``fails`` still says True of; ``fails(items)`` must be True.

    Of the result no single item can be left out, unless ``seconds`` ended the search.
    """
    left, deadline = list(items), time.monotonic() + seconds
    size = max(1, len(left) // 2)
    while time.monotonic() < deadline:
        fewer = _without_pieces(left, size, fails, deadline)
        if size == 1 and len(fewer) == len(left):
            return fewer
        left, size = fewer, max(1, min(size, len(fewer)) // 2)
    return left


def _without_pieces(left: list[T], size: int, fails: Callable[[Sequence[T]], bool], deadline: float) -> list[T]:
    """Less every piece of this size that is not needed, from the last one on: later events need earlier ones."""
    for start in reversed(range(0, len(left), size)):
        fewer = left[:start] + left[start + size :]
        if fewer and time.monotonic() < deadline and fails(fewer):
            left = fewer
    return left
