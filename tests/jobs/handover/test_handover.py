"""From history to the live stream on a real broker and a real Flink: each row from the cut-over on is that of batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from penstock.jobs.process.children import Child
from penstock.jobs.streaming.status import read_counted, running_job, wait_stream
from tests.jobs.handover.world import CUT, END, UNIONS, VIEWS, Values, World, make_world, time_of
from tests.kafka_broker import Kafka

#: Events from this time on are sent before the last start.
MIDDLE = CUT + 100_000


@pytest.fixture(scope="module")
def world(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield make_world(tmp_path_factory.mktemp("handover"), kafka)


def wait_for(condition: Callable[[], bool], child: Child, seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, child.said()
        time.sleep(0.3)


def counted(world: World, view: str, source: str) -> dict[str, int]:
    return read_counted(world.project, running_job(world.project)).of_sources.get((world.names[view], source), {})


def has_all(world: World, until: int) -> bool:
    """Has every view counted all events of its sources, from history and from the topics?"""
    return all(
        sum(counted(world, view, source.name).values()) == read_in_all(world, world.alias(source.name), until)
        for view in VIEWS
        for source in world.plan(view).source.sources
    )


def read_in_all(world: World, source: str, until: int) -> int:
    return len(world.sent(source, until)) + sum(time_of(event) < CUT for event in world.history(source))


def stop(world: World, child: Child) -> None:
    """By the command, which takes a savepoint."""
    with Child(
        "stop", ["stream", "--stop", "--project", str(world.project.folder)], child.log.with_name("stop")
    ) as ask:
        wait_for(lambda: not ask.running, child)
        assert ask.code == 0, ask.said()
        assert "savepoints" in ask.said()
    wait_for(lambda: not child.running, child)
    assert child.code == 0, child.said()


@pytest.mark.timeout(600)  # it starts Flink three times, and machines are shared
def test_history_builds_the_state_and_kafka_goes_on(world: World) -> None:
    """Killed when it has begun, then with another parallelism at each start."""
    world.send(0, MIDDLE)
    with world.child("first", "--cut-over", "2023-11-14T22:13:20Z") as child:
        wait_stream(world.project, child, timeout_s=240)
        wait_for(lambda: any((world.project.config.state / "stream").glob("checkpoints/*/chk-*/_metadata")), child)
        child.kill()
    world.set_parallelism(4)
    with world.child("second") as child:
        wait_stream(world.project, child, timeout_s=240)
        wait_for(lambda: has_all(world, MIDDLE), child)
        stop(world, child)
    world.set_parallelism(2)
    world.send(MIDDLE, END + 1)
    with world.child("third") as child:
        wait_stream(world.project, child, timeout_s=240)
        wait_for(lambda: has_all(world, END + 1), child)
        wait_for(lambda: all(has_ended(world, view) for view in VIEWS), child)
        stop(world, child)


def has_ended(world: World, view: str) -> bool:
    wanted, rows = Values(world.batch(view)), Values(world.rows(view))
    return all(rows.at(key, END) == wanted.at(key, END - 1) for key in "abcdé")


@pytest.mark.parametrize("view", VIEWS)
def test_every_row_from_the_cut_over_on_is_that_of_batch(world: World, view: str) -> None:
    wanted, rows = world.batch(view), world.rows(view)
    whole, known = Values(wanted), Values(world.batch(view, hidden=False))
    for (key, t), values in rows.items():
        if view not in UNIONS:
            assert values == whole.at(key, t), (key, t)
        elif t == CUT - 1:
            # events that history lacks may have come from their topic by then
            low, high = known.at(key, t), whole.at(key, t)
            assert all(low[name] <= values[name] <= high[name] for name in values if name.startswith("n_")), (key, t)
    # before it there is one row for each key, at its last moment
    assert min(t for _, t in rows) == CUT - 1
    assert {key for key, t in rows if t == CUT - 1} >= {key for key, t in wanted if CUT - 60_000 < t < CUT}
    source = world.alias(world.plan(view).source.sources[0].name)
    events = {(event["k"], time_of(event)) for event in world.events[source]}
    if view not in UNIONS:
        assert {place for place in events & wanted.keys() if place[1] >= CUT} <= rows.keys()
