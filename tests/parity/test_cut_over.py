"""From history to Kafka at any time, with any overlap: the operators emit what the oracle says, to the bit."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from penstock.features import oracle
from penstock.features.compilers.flink.driver import Event, HarnessDriver, Item, Past, Restore, Watermark
from penstock.features.oracle import CutOver
from penstock.features.plan import SOURCE
from penstock.jobs.parity.compare import as_of, compare_rows, last_rows
from penstock.jobs.parity.engines import END, emitted_table, oracle_batch, rows_table
from penstock.jobs.parity.events import Arrival
from tests.parity.strategies import World, table_worlds, worlds
from tests.parity.test_random import agree, random_worlds

#: An arrival as a row of history.
History = tuple[Arrival]
#: Among all events of a world, which are close together in those of tables.
CUTS = st.integers(-80, 1300) | st.integers(0, 6)


@random_worlds
@given(worlds() | table_worlds(), st.data())
def test_the_operators_hand_over_as_the_oracle_does(driver: HarnessDriver, world: World, data: st.DataObject) -> None:
    """What comes before the watermark comes in any order, and restarts come anywhere."""
    cut = data.draw(CUTS)
    owned = frozenset(data.draw(st.sets(st.sampled_from([s.name for s in world.plans[0].source.sources]), min_size=1)))
    history = [(a,) for a in world.arrivals if is_past(a, cut) and a.source.name in owned and data.draw(usually)]
    topic = [a for a in world.arrivals if not is_past(a, cut) or a.source.name not in owned or data.draw(st.booleans())]
    ahead = data.draw(st.integers(0, len(topic)))
    first = data.draw(st.permutations([*history, *topic[:ahead]]))
    # the versions of an event stay in their order
    first.sort(key=lambda item: place(item) if world.plans[0].source.changes else 0)
    items: list[Arrival | History | Watermark] = [*first, Watermark(cut - 1), *topic[ahead:], Watermark(END)]
    restarts = data.draw(st.sets(st.integers(0, len(items)), max_size=3))
    backend = data.draw(st.sampled_from(["heap", "rocksdb"]))
    for plan in world.plans:
        exact = oracle.stream(plan, [meant(item) for item in items], CutOver(cut, owned))
        sent = [
            part for i, item in enumerate(items) for part in ([Restore()] if i in restarts else []) + [driven(item)]
        ]
        result = driver.run([plan.json], sent, backend=backend, cut_over=cut, owned=sorted(owned))
        view = result.views[plan.name]
        agree(compare_rows(plan, rows_table(plan, exact), emitted_table(plan, view), ("oracle", "flink")))
        assert view.counts["before_cut"] == exact.before_cut
        assert {name: view.counts[name] for name in vars(exact.counts)} == vars(exact.counts)


usually = st.sampled_from([True, True, True, False])


def is_past(arrival: Arrival, cut: int) -> bool:
    return arrival.time is not None and arrival.time < cut


def place(item: Arrival | History) -> int:
    return item[0].index if isinstance(item, tuple) else item.index


def meant(item: Arrival | History | Watermark) -> Any:
    if isinstance(item, Watermark):
        return oracle.Watermark(item.time)
    if isinstance(item, tuple):
        return oracle.Past(row_of(item[0]))
    return item.bad if item.bad is not None else row_of(item)


def row_of(arrival: Arrival) -> dict[str, Any]:
    assert arrival.row is not None
    return {**arrival.row, SOURCE: arrival.source.name}


def driven(item: Arrival | History | Watermark) -> Item:
    if isinstance(item, Watermark):
        return item
    if isinstance(item, tuple):
        return Past(json.dumps(item[0].row).encode(), item[0].source.name)
    return Event(item.record.value, item.record.timestamp, item.source.name)


@random_worlds
@given(worlds(repeats=True) | table_worlds(), CUTS, st.data())
def test_in_the_end_the_state_is_that_of_batch_whatever_the_overlap(
    driver: HarnessDriver, world: World, cut: int, data: st.DataObject
) -> None:
    good = sorted((a for a in world.arrivals if a.time is not None), key=lambda a: a.time or 0)
    names = [source.name for source in world.plans[0].source.sources]
    topic = [a for a in good if not is_past(a, cut) or data.draw(st.booleans())]
    history = [(a,) for a in good if is_past(a, cut)]
    items: list[Any] = [*history, Watermark(cut - 1), *topic, Watermark(END)]
    result = driver.run([plan.json for plan in world.plans], [driven(i) for i in items], cut_over=cut, owned=names)
    for plan in world.plans:
        keys = [key.name for key in plan.key]
        batch, stream = oracle_batch(plan, good).rows, last_rows(emitted_table(plan, result.views[plan.name]), keys)
        # a key's row at the cut-over has a time of its own
        agree(compare_rows(plan, last_rows(as_of(plan, batch, stream), keys), stream, ("oracle", "flink")))
        assert {*keys_of(batch, keys)} == {*keys_of(stream, keys)}


def keys_of(rows: pa.Table, keys: list[str]) -> list[tuple[Any, ...]]:
    return list(zip(*(rows[key].to_pylist() for key in keys), strict=True))
