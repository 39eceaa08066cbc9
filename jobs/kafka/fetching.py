"""A consumer that asks for records when somebody waits for them."""

from __future__ import annotations

from typing import Any


def unhurried(consumer: Any) -> Any:
    """The same kafka-python consumer, which asks for more only in the ``poll`` that wants it, unless it is behind.

    By itself it asks when it hands out what it has, or when a ``poll`` ends without records. A broker answers at the
    first new record, so the next ``poll`` gives that one only, and all that came after it must be asked for once more.
    Here that ``poll`` asks, and gets whatever has come by then. A consumer that is behind asks ahead: what it wants
    lies ready, and comes while it works.

    This reaches into kafka-python's fetcher.
    """
    fetcher = consumer._fetcher
    fetch = fetcher.fetch_records

    def fetch_records(most: int | None = None, update_offsets: bool = True, timeout_ms: float | None = None) -> Any:
        records, more = fetcher.fetched_records(most, update_offsets=update_offsets)
        idle = False
        if not records:
            records, idle = fetch(most, update_offsets=update_offsets, timeout_ms=timeout_ms)
            more = bool(fetcher._completed_fetches)
        if records and not more and _behind(fetcher._subscriptions):
            fetcher.send_fetches()
        return records, idle

    fetcher.fetch_records = fetch_records
    return consumer


def _behind(subscriptions: Any) -> bool:
    """Had a partition more than was read, when the broker last said?"""
    states = [subscriptions.assignment[place] for place in subscriptions.assigned_partitions()]
    return any(
        state.position is not None and state.highwater is not None and state.position.offset < state.highwater
        for state in states
    )
