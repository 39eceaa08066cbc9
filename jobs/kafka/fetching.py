"""A consumer that asks for records when somebody waits for them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from kafka.errors import KafkaTimeoutError
from kafka.future import Future


def unhurried(consumer: Any) -> Any:
    """The same kafka-python consumer, which asks for more only in the ``poll`` that wants it, unless it is behind.

    By itself it asks when it hands out what it has, or when a ``poll`` ends without records. A broker answers at the
    first new record, so the next ``poll`` gives that one only, and all that came after it must be asked for once more.
    Here that ``poll`` asks, and gets whatever has come by then. A consumer that is behind asks ahead: what it wants
    lies ready, and comes while it works.

    This reaches into kafka-python's fetcher.
    """
    fetcher = consumer._fetcher

    def fetch_records(most: int | None = None, update_offsets: bool = True, timeout_ms: float | None = None) -> Any:
        records, more = fetcher.fetched_records(most, update_offsets=update_offsets)
        idle = False
        if not records:
            idle = not fetcher._manager.run(_ask_and_wait, fetcher, timeout_ms)
            records, more = fetcher.fetched_records(most, update_offsets=update_offsets)
        if records and not more and _behind(fetcher._subscriptions):
            fetcher.send_fetches()
        return records, idle

    fetcher.fetch_records = fetch_records
    return consumer


async def _ask_and_wait(fetcher: Any, timeout_ms: float | None) -> bool:
    """Returns when something has come or time is up. False, at once: there is nothing to wait for."""
    await fetcher._send_fetches_async()
    if fetcher._completed_fetches:  # meanwhile
        return True
    awaited = [*fetcher._fetch_futures, *([fetcher._reset_task] if fetcher._reset_task is not None else [])]
    awaited = [each for each in awaited if not each.is_done]
    come = Future()
    for each in awaited:
        each.add_both(lambda _: come.is_done or come.success(None))
    if awaited:
        with suppress(KafkaTimeoutError):
            await fetcher._manager.wait_for(come, timeout_ms)
    return bool(awaited)


def _behind(subscriptions: Any) -> bool:
    """Had a partition more than was read, when the broker last said?"""
    states = [subscriptions.assignment[place] for place in subscriptions.assigned_partitions()]
    return any(
        state.position is not None and state.highwater is not None and state.position.offset < state.highwater
        for state in states
    )
