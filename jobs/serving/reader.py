"""Reading requests as a member of a group, always from what the group has committed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain

from features.errors import PenstockError, UsageError
from jobs.kafka.errors import LostPartitions, OffsetGone
from jobs.kafka.interface import Consumer, Membership, Place, Record

#: How long a group may take to say what it has committed, in milliseconds: another's open transaction must end first.
COMMITTED_MS = 30_000


class Reader:
    """``consumer`` (a group's, without auto-commit and reset) with positions that follow the group's commits.

    ``start``: partition → the first offset, where the group has none; the partition's beginning unless given.
    ``told`` gets a line for each partition that is taken up.
    """

    def __init__(
        self,
        consumer: Consumer,
        topic: str,
        start: Mapping[int, int],
        told: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._consumer, self._start, self._told = consumer, start, told
        self._check_partitions(topic)
        #: The membership in which the partitions were taken up; it goes with the offsets of what was read.
        self.group: Membership | None = None

    def poll(self, timeout_ms: float, most: int) -> list[Record]:
        """At most ``most`` records, by partition in order; none after ``timeout_ms``.

        Raises LostPartitions when the partitions may have changed: all that was read and not committed is void and
        will be read again by whoever has them now. Raises PenstockError when the topic no longer has what is next.
        """
        try:
            polled = self._consumer.poll(timeout_ms, most)
        except OffsetGone as error:
            raise self._gone(error) from None
        if self.group is None:
            self._take_up()
            return []
        if self._consumer.membership() != self.group:
            raise LostPartitions
        return list(chain.from_iterable(polled.values()))

    def let_go(self) -> None:
        """Has reading begin again at what is committed, after LostPartitions."""
        self.group = None

    def _take_up(self) -> None:
        group = self._consumer.membership()
        if group is None:
            return
        for place in self._consumer.assignment():
            self._consumer.seek(place, self._first(place))
        self.group = group

    def _first(self, place: Place) -> int:
        committed = self._consumer.committed(place, COMMITTED_MS)
        if committed is not None:
            self._told(f"{place.topic}-{place.partition} from offset {committed}, committed by the group")
            return committed
        first = self._start.get(place.partition)
        if first is None:
            first = self._consumer.beginning_offsets([place])[place]
        self._told(f"{place.topic}-{place.partition} from offset {first}")
        return first

    def _check_partitions(self, topic: str) -> None:
        there = [place.partition for place in self._consumer.places(topic)]
        unknown = sorted(set(self._start) - set(there))
        if unknown:
            raise UsageError(
                f"{topic} has no partition {unknown[0]}",
                where="--from-offsets",
                allowed=f"partitions {', '.join(map(str, there))}",
            )

    def _gone(self, error: OffsetGone) -> PenstockError:
        place = Place(error.topic, error.partition)
        first, last = self._consumer.beginning_offsets([place])[place], self._consumer.end_offsets([place])[place]
        return PenstockError(
            str(error),
            where=f"group {self._consumer.group_id}",
            allowed=f"{first} to {last}",
            hint="requests were deleted before they were read, or the topic is another one: start with a new --group",
        )
