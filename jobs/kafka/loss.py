"""Positions in a topic that no longer exist: how many offsets are missing, and what a job says of them.

Retention deletes records that nobody has read yet, and a topic that is made anew has other records at the same offsets.
No job replaces such a position by itself: it ends, unless it was told to accept the loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from penstock.features.errors import RefusedError
from penstock.jobs.kafka.errors import OffsetGone
from penstock.jobs.kafka.interface import Consumer, Place

#: The option with which a user accepts a loss, the same one for every command that reads on.
OPTION = "--accept-loss"


_ACCEPT = f"{OPTION} goes on with the first records that there are; what is missing is counted"
_END_LOST = "its end was lost, or the offset is wrong: take another --group, or for a stream delete its state"


@dataclass(frozen=True)
class Loss:
    """A partition's next offset ``position`` is no longer there: records go from ``first`` to before ``end``."""

    place: Place
    position: int
    first: int
    end: int

    @property
    def missing(self) -> int:
        """Offsets that can never be read; 0 where the partition's end was lost, and nobody knows what lay there."""
        return max(0, self.first - self.position)

    def __str__(self) -> str:
        name = f"{self.place.topic}-{self.place.partition}"
        if self.missing:
            span = f"{self.position} to {self.first - 1}"
            return f"{self.missing} offsets of {name} no longer exist before they were read ({span})"
        return f"{name} has no offset {self.position}, which was to be read next: it ends at {self.end}"


@dataclass(frozen=True)
class Anew:
    """A topic was deleted and made anew; ``missing``: offsets of the old one that were unread when it was last seen."""

    topic: str
    missing: int

    def __str__(self) -> str:
        return f"{self.topic} was deleted and made anew: {self.missing} offsets, when it was last seen, were not read"


def loss_of(reader: Consumer, gone: OffsetGone) -> Loss:
    """What an offset that is gone means, by what the partition has now. Raises Unanswered."""
    place = Place(gone.topic, gone.partition)
    return Loss(place, gone.offset, reader.beginning_offsets([place])[place], reader.end_offsets([place])[place])


def losses_of(positions: Mapping[Place, int], first: Mapping[Place, int], ends: Mapping[Place, int]) -> list[Loss]:
    """The positions that lie outside of their partitions, each with what is missing."""
    return [
        Loss(place, position, first[place], ends[place])
        for place, position in sorted(positions.items())
        if not first[place] <= position <= ends[place]
    ]


def refused(losses: Iterable[Loss], where: str) -> RefusedError:
    """The error of a job that does not go on by itself. ``where``: the consumer group or the state."""
    known = list(losses)
    return RefusedError(
        "; ".join(map(str, known)),
        where=where,
        allowed=", ".join(f"{loss.place.topic}-{loss.place.partition}: {loss.first} to {loss.end}" for loss in known),
        hint=_ACCEPT if all(loss.missing for loss in known) else _END_LOST,
    )


def made_anew(changes: Sequence[Anew], where: str) -> RefusedError:
    """The error for topics that were deleted since they were read last."""
    return RefusedError(
        "; ".join(map(str, changes)),
        where=where,
        hint=f"{OPTION} goes on with the first records of the topic that is there now; what is missing is counted",
    )
