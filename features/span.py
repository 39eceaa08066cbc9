"""A range of event time."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """``from_ms <= t < to_ms``, in epoch milliseconds."""

    from_ms: int
    to_ms: int
