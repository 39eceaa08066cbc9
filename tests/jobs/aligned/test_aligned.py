"""Requests that are joined in event time: the answers of every run are those of the training set, to the bit."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from penstock.features.errors import UsageError
from penstock.features.span import Span
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.kafka.reading import read_records
from penstock.jobs.process.children import Child
from penstock.jobs.project.project import Project, load_project
from penstock.jobs.serving.run import infer
from penstock.jobs.store.catalogue import apply
from penstock.jobs.store.materialize import materialize
from penstock.jobs.store.open import open_store
from penstock.jobs.streaming.status import wait_stream
from penstock.jobs.training.training_set import training_set
from tests.jobs.serving.running import running, wait_until
from tests.jobs.shop import make_project, write_history
from tests.jobs.story import train_on_noise
from tests.kafka_broker import Kafka
from tests.projects import unique

T, N, HOUR = 1_700_000_000_000, 300, 3_600_000
#: Events are sent in two halves of so many milliseconds.
HALF = 200_000
#: Of the streams, in milliseconds: so far their records are out of order, across partitions and within them.
DISORDER = 5_000

DEFINITIONS = """
from penstock import Model, Stream, Table, View, count, last, mean, session, sum

orders = Stream("orders", topic="TOPIC", history="orders/*.parquet", time="ts", id="order", disorder="5s", columns=dict(
    order="string", customer="string", shop="string", amount="float64"))
ratings = Stream("ratings", topic="TOPIC-ratings", history="ratings/*.parquet", time="ts", disorder="5s",
    columns=dict(shop="string", stars="float64"))
shops = Table("shops", history="shops.parquet", key="shop", columns=dict(shop="string", opened="timestamp"))

customer = View("customer", orders, key="customer", features=dict(
    orders=count().over("10s", "1m", session("20s")), amount=sum(orders.amount).over("10s", "1h")))
shop = View("shop", orders, key="shop", features=dict(amount=mean(orders.amount).over("30s")))
rated = View("rated", ratings, key="shop", features=dict(stars=mean(ratings.stars).over("1m"), n=count().over("5s"),
    last=last(ratings.stars).over("2m")))

cost = Model("cost", on=orders, output="predictions.TOPIC", label=orders.amount,
    inputs=[orders.amount, customer, shop, rated, shops], derived=dict(share=orders.amount / customer.amount_10s))
"""


@dataclass
class World:
    """The project, its stream under way, and what is in its topics. ``exact``: each request's vector by its own id."""

    project: Project
    topic: str
    group: str
    stream: Child
    exact: dict[str, dict[str, Any]]

    def by_id(self, since: set[tuple[int, int]]) -> dict[str, Any]:
        """The predictions that were not there yet, by id, each once."""
        new = [orjson.loads(record.value) for place, record in self.predictions().items() if place not in since]
        assert len({each["id"] for each in new}) == len(new) == N
        return {each["id"]: each for each in new}

    def predictions(self) -> dict[tuple[int, int], Any]:
        """All records of the output topic, by partition and offset."""
        records = read_records(self.project, self.project.model("cost").output, None)
        return {(record.partition, record.offset): record for record in records}


def rows() -> dict[str, list[dict[str, Any]]]:
    """Orders and ratings, of which several share a millisecond."""
    numbers = random.Random(4)
    times = [T + numbers.randrange(2 * HALF // 1_000) * 1_000 for _ in range(2 * N)]
    orders = [
        {
            "order": f"o{i}",
            "customer": numbers.choice("abcdef"),
            "shop": numbers.choice("rst"),
            "amount": numbers.randrange(1, 900) / 7,
            "ts": times[i],
        }
        for i in range(N)
    ]
    ratings = [{"shop": numbers.choice("rst"), "stars": numbers.random(), "ts": t} for t in times[N:]]
    return {"orders": orders, "ratings": ratings}


def send(project: Project, from_ms: int, to_ms: int) -> None:
    """The events of these times, out of order, each to any partition."""
    numbers = random.Random(8)
    events = [(source, row) for source, each in rows().items() for row in each if from_ms <= row["ts"] < to_ms]
    with producer(project.config) as sender:
        for source, row in sorted(events, key=lambda event: event[1]["ts"] + numbers.randrange(DISORDER)):
            sender.send(project.topic(source), orjson.dumps(row), partition=numbers.randrange(2))
        sender.flush()


def point_in_time(project: Project, file: Path) -> dict[str, dict[str, Any]]:
    """The training set's vectors, by id."""
    span = Span(T - HOUR, T + HOUR)
    for name in ("customer", "shop", "rated"):
        plan = project.plans[name]
        history = project.history(plan.source.name)
        backfill(plan, history, span.from_ms, span.to_ms, project.backfills, memory="256MB")
    training_set(project, "cost", T, span.to_ms, file)
    table = pq.read_table(file)
    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            numbers = pc.cast(pc.cast(table[field.name], pa.timestamp("ms")), pa.int64())
            table = table.set_column(place, field.name, numbers)
    return {row["id"]: row for row in table.to_pylist()}


@pytest.fixture(scope="module")
def world(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    topic, folder = unique("orders"), tmp_path_factory.mktemp("aligned")
    make_project(folder, DEFINITIONS.replace("TOPIC", topic), servers=kafka.servers, partitions=2, batch=40)
    settings = f'prefix = "{topic}"\n\n[stream]\nchange_points = "30d"\ncheckpoint_ms = 500\n'
    (folder / "penstock.toml").write_text((folder / "penstock.toml").read_text() + settings)
    project = load_project(folder)
    ensure_topics(project.config, [topic, project.topic("ratings"), project.model("cost").output])
    for source, each in rows().items():
        write_history(project, source, each)
    write_history(project, "shops", [{"shop": shop, "opened": T - 10**10} for shop in "rs"])
    apply(project)
    with open_store(project.folder) as store:
        plan = project.plans["shops"]
        backfill(plan, project.history("shops"), T - HOUR, T, project.backfills, memory="256MB")
        materialize(project, plan, store, T)
    train_on_noise(project)
    exact = point_in_time(project, folder / "exact.parquet")
    with Child("stream", ["stream", "--project", str(folder)], folder / "logs" / "stream.log") as stream:
        wait_stream(project, stream)
        yield World(project, topic, unique("group"), stream, exact)


@pytest.fixture(scope="module")
def first(world: World) -> dict[str, Any]:
    """The answers given while events came, and the stream was killed and went on."""
    with running(world, aligned=True) as job:  # type: ignore[arg-type]
        send(world.project, T, T + HALF)
        job.wait(1)
        world.stream.kill()
        world.stream.start()
        wait_stream(world.project, world.stream)
        send(world.project, T + HALF, T + 2 * HALF)
        job.wait(N)
        job.end()
    return world.by_id(set())


def test_answers_are_those_of_the_training_set(world: World, first: dict[str, Any]) -> None:
    for answer in first.values():
        exact = world.exact[answer["event"]]
        assert answer["vector"] == {name: exact[name] for name in answer["vector"]}
        assert answer["ahead_ms"] == 0 and not answer["stale"]


def test_a_fast_and_a_slow_replay_give_the_same_answers(world: World, first: dict[str, Any]) -> None:
    for batch in (1_000, 7):
        before = set(world.predictions())
        inference = world.project.config.inference.model_copy(update={"batch": batch})
        config = world.project.config.model_copy(update={"inference": inference})
        replayed = replace(world, project=replace(world.project, config=config), group=unique("group"))
        with running(replayed, aligned=True) as job:  # type: ignore[arg-type]
            job.wait(N)
            job.end()
        assert world.by_id(before) == first


def test_a_replay_that_is_killed_gives_the_same_answers(world: World, first: dict[str, Any]) -> None:
    before = set(world.predictions())
    folder = world.project.folder
    arguments = [
        "infer",
        "cost",
        "--aligned",
        "--group",
        unique("group"),
        "--from",
        "earliest",
        "--project",
        str(folder),
    ]
    with Child("infer", arguments, folder / "logs" / "infer.log") as infer:
        wait_until(lambda: len(world.predictions()) > len(before), "an answer")
        infer.kill()
        infer.start()
        wait_until(lambda: len(world.predictions()) == len(before) + N, f"{N} answers")
    assert world.by_id(before) == first


def test_without_change_points_nothing_can_be_aligned(world: World) -> None:
    stream = world.project.config.stream.model_copy(update={"change_points": None})
    project = replace(world.project, config=world.project.config.model_copy(update={"stream": stream}))
    with pytest.raises(UsageError, match="keeps no change points"):
        infer(project, ["cost"], threading.Event(), group=unique("group"), aligned=True)
