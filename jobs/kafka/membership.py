"""A member of a group that sees its joins to their end, and says so when another has taken its name."""

from __future__ import annotations

from typing import Any

from kafka.errors import FencedInstanceIdError


def steadfast(consumer: Any) -> Any:
    """The same kafka-python consumer, mended in two places; this reaches into kafka-python's coordinator.

    A join that takes longer than one ``poll`` goes on by itself, and a later ``poll`` takes up its outcome, but only as
    long as there is a reason to join. When the reason is a partition that was just learnt of, the join itself removes
    it: the outcome is never taken up, and the member neither reads nor tells the group that it lives. Here a join under
    way is a reason, too.

    A heartbeat that is answered with FencedInstanceIdError ends the heartbeats and is told to nobody: a member whose
    name another has taken would stand still. Here the next ``poll`` raises it.
    """
    coordinator = consumer._coordinator
    if coordinator is not None:
        _joins_to_the_end(coordinator)
        _tells_that_it_is_fenced(coordinator)
    return consumer


def _joins_to_the_end(coordinator: Any) -> None:
    needed = coordinator.need_rejoin
    coordinator.need_rejoin = lambda: coordinator._join_task is not None or needed()


def _tells_that_it_is_fenced(coordinator: Any) -> None:
    fenced: list[FencedInstanceIdError] = []
    send, poll = coordinator._send_heartbeat_request, coordinator.poll_heartbeat

    async def _send() -> None:
        try:
            await send()
        except FencedInstanceIdError as error:
            fenced.append(error)
            raise

    def _poll() -> None:
        if fenced:
            raise fenced.pop()
        poll()

    coordinator._send_heartbeat_request, coordinator.poll_heartbeat = _send, _poll
