"""A shop whose orders were answered while things went wrong: real broker, Flink job, writer, store and inference.

Orders of one partition, in the order in which they came, at T plus so many seconds:

    0  zeroth    c0  -600   everything has started
    1  first     c1  +0     all is well
    2  second    c1  +60    read before the third came, and before an order was returned at +40
    3  third     c1  +30    late: its row is that of the second, for the writer is held up until it has been answered;
                            and its shop has been rated since
    4  -                    no order at all: a dead letter
    5  fourth    c1  +120   the stream is down by now: the row is an older one
    6  stranger  c9  +130   the stream is down: there is no row
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from penstock.features.span import Span
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.kafka.reading import read_records
from penstock.jobs.process.children import Child
from penstock.jobs.project.project import Project, load_project
from penstock.jobs.store.catalogue import apply
from penstock.jobs.store.materialize import materialize
from penstock.jobs.store.open import open_store
from penstock.jobs.streaming.status import wait_caught_up, wait_stream
from penstock.jobs.training.train import train
from tests.jobs.models.examples import write_set
from tests.jobs.serving.running import wait_until
from tests.jobs.shop import make_project, write_history
from tests.kafka_broker import Kafka
from tests.projects import unique

#: Milliseconds.
T = 1_700_000_000_000

DEFINITIONS = """
from penstock import Model, Stream, Table, View, count, mean, sum, union

orders = Stream("orders", topic="TOPIC", history="orders/*.parquet", time="ts", id="order", columns=dict(
    order="string", customer="string", shop="string", amount="float64", items="int64"))
returns = Stream("returns", topic="TOPIC-returns", history="returns/*.parquet", time="at", id="order", columns=dict(
    order="string", customer="string"))
ratings = Stream("ratings", history="ratings/*.parquet", time="ts", columns=dict(shop="string", stars="int64"))
shops = Table("shops", history="shops.parquet", key="shop", columns=dict(shop="string", opened="timestamp"))

CUSTOMER = View("CUSTOMER", orders, key="customer", features=dict(
    orders=count().over("1h"), amount=sum(orders.amount).over("1h")))
both = View("CUSTOMER_both", union(orders, returns), key="customer", features=dict(events=count().over("1h")))
rated = View("rated", ratings, key="shop", features=dict(stars=mean(ratings.stars).over("1d")))

cost = Model("cost", on=orders, output="predictions.TOPIC", label=orders.amount,
    inputs=[orders.amount, CUSTOMER.named("customer"), both.named("both"), rated, shops],
    derived=dict(each=customer_amount / orders.items))
"""

ORDERS = [
    {"order": "zeroth", "customer": "c0", "shop": "s", "amount": 1.0, "items": 1, "ts": T - 600_000},
    {"order": "first", "customer": "c1", "shop": "s", "amount": 20.5, "items": 2, "ts": T},
    {"order": "second", "customer": "c1", "shop": "s", "amount": 7.1, "items": 1, "ts": T + 60_000},
    {"order": "third", "customer": "c1", "shop": "r", "amount": 0.3, "items": 3, "ts": T + 30_000},
    {"order": "fourth", "customer": "c1", "shop": "s", "amount": 5.0, "items": 1, "ts": T + 120_000},
    {"order": "stranger", "customer": "c9", "shop": "s", "amount": 9.0, "items": 4, "ts": T + 130_000},
]
#: Of the order of this id: ids of two streams are not the same ones.
RETURNS = [{"order": "second", "customer": "c1", "at": T + 40_000}]
RATINGS = [
    {"shop": shop, "stars": stars, "ts": T + after}
    for shop, stars, after in [
        ("r", 5, -60_000),
        ("s", 3, -50_000),
        ("s", 4, -40_000),
        ("s", 4, -30_000),
        ("r", 1, 45_000),
    ]
]
#: Ratings are in the store up to this time.
RATED = T + 50_000
SHOPS = [{"shop": shop, "opened": T - 10**10} for shop in "rs"]


@dataclass(frozen=True)
class Story:
    """The project, with all that was sent in its history; ``ids`` of the predictions by the order's own id."""

    project: Project
    topic: str
    view: str
    ids: dict[str, str]

    def copy(self, folder: Path, change: Callable[[str], str] = lambda text: text) -> Project:
        """The same topics and history with other definitions, in a folder of its own."""
        shutil.copytree(self.project.folder, folder, ignore=shutil.ignore_patterns("logs", "stream"))
        file = folder / "definitions.py"
        file.write_text(change(file.read_text()))
        return load_project(folder)

    @property
    def letter(self) -> str:
        """The id of the request that was refused."""
        return f"{self.topic}-0-4"


def definitions(topic: str, view: str) -> str:
    """The story's own."""
    text = DEFINITIONS.replace("customer_amount", "CUSTOMER.named('customer').amount_1h")
    return text.replace("TOPIC", topic).replace("CUSTOMER", view)


@contextmanager
def told(folder: Path, kafka: Kafka) -> Iterator[Story]:
    """Plays the story; its processes have ended when the block begins."""
    topic, view = unique("orders"), unique("customer")
    project = make_project(folder, definitions(topic, view), servers=kafka.servers, wait_ms=2_000)
    ensure_topics(
        project.config, [topic, project.topic("returns"), project.model("cost").output, project.names.dead_letters]
    )
    for source, rows in {"ratings": RATINGS, "shops": SHOPS}.items():
        write_history(project, source, rows)
    _materialize(project)
    train_on_noise(project)
    with contextlib.ExitStack() as running:
        _play(project, running)
    write_history(project, "orders", ORDERS)
    write_history(project, "returns", RETURNS)
    yield Story(project, topic, view, {order["order"]: id for id, order in _answered(project)})


def _materialize(project: Project) -> None:
    apply(project)
    with open_store(project.folder) as store:
        for name in ("rated", "shops"):
            plan = project.plans[name]
            history = project.history(plan.source.name)
            backfill(plan, history, T - 86_400_000, RATED, project.backfills, memory="256MB")
            materialize(project, plan, store, RATED - 1)


def train_on_noise(project: Project) -> None:
    """A version that rests on every number, trained on noise."""
    plan, n, numbers = project.model("cost").model_plan, 1_000, np.random.default_rng(5)
    columns: dict[str, Any] = {
        item.name: numbers.integers(0, 30, n).astype(float if item.type == "float64" else int).tolist()
        for item in plan.vector
    }
    columns |= {"id": [f"o{i}" for i in range(n)], "t": list(range(n))}
    columns["label"] = [float(sum(columns[item.name][i] for item in plan.vector)) for i in range(n)]
    file = write_set(project.folder / "set.parquet", plan, columns, (0, n))
    train(file, plan, project.config.state / "models", Span(0, n - 100), Span(n - 100, n))


def _play(project: Project, running: contextlib.ExitStack) -> None:
    logs, where = project.folder / "logs", ["--project", str(project.folder)]
    stream = Child("stream", ["stream", *where], logs / "stream.log")
    infer = Child("infer", ["infer", "cost", "--from", "earliest", *where], logs / "infer.log")
    for child in (stream, infer):
        running.callback(child.stop)
        child.start()
    wait_stream(project, stream)
    returned = 0
    for sent, order in enumerate(ORDERS[:4], 1):
        with _held_up(stream) if order["order"] == "third" else contextlib.nullcontext():
            _send(project, "orders", orjson.dumps(order))
            _wait(project, infer, sent)
        wait_caught_up(project, stream, {"orders": sent, "returns": returned})
        if order["order"] == "second":
            _send(project, "returns", orjson.dumps(RETURNS[0]))
            returned = len(RETURNS)
            wait_caught_up(project, stream, {"orders": sent, "returns": returned})
    stream.stop()
    for raw in (b"{", *map(orjson.dumps, ORDERS[4:])):
        _send(project, "orders", raw)
    _wait(project, infer, len(ORDERS))


@contextmanager
def _held_up(stream: Child) -> Iterator[None]:
    """Nothing is written into the store meanwhile: whether an event is there in time for its own request is chance."""
    os.kill(stream.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(stream.pid, signal.SIGCONT)


def _send(project: Project, source: str, raw: bytes) -> None:
    with producer(project.config) as sender:
        sender.send(project.topic(source), raw, partition=0).get(30)


def _wait(project: Project, infer: Child, predictions: int) -> None:
    def there() -> bool:
        infer.check()
        return len(_records(project)) >= predictions

    wait_until(there, f"{predictions} predictions")


def _records(project: Project) -> list[Any]:
    with closing(read_records(project, project.model("cost").output, None)) as records:
        return list(records)


def _answered(project: Project) -> list[tuple[str, dict[str, Any]]]:
    """Ids with the orders that they answer."""
    by_id = {order["order"]: order for order in ORDERS}
    made = [orjson.loads(record.value) for record in _records(project)]
    return [(prediction["id"], by_id[prediction["event"]]) for prediction in made]
