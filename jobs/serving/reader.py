"""Reading requests as a member of a group, always from what the group has committed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain

from features.errors import UsageError
from jobs.kafka.errors import LostPartitions, OffsetGone, Unreadable
from jobs.kafka.interface import Consumer, Membership, Place, Record
from jobs.kafka.loss import loss_of, refused
from jobs.serving.requests import Damaged

#: How long a group may take to say what it has committed, in milliseconds: another's open transaction must end first.
COMMITTED_MS = 30_000


class Reader:
    """``consumer`` (a group's, without auto-commit and reset) with positions that follow the group's commits.

    ``start``: partition → the first offset, where the group has none; the partition's beginning unless given.
    ``accept_loss``: requests that no longer exist before they were read are counted in ``lost``; otherwise they raise
    RefusedError. ``check`` raises what else ends the reading. ``told`` gets a line for each partition that is taken
    up, and for each loss.
    """

    def __init__(
        self,
        consumer: Consumer,
        topic: str,
        start: Mapping[int, int],
        told: Callable[[str], None] = lambda line: None,
        *,
        accept_loss: bool = False,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._consumer, self._start, self._told = consumer, start, told
        self._accept_loss, self._check = accept_loss, check
        self.lost = 0
        self._check_partitions(topic)
        #: The membership in which the partitions were taken up; it goes with the offsets of what was read.
        self.group: Membership | None = None

    def poll(self, timeout_ms: float, most: int) -> list[Record]:
        """At most ``most`` records, by partition in order; none after ``timeout_ms``. Unreadable ones are ``Damaged``.

        Raises LostPartitions when the partitions may have changed: all that was read and not committed is void and
        will be read again by whoever has them now. Raises RefusedError when the topic no longer has what is next.
        """
        self._check()
        try:
            polled = self._consumer.poll(timeout_ms, most)
        except OffsetGone as gone:
            self._lose(gone)
            return []
        except Unreadable as damaged:
            polled = self._go_past(damaged)
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

    def _go_past(self, damaged: Unreadable) -> Mapping[Place, Sequence[Record]]:
        """The records that cannot be read, each with its place alone."""
        place = Place(damaged.topic, damaged.partition)
        self._consumer.seek(place, damaged.last + 1)
        offsets = range(damaged.offset, damaged.last + 1)
        return {place: [Damaged(*place, offset, damaged.why) for offset in offsets]}

    def _lose(self, gone: OffsetGone) -> None:
        """Counts what is missing and goes on with the first requests that there are, or raises RefusedError."""
        loss = loss_of(self._consumer, gone)
        # without its end nobody knows which of the requests there are have been answered
        if not (self._accept_loss and loss.missing):
            raise refused([loss], f"group {self._consumer.group_id}")
        self._told(f"accepted: {loss}")
        self.lost += loss.missing
        self._consumer.seek(loss.place, loss.first)
