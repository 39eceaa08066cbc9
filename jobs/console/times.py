"""Times and ranges of time as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta

_EPOCH = datetime(1970, 1, 1)


def time_words(ms: int) -> str:
    """Milliseconds since the epoch, in UTC; of a time outside the years 1 to 9999 the number."""
    try:
        return (_EPOCH + timedelta(milliseconds=ms)).isoformat(" ", "seconds")
    except OverflowError:
        return f"{ms:,} ms after 1970"


def range_words(ends: tuple[int, int]) -> str:
    """Both ends."""
    return f"{time_words(ends[0])} to {time_words(ends[1])}"
