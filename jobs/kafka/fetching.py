"""A consumer that asks for records when somebody waits for them."""

from __future__ import annotations

from typing import Any


def unhurried(consumer: Any) -> Any:
    """The same kafka-python consumer, which asks for more no earlier than in the ``poll`` that wants it.

    By itself it asks as soon as it hands out what it has. A broker answers at the first new record, so the next
    ``poll`` gives that one only, and all that came after it must be asked for once more. Here that ``poll`` asks, and
    gets whatever has come by then. A consumer that is behind still asks ahead: what it wants lies ready.

    This reaches into kafka-python's fetcher.
    """
    fetcher = consumer._fetcher
    fetch = fetcher.fetch_records

    def fetch_records(most: int | None = None, update_offsets: bool = True, timeout_ms: float | None = None) -> Any:
        records, more = fetcher.fetched_records(most, update_offsets=update_offsets)
        if not records:
            return fetch(most, update_offsets=update_offsets, timeout_ms=timeout_ms)
        if not more and _behind(fetcher._subscriptions):
            fetcher.send_fetches()
        return records, False

    fetcher.fetch_records = fetch_records
    return consumer


def _behind(subscriptions: Any) -> bool:
    """Had a partition more than was read, when the broker last said?"""
    states = [subscriptions.assignment[place] for place in subscriptions.assigned_partitions()]
    return any(
        state.position is not None and state.highwater is not None and state.position.offset < state.highwater
        for state in states
    )
