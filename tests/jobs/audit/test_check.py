"""What makes a row late, and what does not: records of a real broker, written by hand as the formats say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from penstock.features.canonical import canonical_json
from penstock.jobs.audit.check import checked
from penstock.jobs.audit.findings import Finding
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.project.project import Project
from tests.jobs.shop import make_project, write_history
from tests.kafka_broker import Kafka
from tests.projects import unique

#: Event time of requests and rows, in milliseconds; Kafka timestamps are given as seconds after it.
T = 1_700_000_000_000

DEFINITIONS = """
from penstock import Model, Stream, View, count, sum, union

named = Stream("named", topic="NAME-named", history="named/*.parquet", time="ts", id="id",
    columns=dict(id="string", k="string", n="int64"))
plain = Stream("plain", topic="NAME-plain", time="ts", columns=dict(k="string", n="int64"))
changed = Stream("changed", topic="NAME-changed", time="ts", id="id", op="op",
    columns=dict(id="string", op="string", k="string", n="int64"))

NAME_named = View("NAME_named", named, key="k", features=dict(n=count().over("1m"), s=sum(named.n).over("1m")))
NAME_plain = View("NAME_plain", plain, key="k", features=dict(n=count().over("1m"), s=sum(plain.n).over("1m")))
NAME_changed = View("NAME_changed", changed, key="k", features=dict(s=sum(changed.n).over("1m")))
either, any = union(named, plain), union(named, changed)
NAME_either = View("NAME_either", either, key="k", features=dict(n=count().over("1m"), s=sum(either.n).over("1m")))
NAME_any = View("NAME_any", any, key="k", features=dict(s=sum(any.n).over("1m")))

VIEWS = (NAME_named, NAME_plain, NAME_changed, NAME_either, NAME_any)
models = [Model(f"of_{view.name}", on=plain, inputs=[view.named("v")], output="out", label=plain.n) for view in VIEWS]
of_named, of_plain, of_changed, of_either, of_any = models
"""


@dataclass
class World:
    """Two partitions of events, feature rows, and one prediction that read row (t=T, seq) of key ``a``."""

    project: Project
    name: str
    folder: Path
    emitted: list[dict[str, Any]] = field(default_factory=list)

    def event(self, source: str, partition: int, came: float, **values: Any) -> None:
        """An event that came so many seconds after T; of key ``a`` and time T unless given."""
        self._send(f"{self.name}-{source}", orjson.dumps({"k": "a", "n": 1, "ts": T, **values}), came, partition)

    def row(
        self, of: str, seq: int, sent: float, partition: int, offset: int, source: str | None = None, **values: Any
    ) -> None:
        """A row of key ``a`` and time T, after the record at that place of the view's source, or of this stream."""
        view = self.project.plans[f"{self.name}_{of}"]
        headers = {
            "fingerprint": view.fingerprint,
            "topic": f"{self.name}-{source or of}",
            "partition": partition,
            "offset": offset,
        }
        packed = [(name, str(value).encode()) for name, value in headers.items()]
        value = orjson.dumps({"key": {"k": "a"}, "t": T, "seq": seq, "values": values})
        key = canonical_json({"k": "a"}).encode()
        self._send(self.project.names.features(view.name), value, sent, 0, key=key, headers=packed)

    def _send(self, topic: str, value: bytes, after: float, partition: int, **more: Any) -> None:
        with producer(self.project.config) as sender:
            stamp = T + int(after * 1_000)
            sender.send(topic, value, partition=partition, timestamp_ms=stamp, **more).get(30)

    def findings(self, source: str, seq: int, **served: Any) -> dict[str, Finding]:
        """What is found of a prediction requested at T + 10 s that was served these features of that row."""
        plan = self.project.model(f"of_{self.name}_{source}").model_plan
        made = {
            "id": f"{self.name}-plain-0-0",
            "model": plan.name,
            "version": "v",
            "fingerprint": plan.fingerprint,
            "t": T,
            "requested_at": T + 10_000,
            "views": {"v": {"view": f"{self.name}_{source}", "key": {"k": "a"}, "t": T, "seq": seq}},
            "vector": {f"v.{name}": value for name, value in served.items()},
            "stale": False,
        }
        self.folder.mkdir()
        (self.folder / "predictions.ndjson").write_bytes(orjson.dumps(made))
        with checked(self.project, plan, self.folder / "predictions.ndjson") as found:
            names = [plan.vector[j].name for j in found.unlike.entries]
            return {names[place]: finding for (place, _), finding in found.findings.items()}


@pytest.fixture
def world(kafka: Kafka, tmp_path: Path) -> Iterator[World]:
    name = unique("w")
    project = make_project(tmp_path / "project", DEFINITIONS.replace("NAME", name), servers=kafka.servers, partitions=2)
    topics = [project.topic(source) for source in project.streamed]
    ensure_topics(project.config, topics + [project.names.features(view) for view in project.plans])
    yield World(project, name, tmp_path / "check")


def causes(found: dict[str, Finding]) -> dict[str, str]:
    return {name: finding.cause for name, finding in sorted(found.items())}


def test_a_row_that_is_batchs_has_no_cause(world: World) -> None:
    world.event("named", 0, 1, id="one")
    world.row("named", 1, 2, 0, 0, n_1m=1, s_1m=1)
    assert world.findings("named", 1, n_1m=1, s_1m=1) == {}


def test_later_in_the_same_partition_whatever_its_timestamp(world: World) -> None:
    world.event("named", 0, 5, id="one")
    world.row("named", 1, 6, 0, 0, n_1m=1, s_1m=1)
    world.event("named", 0, 4, id="two", ts=T - 30_000, n=7)
    found = world.findings("named", 1, n_1m=1, s_1m=1)
    assert causes(found) == {"v.n_1m": "late", "v.s_1m": "late"}
    assert f"first {world.name}-named-0-1;" in found["v.n_1m"].words


def test_in_another_partition_by_its_kafka_timestamp(world: World) -> None:
    world.event("named", 0, 1, id="one")
    world.row("named", 1, 2, 0, 0, n_1m=1, s_1m=1)
    world.event("named", 1, 3, id="two")
    assert causes(world.findings("named", 1, n_1m=1, s_1m=1)) == {"v.n_1m": "late", "v.s_1m": "late"}


def named(id: str, ts: int = T, n: int = 1) -> dict[str, Any]:
    return {"id": id, "k": "a", "n": n, "ts": ts}


def test_history_has_an_event_that_the_topic_never_had(world: World) -> None:
    write_history(world.project, "named", [named("never", T - 1_000), named("one")])
    world.event("named", 0, 1, id="one")
    world.row("named", 1, 2, 0, 0, n_1m=1, s_1m=1)
    found = world.findings("named", 1, n_1m=1, s_1m=1)
    assert causes(found) == {"v.n_1m": "other history", "v.s_1m": "other history"}
    assert "history has 1 event that the topic never had, first of 2023-11-14 22:13:19;" in found["v.n_1m"].words


def test_the_topic_has_an_event_that_history_does_not_have(world: World) -> None:
    write_history(world.project, "named", [named("one"), named("later", T + 5_000)])
    world.event("named", 1, 1, id="unknown", ts=T - 30_000)
    world.event("named", 0, 1, id="one")
    world.event("named", 0, 1, id="one")
    world.row("named", 1, 2, 0, 0, n_1m=2, s_1m=2)
    found = world.findings("named", 1, n_1m=2, s_1m=2)
    assert causes(found) == {"v.n_1m": "other history", "v.s_1m": "other history"}
    assert f"the topic has 1 event that history does not have, first {world.name}-named-1-0;" in found["v.n_1m"].words


def test_another_history_that_does_not_explain_it_is_no_excuse(world: World) -> None:
    write_history(world.project, "named", [named("never", T - 1_000), named("one")])
    world.event("named", 0, 1, id="one")
    world.row("named", 1, 2, 0, 0, n_1m=5, s_1m=1)
    assert causes(world.findings("named", 1, n_1m=5, s_1m=1)) == {"v.n_1m": "unexplained", "v.s_1m": "unexplained"}


def test_an_event_that_had_come_before_the_row_is_no_cause(world: World) -> None:
    world.event("named", 1, 1, id="one")
    world.event("named", 0, 1, id="two")
    world.row("named", 1, 2, 0, 0, n_1m=1, s_1m=1)
    assert causes(world.findings("named", 1, n_1m=1, s_1m=1)) == {"v.n_1m": "unexplained", "v.s_1m": "unexplained"}


def test_an_event_that_came_late_and_counts_no_longer_is_no_cause(world: World) -> None:
    world.event("named", 0, 1, id="one")
    world.row("named", 1, 2, 0, 0, n_1m=2, s_1m=1)
    world.event("named", 0, 3, id="old", ts=T - 60_000)
    world.event("named", 0, 3, id="of another", k="b")
    found = world.findings("named", 1, n_1m=2, s_1m=1)
    assert causes(found) == {"v.n_1m": "unexplained"}
    assert "no event came after" in found["v.n_1m"].words


def test_a_row_that_was_materialized_had_been_written_when_it_was_read(world: World) -> None:
    world.event("named", 0, 1, id="one")
    world.event("named", 0, 11, id="two")
    assert causes(world.findings("named", 0, n_1m=1, s_1m=1)) == {"v.n_1m": "late", "v.s_1m": "late"}


def test_so_had_one_that_its_topic_holds_no_longer(world: World) -> None:
    world.event("named", 0, 1, id="one")
    world.event("named", 0, 9, id="two")
    found = world.findings("named", 5, n_1m=1, s_1m=1)
    assert causes(found) == {"v.n_1m": "unexplained", "v.s_1m": "unexplained"}


def test_of_two_equal_events_one_may_be_late(world: World) -> None:
    world.event("plain", 0, 1)
    world.row("plain", 1, 2, 0, 0, n_1m=1, s_1m=1)
    world.event("plain", 0, 3)
    assert causes(world.findings("plain", 1, n_1m=1, s_1m=1)) == {"v.n_1m": "late", "v.s_1m": "late"}


def test_a_later_version_of_an_event_that_changes(world: World) -> None:
    world.event("changed", 0, 1, id="one", op="insert", n=1)
    world.row("changed", 1, 2, 0, 0, s_1m=1)
    world.event("changed", 0, 3, id="one", op="update", n=5)
    found = world.findings("changed", 1, s_1m=1)
    assert causes(found) == {"v.s_1m": "late"}
    assert "batch says" not in found["v.s_1m"].words


def test_a_row_of_another_plan(world: World) -> None:
    world.event("named", 0, 1, id="one")
    view = world.project.plans[f"{world.name}_named"]
    object.__setattr__(view, "fingerprint", "f" * 64)
    world.row("named", 1, 2, 0, 0, n_1m=9, s_1m=1)
    object.__delattr__(view, "fingerprint")
    found = world.findings("named", 1, n_1m=9, s_1m=1)
    assert causes(found) == {"v.n_1m": "redefined"}
    assert "fingerprint ffffffffffff" in found["v.n_1m"].words


@pytest.mark.parametrize("late", ["named", "plain"])
def test_of_a_unions_streams_each_may_be_late(world: World, late: str) -> None:
    world.event("named", 0, 1, id="one")
    world.event("plain", 0, 1)
    world.row("either", 2, 2, 0, 0, source="plain", n_1m=2, s_1m=2)
    world.event(late, 0, 3, id="two")
    found = world.findings("either", 2, n_1m=2, s_1m=2)
    assert causes(found) == {"v.n_1m": "late", "v.s_1m": "late"}
    assert f"first {world.name}-{late}-0-1; without" in found["v.n_1m"].words


def test_an_offset_of_another_topic_says_nothing(world: World) -> None:
    world.event("named", 0, 1, id="one")
    world.event("plain", 0, 1)
    world.event("plain", 0, 1)
    world.row("either", 3, 2, 0, 0, source="named", n_1m=2, s_1m=3)
    assert causes(world.findings("either", 3, n_1m=2, s_1m=3)) == {"v.n_1m": "unexplained"}


def test_a_stream_of_a_union_that_is_quiet_misses_nothing(world: World) -> None:
    world.event("named", 0, 1, id="one")
    world.row("either", 1, 2, 0, 0, source="named", n_1m=2, s_1m=1)
    assert causes(world.findings("either", 1, n_1m=2, s_1m=1)) == {"v.n_1m": "unexplained"}


def test_a_union_in_which_events_change(world: World) -> None:
    world.event("changed", 0, 1, id="one", op="insert", n=1)
    world.row("any", 1, 2, 0, 0, source="changed", s_1m=1)
    world.event("named", 0, 3, id="one", n=5)
    found = world.findings("any", 1, s_1m=1)
    assert causes(found) == {"v.s_1m": "late"}
    assert f"first {world.name}-named-0-0" in found["v.s_1m"].words
    assert "batch says" not in found["v.s_1m"].words
