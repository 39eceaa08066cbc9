"""How much state the window operator keeps for a key, read off its Java classes.

    bytes of a key = fixed + events alive * per event + steps with events * per step

``KeyState`` and ``Head`` make the fixed part, with one accumulator for each (argument, condition, window); the columns
of ``Chunk`` hold the events that are alive in the longest window that needs them one by one. The bytes are those of the
values: the objects around them take some hundred more per key on the heap, and none in RocksDB.

For longer windows that events leave on a grid, ``Steps`` keeps the events of a step as one entry, with a part for each
accumulator from which they are subtracted.
"""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import dataclass

from penstock.features.plan import FeaturePlan, ViewPlan
from penstock.features.windows import Window

#: Clock, seq, timer, offset, first and last chunk, last chunk id; source, partition.
KEY_BYTES = 7 * 8 + 2 * 4
#: First and last chunk of the steps that are kept beside events.
SECOND_LOG_BYTES = 2 * 8
#: Chunk, index, leave.
HEAD_BYTES = 8 + 4 + 8
#: Time, nulls, conditions.
EVENT_BYTES = 3 * 8
#: A number, a bool or a timestamp.
VALUE_BYTES = 8
#: A text of 16 ASCII characters: reference, String, byte array. Longer ones take a byte per character more.
TEXT_BYTES = 4 + 24 + 16 + 16

_SHAPES = ("skew", "kurtosis")
_SQUARED = ("var", "std", *_SHAPES)
_TOTALS = ("sum", "mean", "decayed_sum", "decayed_mean", *_SQUARED)
_RANKED = ("distinct", "percentile", "top_k")
_SINGLES = ("first", "last")
#: What Steps carries, and of that what is gone by its time alone.
_BY_TIME = ("min", "max", "last")
_STEPPED = ("count", "sum", "mean", *_SQUARED, "first", "histogram", *_BY_TIME)
#: By what features can share an accumulator, condition and window its bytes: fixed, and for each event at most.
Accumulators = dict[tuple[tuple[object, ...], int | None, int], tuple[int, int]]
#: Count, a 128-bit sum; a 192-bit sum of squares; the third and fourth powers of 2**53 in up to 2**32 events.
_TOTAL_BYTES, _SQUARES_BYTES, _POWERS_BYTES = 8 + 16, 24, 24 + 32
_COUNT_BYTES = 8


@dataclass(frozen=True)
class StepsSize:
    """``per_step``: bytes for each step of ``step_ms`` that has events, ``most_per_step`` when each of them has a
    candidate of every extreme. ``alive_ms``: how long a step is kept at most after its first event.
    """

    per_step: int
    most_per_step: int
    alive_ms: int
    step_ms: int


@dataclass(frozen=True)
class StateSize:
    """``fixed``: bytes of a key without events. ``per_event``: bytes for each event alive, ``most_per_event`` when each
    of them is a candidate of every extreme. ``alive_ms``: how long an event is kept at most, one of a session after its
    last one; None: none is. ``steps``: what is kept for windows that need no single events; None: there are none.
    """

    fixed: int
    per_event: int
    most_per_event: int
    alive_ms: int | None
    steps: StepsSize | None = None


def state_size(plan: ViewPlan) -> StateSize:
    """The estimate for a view or a table."""
    stepped, accumulators = _stepped(plan), _accumulators(plan)
    lives = _lives(plan, stepped)
    heads = len(lives) + len(stepped) + sum(window.waits or window.kind == "session" for window in plan.windows)
    fixed = KEY_BYTES + HEAD_BYTES * heads + sum(fixed for fixed, _ in accumulators.values())
    steps = _steps(plan, stepped, accumulators) if stepped else None
    if not lives:
        return StateSize(fixed, 0, 0, None, steps)
    event = EVENT_BYTES + sum(_bytes(arg.type) for arg in plan.args)
    event += TEXT_BYTES if plan.source.named else 0
    candidates = sum(each for (_, _, window), (_, each) in accumulators.items() if window not in stepped)
    return StateSize(fixed + SECOND_LOG_BYTES * bool(stepped), event, event + candidates, max(lives), steps)


def _lives(plan: ViewPlan, stepped: Set[int]) -> list[int]:
    """How long each window keeps its events, but for those that keep steps and for lifetimes, in milliseconds."""
    kept = [
        _life(plan, window)
        for place, window in enumerate(plan.windows)
        if place not in stepped and window.kind != "lifetime"
    ]
    # a lifetime knows repeats for so long
    has_lifetime = any(window.kind == "lifetime" for window in plan.windows)
    return [*kept, plan.source.lateness_ms] if plan.source.named and has_lifetime else kept


def _life(plan: ViewPlan, window: Window) -> int:
    # a late event can join a session for so long after its end
    return window.reach_ms + (plan.source.lateness_ms if window.kind == "session" else 0)


def _stepped(plan: ViewPlan) -> Set[int]:
    """The windows for which steps are kept in place of events, by their places, as ``Steps.of`` has it."""
    if plan.source.named:
        return frozenset()
    uncarried = {feature.window for feature in plan.features if feature.aggregate not in _STEPPED}
    able = {
        place
        for place, window in enumerate(plan.windows)
        if window.kind == "sliding" and window.step_ms and not window.delay_ms and place not in uncarried
    }
    # where events are kept as long for another window, steps would be kept beside them
    kept = max(_lives(plan, able), default=0)
    return {place for place in able if plan.windows[place].reach_ms > kept}


def _steps(plan: ViewPlan, stepped: Set[int], accumulators: Accumulators) -> StepsSize:
    windows = [plan.windows[place] for place in stepped]
    per_step = EVENT_BYTES + _parts(stepped, accumulators)
    candidates = sum(each for (_, _, window), (_, each) in accumulators.items() if window in stepped)
    step_ms = math.gcd(*(window.step_ms for window in windows))
    return StepsSize(per_step, per_step + candidates, max(window.reach_ms for window in windows), step_ms)


def _parts(stepped: Set[int], accumulators: Accumulators) -> int:
    """Bytes of a step's parts: accumulators over unlike windows share one where they are of one size."""
    parts = {
        (family, where, fixed)
        for (family, where, window), (fixed, _) in accumulators.items()
        if window in stepped and family[0] not in _BY_TIME
    }
    return sum(fixed for _, _, fixed in parts)


def _accumulators(plan: ViewPlan) -> Accumulators:
    """The bytes of each accumulator. Features that can share one do."""
    shared: Accumulators = {}
    for feature in plan.features:
        for window in feature.ages or (feature.window,):
            name = (_family(feature), feature.where, window)
            shared[name] = max(shared.get(name, (0, 0)), _accumulator(plan, feature))
    return shared


def _family(feature: FeaturePlan) -> tuple[object, ...]:
    """What tells accumulators of one condition and window apart."""
    if feature.aggregate == "latest":
        return ("latest",)
    if feature.aggregate in _TOTALS:
        return ("totals", feature.arg)
    if feature.aggregate in _RANKED:
        return ("ranked", feature.arg)
    return (feature.aggregate, feature.arg, feature.by, feature.parameters)


def _accumulator(plan: ViewPlan, feature: FeaturePlan) -> tuple[int, int]:
    if feature.aggregate == "count":
        return _COUNT_BYTES, 0
    if feature.aggregate in _TOTALS:
        squares = _SQUARES_BYTES if feature.aggregate in _SQUARED else 0
        return _TOTAL_BYTES + squares + (_POWERS_BYTES if feature.aggregate in _SHAPES else 0), 0
    if feature.aggregate == "histogram":
        return _COUNT_BYTES * feature.most, 0
    if feature.aggregate == "latest":
        return 1 + 2 * 8 + sum(_bytes(arg.type) for arg in plan.args), 0
    value = _bytes(plan.args[feature.arg].type) if feature.arg is not None else VALUE_BYTES
    if feature.aggregate in _RANKED:
        orders = 2 if feature.aggregate == "top_k" else 1
        return 2 * _COUNT_BYTES, orders * (value + _COUNT_BYTES)  # each different value and its count: every event's
    if feature.parameters.k is not None:
        return (8 + value) * feature.parameters.k, 0
    if feature.by is not None:
        value += _bytes(plan.args[feature.by].type)
    if feature.aggregate in _SINGLES or plan.windows[feature.window].endless:
        return 1 + 8 + value, 0
    return 0, 8 + value  # candidates with their times: every event, at worst


def _bytes(type: str) -> int:
    return TEXT_BYTES if type == "string" else VALUE_BYTES
