"""Times and ranges of time as people read them."""

from __future__ import annotations

from datetime import UTC, datetime


def time_words(ms: int) -> str:
    """Milliseconds since the epoch, in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def range_words(span: tuple[int, int]) -> str:
    """Both ends."""
    return f"{time_words(span[0])} to {time_words(span[1])}"
