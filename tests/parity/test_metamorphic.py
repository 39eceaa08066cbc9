"""What must change nothing: events of other keys, events that come again. Only the stream itself is asked."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import assume, given
from hypothesis import strategies as st

from penstock.features.compilers.flink.driver import HarnessDriver, Watermark
from penstock.features.plan import ViewPlan
from penstock.jobs.parity.compare import compare_rows
from penstock.jobs.parity.engines import flink_stream, stream_items
from penstock.jobs.parity.events import Arrival
from tests.parity.strategies import World, worlds
from tests.parity.test_random import agree, random_worlds


def rows(driver: HarnessDriver, plan: ViewPlan, items: list[Arrival | Watermark]) -> pa.Table:
    return flink_stream(driver, [plan], items)[plan.name].rows


@random_worlds
@given(worlds(views=1), st.data())
def test_events_of_other_keys_change_nothing(driver: HarnessDriver, world: World, data: st.DataObject) -> None:
    plan = world.plans[0]
    (name, *_) = (key.name for key in plan.key)
    items = stream_items(world.arrivals)
    keys = sorted({a.row[name] for a in world.arrivals if a.row is not None and a.row[name] is not None})
    assume(keys)
    kept = data.draw(st.sampled_from(keys))
    alone = [item for item in items if isinstance(item, Watermark) or (item.row or {}).get(name) == kept]
    whole = rows(driver, plan, items)
    agree(compare_rows(plan, whole.filter(pc.equal(whole[name], kept)), rows(driver, plan, alone), ("all", "one")))


@random_worlds
@given(worlds(views=1, repeats=True))
def test_events_that_come_again_change_nothing(driver: HarnessDriver, world: World) -> None:
    plan = world.plans[0]
    items = stream_items(world.arrivals)
    doubled = []
    for item in items:
        doubled.append(item)
        if isinstance(item, Arrival) and item.row is not None and item.row[str(item.source.id)] is not None:
            doubled.append(item)
    agree(compare_rows(plan, rows(driver, plan, items), rows(driver, plan, doubled), ("once", "twice")))
