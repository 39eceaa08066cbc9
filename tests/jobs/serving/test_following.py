"""Tables that follow the topics of a real broker."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import orjson
import pytest

from penstock.features.errors import PenstockError, RefusedError
from penstock.features.plan import ViewPlan
from penstock.jobs.kafka import whole
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.project.project import Project
from penstock.jobs.serving.following import Following, following
from tests.jobs.disturbed import add_partitions
from tests.jobs.serving.running import wait_until
from tests.kafka_broker import Kafka
from tests.projects import make_project, unique

DEFINITIONS = """
from penstock import Stream, View, count
orders = Stream("orders", topic="orders", time="ts", columns=dict(shop="string", city="string"))
{a} = View("{a}", orders, key="shop", features=dict(orders=count().over("1h")))
{b} = View("{b}", orders, key="city", features=dict(orders=count().over("1h")))
"""


@pytest.fixture(params=["kafka-python", "confluent"])
def project(kafka: Kafka, tmp_path: Path, request: pytest.FixtureRequest) -> Project:
    """Two views of its own, with each Kafka client."""
    text = DEFINITIONS.format(a=unique("a"), b=unique("b"))
    lines = f'client = "{request.param}"\npartitions = 3'
    return make_project(tmp_path, text, servers=kafka.servers, kafka=lines)


def plans_of(project: Project) -> list[ViewPlan]:
    return project.streamed_views


def send(project: Project, plan: ViewPlan, *rows: tuple[str, int, int, int], fingerprint: str | None = None) -> None:
    """Rows of key, t, seq and the count, as the Flink job writes them."""
    headers = [("fingerprint", (fingerprint or plan.fingerprint).encode())]
    ensure_topics(project.config, [project.names.features(plan.name)])
    with producer(project.config) as sender:
        for name, t, seq, n in rows:
            key = {plan.key[0].name: name}
            value = orjson.dumps({"key": key, "t": t, "seq": seq, "values": {"orders_1h": n}})
            sender.send(project.names.features(plan.name), value, orjson.dumps(key), headers)


def taken(tables: Following, plan: ViewPlan, *names: str) -> list[tuple[Any, ...] | None]:
    """(t, seq, count) of each key; None where there is no row."""
    rows = tables.take(plan.name, [(name,) for name in names])
    assert rows is not None
    found = zip(rows.present.tolist(), rows.t.tolist(), rows.seq.tolist(), rows.features[0].values, strict=True)
    return [tuple(row) if there else None for there, *row in found]


def wait(tables: Following) -> None:
    tables.wait(threading.Event(), lambda line: None)


def test_the_newest_rows_of_all_partitions_are_there_after_the_wait(project: Project) -> None:
    a, b = plans_of(project)
    names = [f"s{i}" for i in range(50)]
    send(project, a, *((name, t, 1, t) for t in (6, 7, 5) for name in names))
    send(project, b, ("s1", 9, 4, 8))
    with following(project, [a, b], 0.05) as tables:
        wait(tables)
        assert taken(tables, a, *names) == [(7, 1, 7)] * 50
        assert taken(tables, b, "s1", "s2") == [(9, 4, 8), None]
        assert tables.rows() == {a.name: 50, b.name: 1}
        assert sorted(tables.keys(b.name)) == [("s1",)]


def test_topics_that_are_not_there_yet_are_made_and_followed(project: Project) -> None:
    a, b = plans_of(project)
    with following(project, [a], 0.05) as tables:
        wait(tables)
        assert tables.rows() == {a.name: 0}
        send(project, a, ("s1", 5, 1, 3))
        wait_until(lambda: taken(tables, a, "s1") == [(5, 1, 3)], "row")
        send(project, a, ("s1", 5, 2, 4), ("s1", 4, 9, 5))
        wait_until(lambda: taken(tables, a, "s1") == [(5, 2, 4)], "newer row")
        assert tables.take(b.name, [("s1",)]) is None


def test_partitions_that_are_added_are_followed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "LOOK_S", 0.1)
    (a, _) = plans_of(project)
    names = [f"s{i}" for i in range(30)]
    with following(project, [a], 0.05) as tables:
        wait(tables)
        add_partitions(project.config, project.names.features(a.name), 5)
        send(project, a, *((name, 5, 1, 3) for name in names))
        wait_until(lambda: taken(tables, a, *names) == [(5, 1, 3)] * 30, "rows of all five partitions")


def test_a_key_with_a_tombstone_is_left_to_the_store(project: Project) -> None:
    (a, _) = plans_of(project)
    with following(project, [a], 0.05) as tables:
        send(project, a, ("s1", 5, 1, 3), ("s2", 5, 1, 4))
        wait_until(lambda: taken(tables, a, "s1", "s2") == [(5, 1, 3), (5, 1, 4)], "rows")
        with producer(project.config) as sender:
            sender.send(project.names.features(a.name), None, b'{"shop":"s1"}', [])
        wait_until(lambda: taken(tables, a, "s1", "s2") == [None, (5, 1, 4)], "tombstone")
        send(project, a, ("s1", 6, 1, 5), ("s2", 6, 1, 6))
        wait_until(lambda: taken(tables, a, "s1", "s2") == [None, (6, 1, 6)], "later rows")


def test_its_age_stays_small_though_nothing_comes(project: Project) -> None:
    (a, _) = plans_of(project)
    with following(project, [a], 0.05) as tables:
        wait(tables)
        before = tables.age_s
        threading.Event().wait(3 * before + 1)
        wait_until(lambda: tables.age_s < 3 * before + 1, "question where the topic ends")


@pytest.mark.parametrize("first", [True, False])
def test_rows_of_another_definition_end_it(project: Project, first: bool) -> None:
    (a, _) = plans_of(project)
    if first:
        send(project, a, ("s1", 5, 1, 3), fingerprint="abc")
    with following(project, [a], 0.05) as tables:
        if first:
            with pytest.raises(RefusedError, match="made by another definition: abc") as caught:
                wait(tables)
        else:
            wait(tables)
            tables.check()
            send(project, a, ("s1", 5, 1, 3), fingerprint="abc")
            wait_until(lambda: tables._error is not None, "refusal")
            with pytest.raises(RefusedError, match="made by another definition: abc") as caught:
                tables.check()
    assert caught.value.allowed == a.fingerprint


def test_the_wait_ends_when_it_is_told_to(project: Project) -> None:
    (a, _) = plans_of(project)
    stop = threading.Event()
    stop.set()
    with following(project, [a], 0.05) as tables:
        tables.wait(stop, lambda line: None)


def test_a_broker_that_is_not_there_is_named(tmp_path: Path) -> None:
    text = DEFINITIONS.format(a="a", b="b")
    project = make_project(tmp_path, text, servers="127.0.0.1:1")
    with pytest.raises(PenstockError, match="Kafka does not answer"), following(project, plans_of(project), 1):
        pass
