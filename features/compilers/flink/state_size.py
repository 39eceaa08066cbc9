"""How much state the window operator keeps for a key, read off its Java classes.

    bytes of a key = fixed + events alive * per event

``KeyState`` and ``Head`` make the fixed part, with one accumulator for each (argument, condition, window); the columns
of ``Chunk`` hold the events that are alive in the longest window. The bytes are those of the values: the objects around
them take some hundred more per key on the heap, and none in RocksDB.

Where all events leave on a grid, ``Steps`` keeps the events of a step as one entry, with a part for each accumulator
from which they are subtracted:

    bytes of a key = fixed + steps with events * per step
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from features.plan import FeaturePlan, ViewPlan

#: Clock, seq, timer, offset, first and last chunk, last chunk id; source, partition.
KEY_BYTES = 7 * 8 + 2 * 4
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
class StateSize:
    """``fixed``: bytes of a key without events. ``per_event``: bytes for each event alive, ``most_per_event`` when each
    of them is a candidate of every extreme; with ``step_ms`` bytes for each step of that length that has events.
    ``alive_ms``: how long an event is kept at most, one of a session after its last one; None: none is.
    """

    fixed: int
    per_event: int
    most_per_event: int
    alive_ms: int | None
    step_ms: int | None = None


def state_size(plan: ViewPlan) -> StateSize:
    """The estimate for a view or a table."""
    lives = [window.reach_ms for window in plan.windows if not window.endless]
    # a late event can join a session for so long after its end, and a lifetime knows repeats for so long
    lives += [window.reach_ms + plan.source.lateness_ms for window in plan.windows if window.kind == "session"]
    if plan.source.named and len(lives) < len(plan.windows):
        lives.append(plan.source.lateness_ms)
    accumulators = _accumulators(plan)
    heads = len(lives) + sum(window.waits or window.kind == "session" for window in plan.windows)
    fixed = KEY_BYTES + HEAD_BYTES * heads + sum(fixed for fixed, _ in accumulators.values())
    if not lives:
        return StateSize(fixed, 0, 0, None)
    step_ms = _step(plan)
    if step_ms is not None:
        step = EVENT_BYTES + _parts(plan, accumulators)
        return StateSize(fixed, step, step + sum(each for _, each in accumulators.values()), max(lives), step_ms)
    event = EVENT_BYTES + sum(_bytes(arg.type) for arg in plan.args)
    event += TEXT_BYTES if plan.source.named else 0
    return StateSize(fixed, event, event + sum(each for _, each in accumulators.values()), max(lives))


def _step(plan: ViewPlan) -> int | None:
    """The length of the steps that are kept in place of events; None: events are."""
    limited = [window for window in plan.windows if window.kind != "lifetime"]
    on_grid = all(window.kind == "sliding" and window.step_ms and not window.delay_ms for window in limited)
    over = [feature for feature in plan.features if plan.windows[feature.window].kind != "lifetime"]
    if plan.source.named or not on_grid or any(feature.aggregate not in _STEPPED for feature in over):
        return None
    return math.gcd(*(window.step_ms for window in limited))


def _parts(plan: ViewPlan, accumulators: Accumulators) -> int:
    """Bytes of a step's parts: accumulators over unlike windows share one where they are of one size."""
    parts = {
        (family, where, fixed)
        for (family, where, window), (fixed, _) in accumulators.items()
        if plan.windows[window].kind != "lifetime" and family[0] not in _BY_TIME
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
