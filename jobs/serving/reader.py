"""Reading requests as a member of a group, always from what the group has committed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain

from penstock.features.errors import UsageError
from penstock.jobs.kafka.errors import LostPartitions, OffsetGone, Unreadable
from penstock.jobs.kafka.interface import Consumer, Membership, Place, Record
from penstock.jobs.kafka.loss import loss_of, refused
from penstock.jobs.serving.begin import Begin
from penstock.jobs.serving.requests import Damaged

#: How long a group may take to say what it has committed, in milliseconds: another's open transaction must end first.
COMMITTED_MS = 30_000


class Reader:
    """``consumer`` (a group's, without auto-commit and reset) with positions that follow the group's commits.

    ``begin``: for each topic, where a group begins that has committed nothing in it. ``start``: partition → the first
    offset, where the group has committed none; it goes before ``begin``, and is of the only topic. Other partitions
    were added later: they begin at their beginning. ``accept_loss``: requests that no longer exist before they were
    read are counted in ``lost``; otherwise they raise RefusedError. ``check`` raises what else ends the reading.
    ``told`` gets a line for each partition that is taken up, and for each loss. Raises UsageError for partitions, and
    for offsets, that the topic does not have.
    """

    def __init__(
        self,
        consumer: Consumer,
        begin: Mapping[str, Begin],
        start: Mapping[int, int],
        told: Callable[[str], None] = lambda line: None,
        *,
        accept_loss: bool = False,
        check: Callable[[bool], None] = lambda now: None,
    ) -> None:
        self._consumer, self._topics, self._told = consumer, list(begin), told
        self._accept_loss, self._check = accept_loss, check
        self.lost = 0
        #: Where reading goes on after each loss that has been counted.
        self._past: dict[Place, int] = {}
        #: Where each partition begins that nothing is committed of.
        self._first: dict[Place, int] = {}
        # before the group is joined: members that join together all see that nothing is committed
        for topic, where in begin.items():
            self._first |= self._first_offsets(topic, start, where)
        #: The membership in which the partitions were taken up; it goes with the offsets of what was read.
        self.group: Membership | None = None

    def poll(self, timeout_ms: float, most: int) -> list[Record]:
        """At most ``most`` records, by partition in order; none after ``timeout_ms``. Unreadable ones are ``Damaged``.

        Raises LostPartitions when the partitions may have changed: all that was read and not committed is void and
        will be read again by whoever has them now. Raises RefusedError when the topic no longer has what is next.
        """
        self._check(False)
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

    def go_on(self, consumer: Consumer) -> None:
        """Has a new consumer of the group read on, from what is committed."""
        self._consumer = consumer
        self.let_go()

    def _first_offsets(self, topic: str, start: Mapping[int, int], begin: Begin) -> dict[Place, int]:
        places = self._consumer.places(topic)
        self._check_partitions(topic, places, start)
        new = [place for place in places if self._consumer.committed(place, COMMITTED_MS) is None]
        given = {place: start[place.partition] for place in new if place.partition in start}
        self._check_offsets(given)
        return {**(self._begin(places, begin) if new == places else {}), **given}

    def _take_up(self) -> None:
        group = self._consumer.membership()
        if group is None:
            return
        committed = {place: self._consumer.committed(place, COMMITTED_MS) for place in self._consumer.assignment()}
        new = [place for place, offset in committed.items() if offset is None]
        begun = self._begin_at(new) if new else {}
        if begun is None:
            return
        for place, offset in committed.items():
            self._consumer.seek(place, begun[place] if offset is None else offset)
            known = "committed by the group" if offset is not None else "the group had committed none"
            self._told(f"{place.topic}-{place.partition} from offset {begun.get(place, offset)}, {known}")
        self.group = group

    def _begin_at(self, new: Sequence[Place]) -> dict[Place, int] | None:
        """Commits where partitions begin of which nothing was committed; None while that is for another member to do.

        The member with the topic's first partition commits the beginnings of all, at once. So whoever joins later sees
        either that the group has not begun, or that a partition without an offset was added since.
        """
        waits, offsets = False, dict[Place, int]()
        for topic in self._topics:
            own = [place for place in new if place.topic == topic]
            places = self._to_begin(topic, own) if own else []
            waits |= places is None
            offsets |= {place: self._first_of(place) for place in places or ()}
        if offsets:
            # a restart must go on here, though nothing was asked meanwhile
            self._consumer.commit(offsets, COMMITTED_MS)
        return None if waits else offsets

    def _to_begin(self, topic: str, own: list[Place]) -> list[Place] | None:
        """The partitions whose beginning this member commits; None while that is for another member to do."""
        first = Place(topic, 0)
        if first in own:
            others = set(self._consumer.places(topic)) - self._consumer.assignment()
            return own + [place for place in others if self._consumer.committed(place, COMMITTED_MS) is None]
        return None if self._consumer.committed(first, COMMITTED_MS) is None else own

    def _first_of(self, place: Place) -> int:
        first = self._first.get(place)
        return first if first is not None else self._consumer.beginning_offsets([place])[place]

    def _begin(self, places: Sequence[Place], begin: Begin) -> Mapping[Place, int]:
        if begin == "earliest":
            return {}
        ends = self._consumer.end_offsets(places)
        if begin == "latest":
            return ends
        since = self._consumer.offsets_for_times(dict.fromkeys(places, begin))
        return {place: ends[place] if offset is None else offset for place, offset in since.items()}

    def _check_partitions(self, topic: str, places: Sequence[Place], start: Mapping[int, int]) -> None:
        there = [place.partition for place in places]
        unknown = sorted(set(start) - set(there))
        if unknown:
            raise UsageError(
                f"{topic} has no partition {unknown[0]}",
                where="--from-offsets",
                allowed=f"partitions {', '.join(map(str, there))}",
            )

    def _check_offsets(self, given: Mapping[Place, int]) -> None:
        """They are about to be committed: later nobody could tell that the topic never had them."""
        first, end = self._consumer.beginning_offsets(given), self._consumer.end_offsets(given)
        for place, offset in given.items():
            if not first[place] <= offset <= end[place]:
                raise UsageError(
                    f"{place.topic}-{place.partition} has no offset {offset}",
                    where="--from-offsets",
                    allowed=f"{place.topic}-{place.partition}: {first[place]} to {end[place]}",
                )

    def _go_past(self, damaged: Unreadable) -> Mapping[Place, Sequence[Record]]:
        """The records that cannot be read, each with its place alone."""
        place = Place(damaged.topic, damaged.partition)
        self._consumer.seek(place, damaged.last + 1)
        offsets = range(damaged.offset, damaged.last + 1)
        return {place: [Damaged(*place, offset, damaged.why) for offset in offsets]}

    def _lose(self, gone: OffsetGone) -> None:
        """Counts what is missing and goes on with the first requests that there are, or raises RefusedError."""
        place = Place(gone.topic, gone.partition)
        if gone.offset < self._past.get(place, 0):
            # who takes up a partition goes back to what is committed, which lies before the loss
            self._consumer.seek(place, self._past[place])
            return
        loss = loss_of(self._consumer, gone)
        if not loss.missing:
            self._check(True)
        # without its end nobody knows which of the requests there are have been answered
        if not (self._accept_loss and loss.missing):
            raise refused([loss], f"group {self._consumer.group_id}")
        self._told(f"accepted: {loss}")
        self.lost += loss.missing
        self._past[place] = loss.first
        self._consumer.seek(place, loss.first)
