"""Orders of arrival: the one given, and others that the source allows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.jobs.parity.events import Arrival


@dataclass(frozen=True)
class Order:
    """``name`` says which order ``arrivals`` is."""

    name: str
    arrivals: Sequence[Arrival]


def orders(came: Sequence[Arrival], shuffles: int, seed: int) -> list[Order]:
    """The order of arrival; that of event time where it is another one, because there the stream must have batch's row
    at every time; and so many shuffled ones. Equal seeds give equal orders.
    """
    times = _times(came)
    by_time = [came[i] for i in sorted(range(len(came)), key=lambda i: times[i])]
    return [
        Order("as they came", came),
        *([Order("by time", by_time)] if by_time != list(came) else []),
        *(Order(f"shuffle {i + 1}", _shuffled(came, times, random.Random(seed + i))) for i in range(shuffles)),
    ]


def _times(came: Sequence[Arrival]) -> list[int]:
    """When each event happened; one without a time has that of the one before it, and so have rows without times."""
    times, reached = [], 0
    for arrival in came:
        reached = reached if arrival.time is None else arrival.time
        times.append(reached)
    return times


def _shuffled(came: Sequence[Arrival], times: Sequence[int], chance: random.Random) -> list[Arrival]:
    """In event-time order but for the sources' disorder: each event is held up for at most so long, and events of one
    time come in any order.
    """
    delays = (chance.randint(0, arrival.source.disorder_ms) for arrival in came)
    places = [(time + delay, chance.random()) for time, delay in zip(times, delays, strict=True)]
    return [came[i] for i in sorted(range(len(came)), key=lambda i: places[i])]
