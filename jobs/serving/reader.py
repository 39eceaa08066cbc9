"""Reading requests as a member of a group, always from what the group has committed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

from kafka import TopicPartition
from kafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
from kafka.structs import MemberState

from features.errors import PenstockError, UsageError
from jobs.serving.transactions import LostPartitions

#: How long a group may take to say what it has committed, in milliseconds: another's open transaction must end first.
COMMITTED_MS = 30_000


class Reader:
    """``consumer`` (a group's, without auto-commit and reset) with positions that follow the group's commits.

    ``start``: partition → the first offset, where the group has none; the partition's beginning unless given.
    ``told`` gets a line for each partition that is taken up.
    """

    def __init__(
        self, consumer: Any, topic: str, start: Mapping[int, int], told: Callable[[str], None] = lambda line: None
    ) -> None:
        self._consumer, self._start, self._told = consumer, start, told
        self._check_partitions(topic)
        #: The group's metadata since the partitions were taken up; it goes with the offsets of what was read.
        self.group: Any = None

    def poll(self, timeout_ms: float, most: int) -> list[Any]:
        """At most ``most`` records, by partition in order; none after ``timeout_ms``.

        Raises LostPartitions when the partitions may have changed: all that was read and not committed is void and
        will be read again by whoever has them now. Raises PenstockError when the topic no longer has what is next.
        """
        try:
            polled = self._consumer.poll(timeout_ms=timeout_ms, max_records=most)
        except NoOffsetForPartitionError:
            self.group = None
            polled = {}
        except OffsetOutOfRangeError as error:
            raise self._gone(error) from None
        if self.group is None:
            self._take_up()
            return []
        if not self._is_member():
            raise LostPartitions
        return list(chain.from_iterable(polled.values()))

    def let_go(self) -> None:
        """Has reading begin again at what is committed, after LostPartitions."""
        self.group = None

    def _is_member(self) -> bool:
        """Is this still the generation in which the partitions were taken up?"""
        now = self._consumer.group_metadata()
        return (
            self.group is not None and now.state == MemberState.STABLE and _generation(now) == _generation(self.group)
        )

    def _take_up(self) -> None:
        self.group = None
        group = self._consumer.group_metadata()
        if group.state != MemberState.STABLE:
            return
        for place in self._consumer.assignment():
            self._consumer.seek(place, self._first(place))
        self.group = group

    def _first(self, place: TopicPartition) -> int:
        committed: int | None = self._consumer.committed(place, timeout_ms=COMMITTED_MS)
        if committed is not None:
            self._told(f"{place.topic}-{place.partition} from offset {committed}, committed by the group")
            return committed
        first = self._start.get(place.partition)
        if first is None:
            first = self._consumer.beginning_offsets([place])[place]
        self._told(f"{place.topic}-{place.partition} from offset {first}")
        return first

    def _check_partitions(self, topic: str) -> None:
        there = sorted(self._consumer.partitions_for_topic(topic) or ())
        unknown = sorted(set(self._start) - set(there))
        if unknown:
            raise UsageError(
                f"{topic} has no partition {unknown[0]}",
                where="--from-offsets",
                allowed=f"partitions {', '.join(map(str, there))}",
            )

    def _gone(self, error: OffsetOutOfRangeError) -> PenstockError:
        (place, offset), *_ = error.args[0].items()
        first, last = self._consumer.beginning_offsets([place])[place], self._consumer.end_offsets([place])[place]
        return PenstockError(
            f"{place.topic}-{place.partition} has no offset {offset}",
            where=f"group {self._consumer.config['group_id']}",
            allowed=f"{first} to {last}",
            hint="requests were deleted before they were read, or the topic is another one: start with a new --group",
        )


def _generation(group: Any) -> tuple[int, str]:
    return group.generation_id, group.member_id
