"""How much state the window operator keeps for a key.

    bytes of a key = fixed + events alive * per event + steps with events * per step

Java's ``KeyState`` and ``Head`` make the fixed part, with one accumulator for each (argument, condition, window), whose
sizes a test of the operator writes into ``state_sizes.json``. The columns of ``Chunk`` hold the events that are alive
in the longest window that needs them one by one. The bytes are those of the values: the objects around them take some
hundred more per key on the heap, and none in RocksDB.

For longer windows that events leave on a grid, ``Steps`` keeps the events of a step as one entry, with a part for each
accumulator from which they are subtracted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from penstock.features.dimensions import dimensions
from penstock.features.plan import FeaturePlan, ViewPlan
from penstock.features.windows import Window

#: Clock, seq, timer, offset, first and last chunk, last chunk id; source, partition.
KEY_BYTES = 7 * 8 + 2 * 4
#: First and last chunk of the steps that are kept beside events.
SECOND_LOG_BYTES = 2 * 8
#: Chunk, index, leave.
HEAD_BYTES = 8 + 4 + 8
#: An element of a vector: five ASCII characters.
ELEMENT_BYTES = 5
#: Time, nulls, conditions.
EVENT_BYTES = 3 * 8
#: A number, a bool or a timestamp.
VALUE_BYTES = 8
#: A text of 16 ASCII characters: reference, String, byte array. Longer ones take a byte per character more.
TEXT_BYTES = 4 + 24 + 16 + 16


@dataclass(frozen=True)
class Cost:
    """``bytes``, with so many values of the argument, of what it goes by, and of all arguments of the view; all of it
    ``times`` an aggregate's parameter.
    """

    times: Literal["one", "k", "bins"]
    bytes: int = 0
    values: int = 0
    bys: int = 0
    rows: int = 0


@dataclass(frozen=True)
class Kept:
    """The accumulator of an aggregate, as Java's ``Aggregate`` and ``Family`` have it.

    Features of one ``family``, condition and window share one, if they agree in ``apart_by``. ``stepped``: how it gives
    up the events of a step. ``limited`` and ``lasting``: its costs (fixed, for each event at most) over windows that
    events leave one by one, and over others.
    """

    family: str
    apart_by: tuple[str, ...]
    stepped: Literal["by_part", "by_time", "never"]
    limited: tuple[Cost, Cost]
    lasting: tuple[Cost, Cost]


def _read_kept() -> dict[str, Kept]:
    table = json.loads((Path(__file__).parent / "state_sizes.json").read_text())
    return {
        name: Kept(
            row["family"], tuple(row["apart_by"]), row["stepped"], _costs(row["limited"]), _costs(row["lasting"])
        )
        for name, row in table.items()
    }


def _costs(row: dict[str, Any]) -> tuple[Cost, Cost]:
    return Cost(**row["fixed"]), Cost(**row["per_event"])


#: By the aggregate's name.
KEPT = _read_kept()
_BY_PART = {kept.family for kept in KEPT.values() if kept.stepped == "by_part"}

#: By what features can share an accumulator, condition and window its bytes: fixed, and for each event at most.
Accumulators = dict[tuple[tuple[object, ...], int | None, int], tuple[int, int]]


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
    uncarried = {feature.window for feature in plan.features if KEPT[feature.aggregate.name].stepped == "never"}
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
        if window in stepped and family[0] in _BY_PART
    }
    return sum(fixed for _, _, fixed in parts)


def _accumulators(plan: ViewPlan) -> Accumulators:
    """The bytes of each accumulator. Features that can share one do."""
    shared: Accumulators = {}
    for feature in plan.features:
        for window in feature.ages or (feature.window,):
            name = (_shared(feature), feature.where, window)
            shared[name] = max(shared.get(name, (0, 0)), _accumulator(plan, feature))
    return shared


def _shared(feature: FeaturePlan) -> tuple[object, ...]:
    """What tells accumulators of one condition and window apart."""
    kept = KEPT[feature.aggregate.name]
    own = {"arg": feature.arg, "by": feature.by, **feature.aggregate.parameters}
    return (kept.family, *(own.get(name) for name in kept.apart_by))


def _accumulator(plan: ViewPlan, feature: FeaturePlan) -> tuple[int, int]:
    kept = KEPT[feature.aggregate.name]
    fixed, each = kept.lasting if plan.windows[feature.window].endless else kept.limited
    return _cost(plan, feature, fixed), _cost(plan, feature, each)


def _cost(plan: ViewPlan, feature: FeaturePlan, cost: Cost) -> int:
    of_rows = sum(_bytes(arg.type) for arg in plan.args)
    each = cost.bytes + cost.rows * of_rows
    each += cost.values * _of_arg(plan, feature.arg) + cost.bys * _of_arg(plan, feature.by)
    return each if cost.times == "one" else each * feature.most


def _of_arg(plan: ViewPlan, arg: int | None) -> int:
    return _bytes(plan.args[arg].type) if arg is not None else 0


def _bytes(type: str) -> int:
    size = dimensions(type)
    if size is not None:
        return TEXT_BYTES - 16 + size * ELEMENT_BYTES
    return TEXT_BYTES if type == "string" else VALUE_BYTES
