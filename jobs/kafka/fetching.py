"""A consumer that asks for records when somebody waits for them, on the thread that waits."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from kafka import TopicPartition
from kafka.errors import Cancelled, KafkaError, KafkaTimeoutError
from kafka.future import Future

from penstock.jobs.kafka.line import Line, open_line


def unhurried(consumer: Any) -> Any:
    """The same kafka-python consumer, which asks for more only in the ``poll`` that wants it, unless it is behind.

    By itself it asks when it hands out what it has, or when a ``poll`` ends without records. A broker answers at the
    first new record, so the next ``poll`` gives that one only, and all that came after it must be asked for once more.
    Here that ``poll`` asks, and gets whatever has come by then. A consumer that is behind asks ahead: what it wants
    lies ready, and comes while it works.

    By itself it also asks through another thread and an event loop, at half of what it costs to read a few records.
    Here the thread that polls asks a single broker itself, over a line; where there are several, while there is no
    line yet and after one has failed it asks as ever.

    This reaches into kafka-python's fetcher and coordinator.
    """
    consumer._fetcher.fetch_records = _Fetching(consumer).fetch_records
    if consumer._coordinator is not None:
        _knows_its_coordinator(consumer._coordinator)
    return consumer


def _knows_its_coordinator(coordinator: Any) -> None:
    """Has each ``poll`` ask the event loop for the group's coordinator only where there is no connection to one."""
    find = coordinator.ensure_coordinator_ready

    def ready(timeout_ms: float | None = None) -> bool:
        known = coordinator.coordinator_id
        return (known is not None and coordinator._client.connected(known)) or bool(find(timeout_ms))

    coordinator.ensure_coordinator_ready = ready


class _Fetching:
    """What ``unhurried`` does."""

    def __init__(self, consumer: Any) -> None:
        self._fetcher = consumer._fetcher
        self._manager = self._fetcher._manager
        self._longest_ms = consumer.config["fetch_max_wait_ms"]
        self._timeout_s = consumer.config["request_timeout_ms"] / 1000
        #: The last line, or the one that is being opened, and the broker it goes to.
        self._line: Line | None = None
        self._opening: Future | None = None
        self._node = -1
        #: The line with a question that has no answer yet, its broker, and from where each partition is asked for.
        self._asked: tuple[Line, int, dict[TopicPartition, int]] | None = None

    def fetch_records(
        self, most: int | None = None, update_offsets: bool = True, timeout_ms: float | None = None
    ) -> tuple[dict[TopicPartition, list[Any]], bool]:
        """Stands for the fetcher's own: the records, and was there nothing that they could have come from?"""
        records, more = self._fetcher.fetched_records(most, update_offsets=update_offsets)
        idle = False
        if not records:
            idle = not self._wait(self._longest_ms if timeout_ms is None else min(timeout_ms, self._longest_ms))
            records, more = self._fetcher.fetched_records(most, update_offsets=update_offsets)
        if records and not more and _behind(self._fetcher._subscriptions):
            self._fetcher.send_fetches()
        return records, idle

    def _wait(self, timeout_ms: float) -> bool:
        """Returns when something has come or time is up. False, at once: there is nothing to wait for."""
        try:
            if self._asked is not None or self._ask(timeout_ms):
                self._take(timeout_ms)
                return True
        except KafkaError as error:
            self._give_up(error)
        return bool(self._manager.run(_ask_and_wait, self._fetcher, timeout_ms))

    def _ask(self, timeout_ms: float) -> bool:
        """Asks over the line, if that is the way now."""
        fetcher = self._fetcher
        if fetcher._nodes_with_pending_fetch_requests or _resetting(fetcher):
            return False
        nodes = {fetcher._select_read_replica(place) for place in fetcher._fetchable_partitions()}
        line = self._line_to(nodes.pop()) if len(nodes) == 1 else None
        if line is None:
            return False
        for node, (request, offsets) in fetcher._create_fetch_requests().items():
            if node != self._node:  # a leader has moved just now, and this is never sent
                fetcher._handle_fetch_error(node, Cancelled())
                continue
            request.max_wait_ms = int(timeout_ms)
            fetcher._nodes_with_pending_fetch_requests.add(node)
            self._asked = line, node, offsets
            line.write([request])
        return self._asked is not None

    def _take(self, timeout_ms: float) -> None:
        assert self._asked is not None
        line, node, offsets = self._asked
        answers = line.answers(timeout_ms / 1000)
        if answers is not None:
            self._asked = None
            self._fetcher._clear_pending_fetch_request(node, None)
            # throttled or not: a broker with a quota takes up the next question only when that is due
            self._fetcher._handle_fetch_response(node, offsets, time.monotonic(), *answers)

    def _give_up(self, error: KafkaError) -> None:
        if self._asked is not None:
            (_, node, _), self._asked = self._asked, None
            self._fetcher._clear_pending_fetch_request(node, None)
            self._fetcher._handle_fetch_error(node, error)

    def _line_to(self, node: int | None) -> Line | None:
        """None where there is none yet: it is being opened."""
        if node is None or node < 0:  # no leader
            return None
        if self._opening is not None and self._opening.is_done:
            self._line = self._opening.value if self._opening.succeeded() else None
            self._opening = None
        if self._line is not None and self._line.open and self._node == node:
            return self._line
        if self._opening is None:
            self._node = node
            self._opening = self._manager.call_soon(open_line, self._manager, node, f"fetch-{node}", self._timeout_s)
        return None


async def _ask_and_wait(fetcher: Any, timeout_ms: float) -> bool:
    """As ``_Fetching._wait``, through the event loop."""
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


def _resetting(fetcher: Any) -> bool:
    return fetcher._reset_task is not None and not fetcher._reset_task.is_done


def _behind(subscriptions: Any) -> bool:
    """Had a partition more than was read, when the broker last said?"""
    states = [subscriptions.assignment[place] for place in subscriptions.assigned_partitions()]
    return any(
        state.position is not None and state.highwater is not None and state.position.offset < state.highwater
        for state in states
    )
