"""The features of one argument under one condition: they share what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from penstock.features.aggregates import AnyAggregate
from penstock.features.compilers.duckdb.columns import Bools
from penstock.features.compilers.duckdb.frames import Frames, Range
from penstock.features.compilers.duckdb.keyed_events import KeyedEvents
from penstock.features.compilers.duckdb.sums import range_counts
from penstock.features.compilers.duckdb.view import Held, Part
from penstock.features.compilers.duckdb.words import Int64s
from penstock.features.plan import FeaturePlan, ViewPlan


@dataclass(frozen=True, eq=False)
class Group:
    """Features of a plan, and the events and change points of a chunk."""

    plan: ViewPlan
    features: list[FeaturePlan]
    events: KeyedEvents
    points: Frames

    @property
    def arg(self) -> int:
        """The argument; only ``count`` has none, and asks for none."""
        return self.features[0].arg or 0

    def windows(self, wanted: Callable[[AnyAggregate], bool]) -> list[int]:
        """The windows over which some of these aggregates are wanted."""
        return list(dict.fromkeys(f.window for f in self.features if wanted(f.aggregate)))

    def ranges(self, windows: Iterable[int]) -> list[Range]:
        """The ranges of these windows."""
        return [self.points.ranges[window] for window in windows]

    @cached_property
    def known(self) -> Bools | None:
        """Which events take part; None: all."""
        chosen = self.events.chosen(self.features[0].where)
        present = None if self.features[0].arg is None else self.events.present(self.arg)
        if chosen is None or present is None:
            return present if chosen is None else chosen
        return chosen & present

    @cached_property
    def alive(self) -> dict[int, Int64s]:
        """By window, how many events take part at each point, without those that lifetimes held at the start."""
        windows = list(dict.fromkeys(f.window for f in self.features))
        return dict(zip(windows, range_counts(self.known, self.ranges(windows)), strict=True))

    @cached_property
    def places(self) -> Int64s:
        """The events that take part."""
        known = self.known
        return np.arange(len(self.events.key)) if known is None else np.flatnonzero(known)

    @cached_property
    def taking_part(self) -> dict[int, Range]:
        """By window, the ranges among the events that take part."""
        known, windows = self.known, list(dict.fromkeys(f.window for f in self.features))
        if known is None:
            return dict(zip(windows, self.ranges(windows), strict=True))
        before = np.concatenate((np.zeros(1, np.int64), np.cumsum(known, dtype=np.int64)))
        return {w: Range(before[r.low], before[r.high]) for w, r in zip(windows, self.ranges(windows), strict=True)}

    def lasting(self, window: int) -> bool:
        """Does nothing leave this window?"""
        return self.plan.windows[window].kind == "lifetime"

    def before(self, part: Part) -> pa.Array | None:
        """What lifetimes held at the slice's start, a row per key; None: nothing."""
        return self.events.before(Held(part, self.features[0].arg, self.features[0].where))


def groups(plan: ViewPlan, events: KeyedEvents, points: Frames) -> list[Group]:
    """All features of a plan in their groups."""
    found: dict[tuple[int | None, int | None], list[FeaturePlan]] = {}
    for feature in plan.features:
        found.setdefault((feature.arg, feature.where), []).append(feature)
    return [Group(plan, features, events, points) for features in found.values()]
