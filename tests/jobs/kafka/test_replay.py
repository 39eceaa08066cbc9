"""History read by the rules of batch, and sent to a real broker."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from penstock.features.errors import PenstockError, UsageError
from penstock.features.ingest import parse
from penstock.jobs.cli import penstock
from penstock.jobs.kafka.clients import admin, consumer, ensure_topics, producer
from penstock.jobs.kafka.replay import FullSpeed, Lead, RealTime, count_events, events, identity, replay
from penstock.jobs.project.project import Project
from tests.jobs.shop import write_history
from tests.kafka_broker import Kafka
from tests.projects import make_project, unique

DEFINITIONS = """
from penstock import Stream, Table, View, count
arrivals = Stream("arrivals", topic="{arrivals}", history="arrivals/*.parquet", time="ts", id="id",
    columns=dict(id="int64", shop="string"))
orders = Stream("orders", topic="{orders}", history="orders/*.parquet", time="ts", id="id",
    columns=dict(id="string", shop="string", x="float64", n="int64", b="bool", at="timestamp"))
unseen = Stream("unseen", topic="unseen", history="unseen/*.parquet", time="ts", columns=dict(a="string"))
quiet = Stream("quiet", topic="quiet", time="ts", columns=dict(a="string"))
shops = Table("shops", history="shops.parquet", key="shop", columns=dict(shop="string", city="string"))

shop_arrivals = View("shop_arrivals", arrivals, key="shop", features=dict(n=count().over("1h")))
shop_orders = View("shop_orders", orders, key="shop", features=dict(n=count().over("1h")))
quiet_ones = View("quiet_ones", quiet, key="a", features=dict(n=count().over("1h")))
"""


def make(folder: Path, servers: str = "local") -> Project:
    topics = {"orders": unique("orders"), "arrivals": unique("arrivals")}
    return make_project(folder, DEFINITIONS.format(**topics), servers=servers)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = make(tmp_path)
    fill(made)
    return made


@pytest.fixture
def connected(kafka: Kafka, tmp_path: Path) -> Project:
    made = make(tmp_path, kafka.servers)
    fill(made)
    ensure_topics(made.config, [made.topic("orders"), made.topic("arrivals")])
    return made


def fill(project: Project) -> None:
    """Orders at 1000, 1010, …, 1990; arrivals at every second of these times."""
    write_history(project, "orders", [order(i) for i in range(100)], parts=3)
    write_history(project, "arrivals", [{"id": i, "shop": "a", "ts": 1_000 + 20 * i} for i in range(50)])


def order(i: int) -> dict[str, Any]:
    return {"id": f"o{i}", "shop": f"s{i % 3}", "x": i / 7, "n": i, "b": i % 2 == 0, "at": -i, "ts": 1_000 + 10 * i}


def received(project: Project, source: str, count: int) -> list[dict[str, Any]]:
    with consumer(project.config, [project.topic(source)]) as reader:
        values: list[bytes] = []
        while len(values) < count:
            values += [r.value for part in reader.poll(timeout_ms=10_000).values() for r in part]
    return [json.loads(value) for value in values]


def test_a_range_without_events_is_told_with_what_history_has(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["replay", "--project", str(project.folder), "--from", "1970-01-01T00:00:03", "--to", "1970-01-02"]
    with pytest.raises(SystemExit) as ended:
        penstock.main(args=arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: there are no events from 1970-01-01 00:00:03 to 1970-01-02 00:00:00",
        "  where: --from, --to",
        "  allowed: history reaches from 1970-01-01 00:00:01 to 1970-01-01 00:00:01",
    ]


def in_utc(project: Project, name: str, **columns: pa.Array) -> None:
    file = project.config.data / name / "part.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file)


# --- events ----------------------------------------------------------------------------------------------------------


def test_events_are_merged_by_time_then_by_the_order_of_the_definitions(project: Project) -> None:
    found = [(t, source) for source, t, _ in events(project, 0, 10_000)]
    assert len(found) == 150
    assert found == sorted(found)
    assert found[:3] == [(1_000, "arrivals"), (1_000, "orders"), (1_010, "orders")]


def test_ties_are_in_the_order_of_their_ids_and_then_of_the_files(tmp_path: Path) -> None:
    made = make(tmp_path)
    rows = [{"id": id, "shop": shop, "ts": 5} for id, shop in (("b", "x"), ("a", "z"), ("a", "y"), ("c", None))]
    write_history(made, "orders", rows)
    write_history(made, "arrivals", [])
    found = [json.loads(raw) for _, _, raw in events(made, 0, 10)]
    assert [(row["id"], row["shop"]) for row in found] == [("a", "z"), ("a", "y"), ("b", "x"), ("c", None)]


def test_the_start_is_inside_and_the_end_is_not(project: Project) -> None:
    assert [t for _, t, _ in events(project, 1_010, 1_030)] == [1_010, 1_020, 1_020]
    assert list(events(project, 1_030, 1_030)) == []


def test_the_stream_reads_what_batch_reads(project: Project) -> None:
    plan = project.streams["orders"].source_plan
    found = [parse(plan, raw) for source, _, raw in events(project, 0, 10_000) if source == "orders"]
    assert found == [order(i) for i in range(100)]


def test_values_that_json_has_not_are_null_and_doubles_keep_their_bits(tmp_path: Path) -> None:
    made = make(tmp_path)
    numbers = [0.1 + 0.2, -0.0, 5e-324, 1.7976931348623157e308, math.nan, math.inf, None]
    rows = [{"id": f"{i}", "shop": 'é"\\\n', "x": x, "ts": i} for i, x in enumerate(numbers)]
    write_history(made, "orders", rows)
    write_history(made, "arrivals", [])
    found = [parse(made.streams["orders"].source_plan, raw) for _, _, raw in events(made, 0, 100)]
    assert [row["x"] for row in found] == [0.1 + 0.2, 0.0, 5e-324, 1.7976931348623157e308, None, None, None]
    assert {row["shop"] for row in found} == {'é"\\\n'}


def test_times_finer_than_milliseconds_are_floored_before_1970_too(tmp_path: Path) -> None:
    made = make(tmp_path)
    times = pa.array([-1, 1_999], pa.timestamp("us", "UTC"))
    in_utc(made, "arrivals", id=pa.array([1, 2]), shop=pa.array(["a", "b"]), ts=times)
    write_history(made, "orders", [])
    found = [(t, json.loads(raw)["ts"]) for _, t, raw in events(made, -10, 10)]
    assert found == [(-1, -1), (1, 1)]


def test_rows_without_a_time_are_left_out(tmp_path: Path) -> None:
    made = make(tmp_path)
    write_history(made, "arrivals", [{"id": 1, "shop": "a", "ts": None}, {"id": 2, "shop": "a", "ts": 3}])
    write_history(made, "orders", [])
    assert [json.loads(raw)["id"] for _, _, raw in events(made, 0, 10)] == [2]


def test_events_are_counted_by_source(project: Project) -> None:
    assert count_events(project, 0, 10_000) == {"arrivals": 50, "orders": 100}
    assert count_events(project, 1_010, 1_030) == {"arrivals": 1, "orders": 2}
    assert count_events(project, 5_000, 6_000) == {"arrivals": 0, "orders": 0}


def test_a_source_without_files_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="arrivals has no history files"):
        list(events(make(tmp_path), 0, 10))


def test_a_project_without_history_is_said(tmp_path: Path) -> None:
    definitions = DEFINITIONS.replace('history="arrivals/*.parquet", ', "").replace('history="orders/*.parquet", ', "")
    made = make_project(tmp_path, definitions.format(orders="orders", arrivals="arrivals"))
    with pytest.raises(UsageError, match="no streamed source has a history"):
        count_events(made, 0, 10)


# --- sending ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pace", [FullSpeed(), RealTime(1e6)])
def test_all_events_are_sent_in_order_and_counted(connected: Project, pace: Any) -> None:
    told: list[tuple[int, int]] = []
    with producer(connected.config) as sender:
        counts = replay(connected, sender, 0, 10_000, pace, lambda n, t: told.append((n, t)))
    assert counts == {"arrivals": 50, "orders": 100, "quiet": 0}
    assert received(connected, "orders", 100) == [order(i) for i in range(100)]
    assert [row["id"] for row in received(connected, "arrivals", 50)] == list(range(50))
    assert told == []  # it tells every thousand


def test_an_event_that_kafka_does_not_take_ends_the_replay(connected: Project) -> None:
    topic = connected.topic("orders")
    with admin(connected.config) as client:
        client.delete_topics([topic])
        client.create_topics({topic: {"configs": {"max.message.bytes": "90"}}}, wait_for_metadata=True)
    with producer(connected.config) as sender, pytest.raises(PenstockError, match="Message size too large") as caught:
        replay(connected, sender, 0, 10_000, FullSpeed())
    assert caught.value.where == connected.config.kafka.bootstrap_servers


# --- the lead --------------------------------------------------------------------------------------------------------

LEAD_MS = 100


@contextmanager
def answering_each(project: Project, output: str, *, silent_after: int = 10**9) -> Iterator[None]:
    """Answers the orders one by one, each under the id of its request."""
    done = threading.Event()

    def answer() -> None:
        count = 0
        with consumer(project.config, [project.topic("orders")]) as requests, producer(project.config) as sender:
            while not done.is_set():
                for part in requests.poll(timeout_ms=50, max_records=1).values():
                    for request in part:
                        count += 1
                        name = f"{request.topic}-{request.partition}-{request.offset}"
                        if count <= silent_after:
                            sender.send(output, b"{}", name.encode()).get(30)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class Checked(Lead):
    """A lead that writes down what was open when an event went."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.requests: list[tuple[int, Any]] = []
        self.furthest = 0

    def sent(self, source: str, t: int, receipt: Any) -> None:
        """An event has gone: how far is it ahead of the oldest open request?"""
        if source == "orders":
            self.requests.append((t, receipt))
        open_times = [time for time, sent in self.requests if identity(sent) not in self.received]
        self.furthest = max(self.furthest, t - min(open_times, default=t))
        super().sent(source, t, receipt)


@pytest.fixture
def output(connected: Project) -> str:
    topic = unique("predictions")
    ensure_topics(connected.config, [topic])
    return topic


def test_no_event_is_further_ahead_than_the_lead_of_the_oldest_open_request(connected: Project, output: str) -> None:
    with (
        consumer(connected.config, [output]) as predictions,
        producer(connected.config, linger_ms=0) as sender,
        answering_each(connected, output),
        Checked(predictions, "orders", LEAD_MS) as pace,
    ):
        counts = replay(connected, sender, 0, 10_000, pace)
        pace.drain()
    assert counts["orders"] == len(pace.received) == 100
    assert set(pace.received) == {f"{connected.topic('orders')}-0-{i}" for i in range(100)}
    assert pace.furthest <= LEAD_MS


def test_a_silent_model_ends_the_wait(connected: Project, output: str) -> None:
    with (
        consumer(connected.config, [output]) as predictions,
        producer(connected.config, linger_ms=0) as sender,
        answering_each(connected, output, silent_after=5),
        Lead(predictions, "orders", LEAD_MS, patience_s=1.0) as pace,
        pytest.raises(PenstockError, match="no prediction arrived") as caught,
    ):
        replay(connected, sender, 0, 10_000, pace)
    assert "requests are open" in str(caught.value.where)


def test_a_reader_that_fails_ends_the_wait(connected: Project, output: str) -> None:
    with producer(connected.config, linger_ms=0) as sender:
        predictions = consumer(connected.config, [output])
        predictions.close()
        with (
            Lead(predictions, "orders", LEAD_MS) as pace,
            pytest.raises(PenstockError, match="predictions cannot be read back"),
        ):
            replay(connected, sender, 0, 10_000, pace)


SPELLED = """
from penstock import Stream, View, column, count, header, record_key, record_timestamp
orders = Stream("orders", topic="{orders}", history="orders/*.jsonl", time="at", columns=dict(
    at=record_timestamp(), shop=record_key(path="shop.id"), trace=header("trace"),
    amount=column("float64", path="order.total", cast=("text", "decimal"), places=2),
    paid=column("timestamp", path="order.paid", unit="s")))
shop_orders = View("shop_orders", orders, key="shop", features=dict(n=count().over("1h")))
"""


def test_records_are_sent_as_the_definition_spells_them(kafka: Kafka, tmp_path: Path) -> None:
    project = make_project(tmp_path, SPELLED.format(orders=unique("orders")), servers=kafka.servers)
    (project.config.data / "orders").mkdir(parents=True)
    parts = {"_timestamp": 1_000, "_key": {"shop": {"id": "é"}}, "_headers": {"trace": "t"}}
    lines = [{**parts, "order": {"total": "12.50", "paid": 1.5}}, {"_timestamp": 2_000, "order": {"total": "x"}}]
    (project.config.data / "orders" / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    ensure_topics(project.config, [project.topic("orders")])
    with producer(project.config) as sender:
        assert replay(project, sender, 0, 10_000, FullSpeed()) == {"orders": 1}
        sender.send(project.topic("orders"), b'{"order": {"total": 1.005}}')
    shown = CliRunner().invoke(
        penstock, ["check", "--project", str(tmp_path), "--topic", project.topic("orders"), "--json"]
    )
    look = json.loads(shown.stdout)
    assert (look["good"], look["dead"]["out of range"]["records"]) == (1, 1), shown.output
    assert {name: column["examples"] for name, column in look["columns"].items()} == {
        "at": [1000], "shop": ["é"], "trace": ["t"], "amount": [12.5], "paid": [1500],
    }  # fmt: skip
