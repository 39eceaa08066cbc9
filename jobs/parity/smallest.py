"""From a difference to the smallest one: fewer events, one value, and the part of the plan that made it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from penstock.features.plan import ViewPlan
from penstock.jobs.parity.events import Arrival, key_of
from penstock.jobs.parity.run import Compared, Run
from penstock.jobs.parity.shrink import shrink

#: How long fewer events are searched for.
SECONDS = 20.0


def smallest(run: Run, one: Compared, plan: ViewPlan, seconds: float = SECONDS) -> Compared:
    """The same comparison on the fewest events that it is found to fail on."""

    def fails(came: Sequence[Arrival]) -> bool:
        return run.differs(one, plan, came) is not None

    events = shrink(_of_its_key(one, plan, fails), fails, seconds)
    return run.differs(one, plan, events) or one


def _of_its_key(one: Compared, plan: ViewPlan, fails: Any) -> Sequence[Arrival]:
    """The events of the key that differs, where they are enough to fail: a great leap for busy sources."""
    if one.result.unlike is None:
        return one.events
    place = one.result.unlike.place
    key = tuple(place[column.name] for column in plan.key)
    events = [arrival for arrival in one.events if key_of(plan, arrival) == key]
    return events if fails(events) else one.events


def node(plan: ViewPlan, feature: str | None) -> dict[str, Any]:
    """The part of a plan that makes a feature, or all of it where no single feature differs."""
    if feature is None:
        return plan.to_dict()
    found = next(f for f in plan.features if f.name == feature)
    return {
        "feature": found.to_dict(),
        "window": asdict(plan.windows[found.window]),
        "argument": None if found.arg is None else plan.args[found.arg].expr.to_json(),
        "where": None if found.where is None else plan.wheres[found.where].to_json(),
        "filter": None if plan.filter is None else plan.filter.to_json(),
    }


def bits(value: Any) -> str:
    """A value so that two that differ read differently: a float with its bits."""
    return f"{value!r} = {value.hex()}" if isinstance(value, float) else repr(value)
