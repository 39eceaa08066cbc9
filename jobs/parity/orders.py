"""Orders of arrival: the one given, and others that the source allows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from features.plan import SourcePlan
from jobs.parity.events import Arrival


@dataclass(frozen=True)
class Order:
    """``name`` says which order ``arrivals`` is."""

    name: str
    arrivals: Sequence[Arrival]


def orders(source: SourcePlan, came: Sequence[Arrival], shuffles: int, seed: int) -> list[Order]:
    """The order of arrival, and so many shuffled ones; equal seeds give equal orders."""
    shuffled = [Order(f"shuffle {i + 1}", _shuffled(source, came, random.Random(seed + i))) for i in range(shuffles)]
    return [Order("as they came", came), *shuffled]


def _shuffled(source: SourcePlan, came: Sequence[Arrival], chance: random.Random) -> list[Arrival]:
    """In event-time order but for the source's disorder: each event is held up for at most so long, events of one time
    come in any order. An event without a time stays by the one before it; rows without times come in any order.
    """
    if source.time is None:
        return chance.sample(came, len(came))
    reached = 0
    places = []
    for arrival in came:
        if arrival.row is not None and arrival.bad is None:
            reached = arrival.row[source.time]
        places.append((reached + chance.randint(0, source.disorder_ms), chance.random()))
    return [came[i] for i in sorted(range(len(came)), key=lambda i: places[i])]
