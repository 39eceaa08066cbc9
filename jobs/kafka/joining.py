"""Joins of a group that are seen to their end."""

from __future__ import annotations

from typing import Any


def joining(consumer: Any) -> Any:
    """The same kafka-python consumer, which never leaves a join that it has begun.

    A join that takes longer than one ``poll`` goes on by itself, and a later ``poll`` takes up its outcome, but only as
    long as there is a reason to join. When the reason is a partition that was just learnt of, the join itself removes
    it: the outcome is never taken up, and the member neither reads nor tells the group that it lives. Here a join under
    way is a reason, too. This reaches into kafka-python's coordinator.
    """
    coordinator = consumer._coordinator
    if coordinator is not None:
        needed = coordinator.need_rejoin
        coordinator.need_rejoin = lambda: coordinator._join_task is not None or needed()
    return consumer
