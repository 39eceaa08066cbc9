"""A project with views of every kind over events of which history has some, the topics some, and both some."""

from __future__ import annotations

import json
import random
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.features.plan import ViewPlan
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.batch.parts import ViewParts
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.kafka.readback import read_values
from penstock.jobs.process.children import Child
from penstock.jobs.project.project import Project
from tests.kafka_broker import Kafka
from tests.projects import config, make_project, unique

DEFINITIONS = """
from penstock import (Stream, Table, View, calendar, count, decayed_sum, distinct, first, hopping, last_k, lifetime,
    max, mean, percentile, session, sliding, sum, union)

columns = dict(id="string", k="string", x="float64", n="int64")
orders = Stream("orders", topic="{orders}", history="orders/*.parquet", time="ts", id="id", columns=columns)
plain = Stream("plain", topic="{plain}", history="plain/*.parquet", time="ts", columns=columns)
carts = Stream("carts", topic="{carts}", history="carts/*.parquet", time="ts", id="id", op="op",
    columns=dict(**columns, op="string"))
returns = Stream("returns", topic="{returns}", history="returns/*.parquet", time="at", id="number",
    columns=dict(number="int64", k="string", x="float64", n="int64"))
fresh = Stream("fresh", topic="{fresh}", time="ts", id="id", columns=columns)
prices = Table("{price}", topic="{prices}", history="prices/*.parquet", time="ts", key="k", columns=columns)

def windows(s):
    return dict(
        n=count().over("10s", "1m", sliding("3m", step="30s"), sliding("1m", delay="20s"), calendar("2m"),
            hopping("1m", step="10s"), session("15s")),
        x=sum(s.x).over("1m", sliding("3m", step="30s")), mean=mean(s.x).over("1m"), top=max(s.n).over("1m"),
        first=first(s.x).over("1m"), newest=last_k(s.x, 3).over("1m"), some=distinct(s.n).over("1m"),
        half=percentile(s.x, 50).over("1m"), fading=decayed_sum(s.x, "10s").over("1m"))

by_id = View("{by_id}", orders, key="k", features=windows(orders))
ever = View("{ever}", orders, key="k", features=dict(n=count().over(lifetime()), x=sum(orders.x).over(lifetime())))
no_id = View("{no_id}", plain, key="k", features=windows(plain))
big = View("{big}", plain, key="k", filter=plain.x > 5, features=dict(
    n=count().over(lifetime()), x=sum(plain.x).over(sliding("3m", step="30s"))))
changing = View("{changing}", carts, key="k", features=windows(carts))
either = union(orders, returns)
both = View("{both}", either, key="k", features=dict(n=count().over("1m", lifetime()), x=sum(either.x).over("1m")))
mixed = View("{mixed}", union(orders, fresh), key="k", features=dict(n=count().over("1m")))
"""
SOURCES = ("orders", "plain", "carts", "returns", "fresh", "prices")
VIEWS = ("by_id", "ever", "no_id", "big", "changing", "both", "mixed", "price")
#: Views of several topics: which events have come when a row is emitted is not told by their times.
UNIONS = ("both", "mixed")
CUT = 1_700_000_000_000
BEFORE, AFTER, OVERLAP = 600_000, 300_000, 120_000
END = CUT + 7_200_000
PARTITIONS = 4

Event = dict[str, Any]


def some_events(source: str, seed: int, step: int = 3_000) -> list[Event]:
    """In event-time order; then one that is so late that all windows are empty again."""
    rand, events, t = random.Random(f"{source} {seed}"), [], CUT - BEFORE
    while t < CUT + AFTER:
        event = {"k": rand.choice("abcdé"), "x": round(rand.gauss(9, 9), 2), "n": rand.randrange(9)}
        name = {"number": len(events)} if source == "returns" else {"id": f"{source} {len(events)}"}
        made = {("at" if source == "returns" else "ts"): t, **name, **event}
        events += list(_versions(made, rand)) if source == "carts" else [made]
        t += rand.choice([0, 1, step // 10, step, 2 * step])
    last = {**events[-1], "at" if source == "returns" else "ts": END, "k": "end"}
    last |= {"number": 10**6} if source == "returns" else {"id": "end"}
    return [*events, last | ({"op": "insert"} if source == "carts" else {})]


def _versions(event: Event, rand: random.Random) -> Iterator[Event]:
    yield {**event, "op": "insert"}
    for _ in range(rand.choice([0, 0, 1, 2])):
        yield {**event, "x": round(rand.gauss(9, 9), 2), "op": "update"}
    if rand.random() < 0.2:
        yield {**event, "op": "delete"}


def time_of(event: Event) -> int:
    return int(event.get("ts", event.get("at")))


@dataclass
class World:
    """``events``: by source all that happened, in order; ``hidden``: of them those that history lacks."""

    project: Project
    names: dict[str, str]
    events: Mapping[str, Sequence[Event]]
    hidden: Mapping[str, Sequence[Event]]
    _batch: dict[str, dict[tuple[str, int], Any]] = field(default_factory=dict)

    def plan(self, view: str) -> ViewPlan:
        return self.project.plans[self.names[view]]

    def alias(self, source: str) -> str:
        """A table is called as its view is."""
        return "prices" if source == self.names["price"] else source

    def child(self, name: str, *arguments: str) -> Child:
        log = self.project.folder / "logs" / f"{name}.log"
        return Child(name, ["stream", "--project", str(self.project.folder), *arguments], log)

    def set_parallelism(self, parallelism: int) -> None:
        file = self.project.folder / "penstock.toml"
        text = file.read_text().partition("parallelism")[0]
        file.write_text(f"{text}parallelism = {parallelism}\n")

    def history(self, source: str) -> list[Event]:
        """What the stream may read: a file has events after the cut-over, too."""
        if source == "fresh":
            return []
        hidden = {event["id"] for event in self.hidden.get(source, [])}
        return [event for event in self.events[source] if event.get("id") not in hidden]

    def sent(self, source: str, until: int = END + 1) -> list[Event]:
        """What lies on the topic, before a time."""
        since = CUT - (BEFORE if source == "fresh" else OVERLAP)
        return [event for event in self.events[source] if since <= time_of(event) < until]

    def write_history(self) -> None:
        for source in SOURCES:
            if rows := self.history(source):
                name = self.names["price"] if source == "prices" else source
                write_parquet(self.project, name, self.project.config.data / source, rows)

    def send(self, since: int, until: int) -> None:
        """Sends what is of this time; a key stays in one partition."""
        with producer(self.project.config) as sender:
            receipts = [
                sender.send(self.names[source], json.dumps(event).encode(), partition=ord(event["k"][0]) % PARTITIONS)
                for source in SOURCES
                for event in self.sent(source, until)
                if time_of(event) >= since
            ]
            assert all(receipt.get(30) for receipt in receipts)

    def rows(self, view: str) -> dict[tuple[str, int], Any]:
        """The last row of every key and time that the stream has emitted."""
        file = self.project.folder / f"{view}.ndjson"
        read_values(self.project, self.project.names.features(self.names[view]), file)
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        rows.sort(key=lambda row: (row["t"], row["seq"]))
        return {(row["key"]["k"], row["t"]): row["values"] for row in rows}

    def batch(self, view: str, *, hidden: bool = True) -> dict[tuple[str, int], Any]:
        """All change points by a backfill, over all that happened or without what history lacks."""
        name = f"{view} {hidden}"
        if name not in self._batch:
            self._batch[name] = self._change_points(self.plan(view), hidden)
        return self._batch[name]

    def _change_points(self, plan: ViewPlan, hidden: bool) -> dict[tuple[str, int], Any]:
        folder, files = self.project.folder / f"batch {hidden}", {}
        for source in plan.source.sources:
            alias = self.alias(source.name)
            files[source.name] = str(folder / alias / "0.parquet")
            rows = self.events[alias] if hidden or alias == "fresh" else self.history(alias)
            write_parquet(self.project, source.name, folder / alias, rows)
        backfill(plan, files, CUT - BEFORE, END + 1, folder, memory="256MB")
        parts = [part.path for part in ViewParts(folder / plan.name, plan).all()]
        names = [feature.name for feature in plan.features]
        rows = pa.concat_tables(pq.read_table(part) for part in parts).to_pylist()
        return {(row["k"], row["t"]): {name: row[name] for name in names} for row in rows}


def write_parquet(project: Project, source: str, folder: Path, rows: Sequence[Event]) -> None:
    file = folder / "0.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    types = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "timestamp": pa.int64()}
    schema = pa.schema([(c.name, types[c.type]) for c in project.streams[source].source_plan.columns])
    pq.write_table(pa.Table.from_pylist(list(rows), schema), file)


def make_world(folder: Path, kafka: Kafka, seed: int = 1, *, step: int = 3_000) -> World:
    """Its history is written; its topics are empty."""
    names = {name: unique(name) for name in (*SOURCES, *VIEWS)}
    project = make_project(folder, DEFINITIONS.format(**names), servers=kafka.servers)
    ensure_topics(config(folder, kafka.servers, partitions=PARTITIONS), [names[source] for source in SOURCES])
    events = {source: some_events(source, seed, step) for source in SOURCES}
    late = [event for event in events["orders"] if CUT - 40_000 <= time_of(event) < CUT][::3]
    world = World(project, names, events, {"orders": late})
    world.write_history()
    return world


class Values:
    """Rows by key and time, asked for the value that holds at any time."""

    def __init__(self, rows: Mapping[tuple[str, int], Any]) -> None:
        self._by_key: dict[str, tuple[list[int], list[Any]]] = {}
        for (key, t), values in sorted(rows.items(), key=lambda row: row[0]):
            times, each = self._by_key.setdefault(key, ([], []))
            times.append(t)
            each.append(values)

    def at(self, key: str, t: int) -> Any:
        """None before the first row."""
        times, values = self._by_key.get(key, ([], []))
        place = bisect_right(times, t)
        return values[place - 1] if place else None
