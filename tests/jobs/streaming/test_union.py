"""Views over several topics on a real broker and a real Flink: a quiet topic, a restart, accounting, places, and batch.

And one topic's events over one and over four partitions, in the same job, because each start of Flink takes seconds.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.features.ingest import BadEvent, parse
from penstock.features.oracle import Result, batch
from penstock.features.plan import SOURCE, ViewPlan
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.demo.verify import Evidence, store_rows
from penstock.jobs.kafka.clients import consumer, ensure_topics, producer
from penstock.jobs.kafka.readback import read_values
from penstock.jobs.process.children import Child
from penstock.jobs.project.project import Project
from penstock.jobs.store.catalogue import project_objects
from penstock.jobs.store.open import open_store
from penstock.jobs.store.schema import schema_of
from penstock.jobs.streaming.status import read_counted, read_counts, running_job, wait_caught_up, wait_stream
from tests.kafka_broker import Kafka
from tests.projects import config, make_project, unique

DEFINITIONS = """
from penstock import Stream, View, count, last, lifetime, max, sum, union

columns = dict(id="string", k="string", x="float64", n="int64")
orders = Stream("orders", topic="{orders}", history="orders.parquet", time="ts", id="id", columns=columns)
spread = Stream("spread", topic="{spread}", time="ts", id="id", columns=columns)
returns = Stream("returns", topic="{returns}", history="returns.parquet", time="at", id="number", columns=dict(
    number="int64", k="string", x="float64", why="string"))
either = union(orders, returns)

features = lambda s: dict(n=count().over("10s", "1m"), x=sum(s.x).over("10s"), last=last(s.x).over("1m"))
one = View("{one}", orders, key="k", features=features(orders))
four = View("{four}", spread, key="k", features=features(spread))
both = View("{both}", either, key="k", features=dict(**features(either), all=count().over(lifetime())))
"""
TOPICS, VIEWS = ("orders", "spread", "returns"), ("one", "four", "both")
START, PARTITIONS = 1_700_000_000_000, 4
#: One for each partition, because each of them holds time back.
ENDS = [f"end {place}" for place in range(PARTITIONS)]
BAD = b'{"k":"a"}'


@dataclass
class Story:
    """A project, and what has been sent to it so far: source → raw events in order."""

    project: Project
    names: dict[str, str]
    sent: dict[str, list[bytes]] = field(default_factory=lambda: {name: [] for name in TOPICS})

    def plan(self, view: str) -> ViewPlan:
        return self.project.plans[self.names[view]]

    @property
    def counts(self) -> dict[str, int]:
        return {name: len(raws) for name, raws in self.sent.items()}

    def child(self, name: str) -> Child:
        return Child(
            name, ["stream", "--project", str(self.project.folder)], self.project.folder / "logs" / f"{name}.log"
        )

    def send(self, events: Mapping[str, list[bytes]]) -> None:
        """Sends each source's events in order; those of ``spread`` by key over its partitions."""
        with producer(self.project.config) as sender:
            receipts = [
                sender.send(self.names[source], raw, partition=place(raw) if source == "spread" else 0)
                for source, raws in events.items()
                for raw in raws
            ]
        assert all(receipt.get(30) for receipt in receipts)
        for source, raws in events.items():
            self.sent[source] += raws


def place(raw: bytes) -> int:
    key = json.loads(raw)["k"]
    return ENDS.index(key) if key in ENDS else ord(key[0]) % PARTITIONS


def some_orders(start: int, count: int, seed: int) -> list[bytes]:
    """In event-time order, with repeats, ties and a bad one; at the end so late that all windows are empty again."""
    rand, made, t = random.Random(seed), [BAD], start
    for i in range(count):
        t += rand.choice([0, 1, 40, 700])
        order = {"ts": t, "id": f"{seed}{i}", "k": rand.choice("abcdé"), "x": round(rand.gauss(9, 9), 2), "n": i}
        made.append(json.dumps(order).encode())
        if i % 40 == 7:
            made.append(made[-1])
    return made + [json.dumps({"ts": t + 600_000, "id": f"end {seed}", "k": key}).encode() for key in ENDS]


def some_returns(start: int, count: int, seed: int) -> list[bytes]:
    """With ids that orders have, too."""
    rand = random.Random(seed)
    made = [{"at": start + 90 * i, "number": int(f"{seed}{i}"), "k": rand.choice("ab"), "x": 0.5} for i in range(count)]
    return [json.dumps(event).encode() for event in [*made, made[0], {"number": 1}]]


@pytest.fixture(scope="module")
def story(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    names = {name: unique(name) for name in (*TOPICS, *VIEWS)}
    folder = tmp_path_factory.mktemp("union")
    project = make_project(folder, DEFINITIONS.format(**names), servers=kafka.servers)
    ensure_topics(config(folder, kafka.servers, partitions=PARTITIONS), [names["spread"]])
    ensure_topics(project.config, [names["orders"], names["returns"]])
    yield Story(project, names)


def rows_of(story: Story, view: str) -> list[dict[str, Any]]:
    file = story.project.folder / f"{view}.ndjson"
    read_values(story.project, story.project.names.features(story.names[view]), file)
    return [json.loads(line) for line in file.read_text().splitlines()]


def last_by(rows: list[dict[str, Any]], *names: str) -> dict[tuple[Any, ...], Any]:
    """The last row by key, or by key and time: its time and values."""
    ordered = sorted(rows, key=lambda row: (row["t"], row["seq"]))
    return {
        tuple(row["key"]["k"] if name == "k" else row[name] for name in names): (row["t"], row["values"])
        for row in ordered
    }


def expected(story: Story, view: str) -> Result:
    plan, given = story.plan(view), []
    for source in plan.source.sources:
        for raw in story.sent[source.name]:
            try:
                given.append({**parse(source, raw), SOURCE: source.name})
            except BadEvent as bad:
                given.append(BadEvent(bad.code, bad.detail, source=source.name))
    return batch(plan, given)


def expected_rows(story: Story, view: str) -> list[dict[str, Any]]:
    names = [feature.name for feature in story.plan(view).features]
    return [
        {"key": {"k": key[0]}, "t": t, "seq": 0, "values": dict(zip(names, values, strict=True))}
        for key, t, _, values in expected(story, view).rows
    ]


def in_the_end(story: Story, view: str) -> dict[tuple[Any, ...], Any]:
    """What every key must have, but for those that only move time."""
    rows = [row for row in expected_rows(story, view) if row["key"]["k"] not in ENDS]
    return last_by(rows, "k")


def has_ended(story: Story, view: str) -> bool:
    found = last_by([row for row in rows_of(story, view) if row["key"]["k"] not in ENDS], "k")
    return found == in_the_end(story, view)


def wait_for(condition: Callable[[], bool], child: Child, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, child.said()
        time.sleep(0.3)


@pytest.mark.timeout(600)  # it starts Flink twice, and machines are shared
def test_a_union_and_its_streams_alone_in_one_job(story: Story) -> None:
    first, second = some_orders(START, 300, 1), some_orders(START + 3_600_000, 200, 2)
    story.send({"orders": first, "spread": first, "returns": some_returns(START, 30, 1)})
    with story.child("first") as child:
        wait_stream(story.project, child)
        wait_caught_up(story.project, child, story.counts)
        # the returns are quiet, and far behind: nothing would leave a window if they held time back for ever
        wait_for(lambda: all(has_ended(story, view) for view in VIEWS), child)
        check_counts(story)
        child.stop()
        assert child.code == 0, child.said()
    story.send({"orders": second, "spread": second, "returns": some_returns(START + 3_650_000, 30, 2)})
    with story.child("second") as child:
        wait_stream(story.project, child)
        wait_caught_up(story.project, child, story.counts)
        wait_for(lambda: all(has_ended(story, view) for view in VIEWS), child)
        wait_caught_up(story.project, child, story.counts)
        check_counts(story)
        child.stop()
        assert child.code == 0, child.said()


def check_counts(story: Story) -> None:
    """In = applied + too late + duplicate + dead, for each stream of the union."""
    found = read_counted(story.project, running_job(story.project)).of_sources
    both = {source: found[story.names["both"], source] for source in ("orders", "returns")}
    wanted = expected(story, "both").of_sources
    for source, counts in both.items():
        assert sum(counts.values()) == len(story.sent[source])
        assert counts["dead"] == wanted[source].dead > 0
        assert counts["duplicate"] + counts["too_late"] >= wanted[source].duplicate > 0
    whole = read_counts(story.project)[story.names["both"]]
    assert whole == {name: sum(counts[name] for counts in both.values()) for name in whole}
    alone = found[story.names["one"], "orders"]
    assert alone == found[story.names["four"], "spread"]
    assert sum(alone.values()) == len(story.sent["orders"])


def test_a_row_names_the_topic_of_the_event_that_led_to_it(story: Story) -> None:
    topics = {story.names[source]: source for source in ("orders", "returns")}
    with consumer(story.project.config, [story.project.names.features(story.names["both"])]) as reader:
        records: list[Any] = []
        while part := reader.poll(timeout_ms=3_000):
            records += [record for found in part.values() for record in found]
    seen = set()
    for record in records:
        headers, row = dict(record.headers), json.loads(record.value)
        source = topics[headers["topic"].decode()]
        event = json.loads(story.sent[source][int(headers["offset"])])
        assert (event["k"], headers["partition"]) == (row["key"]["k"], b"0")
        assert event.get("ts", event.get("at")) <= row["t"]
        seen.add(source)
    assert seen == {"orders", "returns"}


def test_dead_letters_name_the_stream(story: Story) -> None:
    with consumer(story.project.config, [story.project.names.dead_letters]) as reader:
        letters: list[dict[str, Any]] = []
        while part := reader.poll(timeout_ms=3_000):
            letters += [json.loads(record.value) for records in part.values() for record in records]
    found = {(letter["source"], letter["offset"]) for letter in letters if letter["topic"] in story.names.values()}
    places = {
        name: [i for i, raw in enumerate(raws) if b"ts" not in raw and b"at" not in raw]
        for name, raws in story.sent.items()
    }
    assert {place for place in found if place[0] != "spread"} == {
        (name, i) for name in ("orders", "returns") for i in places[name]
    }


def test_over_one_and_over_four_partitions_the_rows_are_the_same(story: Story) -> None:
    wanted = last_by(expected_rows(story, "one"), "k", "t")
    events = [json.loads(raw) for raw in story.sent["orders"] if raw != BAD]
    for view in ("one", "four"):
        found = last_by(rows_of(story, view), "k", "t")
        assert found == {place: wanted[place] for place in found}
        # change points between events may be passed over by the next event
        assert {(event["k"], event["ts"]) for event in events} <= found.keys()
    assert last_by(rows_of(story, "one"), "k") == last_by(rows_of(story, "four"), "k")


def test_batch_and_the_store_hold_what_the_stream_ended_with(story: Story) -> None:
    plan, folder = story.plan("both"), story.project.folder
    for source in plan.source.sources:
        write_history(story, source.name)
    report = backfill(plan, story.project.histories(plan.name), START, 2**50, folder / "batch", memory="1GB")
    wanted = expected(story, "both")
    assert report.counts == vars(wanted.counts)
    assert report.of_sources == {name: vars(counts) for name, counts in wanted.of_sources.items()}
    keys = [(key,) for (key,) in in_the_end(story, "both")]
    with (
        open_store(folder) as store,
        Evidence({plan.name: plan}, {plan.name: folder / "batch" / plan.name}, memory="1GB").opened() as evidence,
    ):
        (columns,) = store.read_rows([(schema_of(plan), keys)])
        found = evidence.store_against_batch(plan.name, store_rows(plan, keys, columns))
    assert found.equal and found.rows == len(keys), found.samples


def write_history(story: Story, name: str) -> None:
    """The same events as files; one that is no event has no time there."""
    file = Path(story.project.history(name))
    file.parent.mkdir(exist_ok=True)
    source = story.project.streams[name].source_plan
    types = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "timestamp": pa.int64()}
    schema = pa.schema({column.name: types[column.type] for column in source.columns})
    pq.write_table(pa.Table.from_pylist([json.loads(raw) for raw in story.sent[name]], schema), file)


def test_the_catalogue_knows_the_view(story: Story) -> None:
    found = project_objects(story.project.folder)
    assert f"view_{story.names['both']}" in found
