from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from penstock import Stream, View, last, last_k
from penstock.features.ingest import CLASSES, BadEvent, parse
from penstock.features.oracle import batch
from penstock.features.plan import ViewPlan
from penstock.jobs.kafka.broker import Broker
from tests.features.compilers.flink.plans import column, literal, operate, plan, window

EVENTS, PARTITIONS = 3_000, 2
DEADLINE_S = 240.0
PLANS = (
    plan("narrow", windows=[window(100), window(2000, 500)]),
    plan(
        "positive", windows=[window(700)], filter=operate("gt", "bool", column("x", "float64"), literal(0.0, "float64"))
    ),
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def records() -> list[bytes]:
    """In event-time order, with repeats and bad ones."""
    rand = random.Random(7)
    made: list[bytes] = []
    for i in range(EVENTS):
        event = {"ts": 10_000 + i * 7, "id": f"e{i}", "k": f"k{rand.randrange(20)}", "x": round(rand.gauss(1, 9), 2)}
        made.append(b'{"ts":' if i % 500 == 0 else json.dumps(event).encode())
        if i % 100 == 0:
            made.append(made[-1])
    return made


@contextlib.contextmanager
def job(
    folder: Path, port: int, servers: str, topic: str = "events", plans: tuple[ViewPlan, ...] = PLANS
) -> Iterator[None]:
    """The job in a process of its own, killed at the end with all that it started."""
    arguments = [str(folder / "a state"), str(port), servers, topic, *(p.json for p in plans)]
    with (folder / "job.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.features.compilers.flink.run_job", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def counts(port: int) -> dict[str, int]:
    """``<view>.<count>`` summed over operators and subtasks; nothing while the job does not answer."""
    found: dict[str, int] = {}
    with contextlib.suppress(OSError, IndexError, KeyError):
        base = f"http://127.0.0.1:{port}/jobs"
        base += "/" + get(base)["jobs"][0]["id"]
        for vertex in get(base)["vertices"]:
            url = f"{base}/vertices/{vertex['id']}/subtasks/metrics"
            names = [metric["id"] for metric in get(url) if ".penstock." in metric["id"]]
            for metric in get(f"{url}?get={','.join(names)}") if names else []:
                name = metric["id"].split(".penstock.")[1]
                found[name] = found.get(name, 0) + int(metric["sum"])
    return found


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def wait_for(condition: Callable[[], bool], folder: Path) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, (folder / "job.log").read_text()[-3000:]
        time.sleep(0.2)


def read_all(servers: str, topic: str) -> list[Any]:
    consumer = KafkaConsumer(bootstrap_servers=servers, consumer_timeout_ms=1000)
    place = TopicPartition(topic, 0)
    consumer.assign([place])
    consumer.seek_to_beginning(place)
    end = consumer.end_offsets([place])[place]
    found = [next(consumer) for _ in range(end)]
    consumer.close()
    return found


def offset(record: Any) -> int:
    return int(dict(record.headers)["offset"])


def seen(port: int, view: str = "narrow") -> int:
    """Events of one view that are counted both as read and as what became of them, which two operators tell."""
    found = counts(port)
    return min(found.get(f"{view}.in", 0), sum(found.get(f"{view}.{name}", 0) for name in CLASSES))


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Broker(tmp_path_factory.mktemp("kafka")) as broker:
        admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
        topics = {"events": PARTITIONS, "dead": 1, "rows.narrow": 1, "rows.positive": 1}
        admin.create_topics([NewTopic(name, partitions, 1) for name, partitions in topics.items()])
        admin.close()
        yield broker.bootstrap_servers


def expected(view: ViewPlan, raws: list[bytes]) -> dict[tuple[str, int], list[Any]]:
    parsed: list[Any] = []
    for raw in raws:
        try:
            parsed.append(parse(view.source, raw))
        except BadEvent as bad:
            parsed.append(bad)
    return {(key[0], t): list(values) for key, t, _, values in batch(view, parsed).rows}


def test_killed_in_the_middle_and_restored(servers: str, tmp_path: Path) -> None:
    raws = records()
    half = len(raws) // 2
    port = free_port()
    producer = KafkaProducer(bootstrap_servers=servers)
    send = [producer.send("events", raw, partition=0) for raw in raws[:half]]
    with job(tmp_path, port, servers):
        wait_for(lambda: seen(port) == half, tmp_path)
        wait_for(lambda: any((tmp_path / "a state" / "checkpoints").glob("*/chk-*/_metadata")), tmp_path)
        send += [producer.send("events", raw, partition=0) for raw in raws[half:]]
        producer.flush()
    with job(tmp_path, port, servers):
        wait_for(lambda: seen(port) == len(raws), tmp_path)
        wait_for(lambda: any(offset(record) == len(raws) - 1 for record in read_all(servers, "rows.narrow")), tmp_path)
        found = counts(port)
    assert "restore from None" in (tmp_path / "job.log").read_text()
    assert "chk-" in (tmp_path / "job.log").read_text()
    check_counts(found, raws)
    for view in PLANS:
        check_rows(view, raws, read_all(servers, f"rows.{view.name}"))
    check_dead(raws, read_all(servers, "dead"))


def test_the_largest_rows_fit_and_what_is_larger_is_a_dead_letter(servers: str, tmp_path: Path) -> None:
    source = Stream("src", topic="texts", time="ts", columns=dict(k="string", s="string"))
    view = View(
        "texts", source, key="k", features=dict(s=last(source.s).over("1s", "2s"), l=last_k(source.s, 3).over("1s"))
    ).plan
    # control characters: what JSON makes longest
    fits, beyond = "\x01" * view.text_limit, "\x01" * 150_000
    sent = [
        ("k", fits),
        (fits, fits),
        (fits, fits),
        (fits, fits),
        (fits + "x", "s"),
        ("k", beyond),
        (beyond, "s"),
        ("k", "end"),
    ]
    raws = [json.dumps({"ts": 1_000 + i, "k": k, "s": s}).encode() for i, (k, s) in enumerate(sent)]
    port, admin = free_port(), KafkaAdminClient(bootstrap_servers=servers)
    admin.create_topics([NewTopic(name, 1, 1) for name in ("texts", "rows.texts")])
    admin.close()
    before = len(read_all(servers, "dead"))
    producer = KafkaProducer(bootstrap_servers=servers)
    for raw in raws:
        producer.send("texts", raw).get(10)
    producer.close()
    with job(tmp_path, port, servers, "texts", (view,)):
        wait_for(lambda: any(offset(record) == len(raws) - 1 for record in read_all(servers, "rows.texts")), tmp_path)
        wait_for(lambda: len(read_all(servers, "dead")) == before + 3, tmp_path)
        # counts are told after rows
        wait_for(lambda: seen(port, "texts") == len(raws), tmp_path)
        found = counts(port)
    assert {name: found[f"texts.{name}"] for name in ("in", "applied", "dead")} == {"in": 8, "applied": 5, "dead": 3}
    rows = [json.loads(record.value) for record in read_all(servers, "rows.texts")]
    assert list(max(rows, key=lambda row: len(str(row)))["values"].values()) == [fits, fits, [fits, fits, fits]]
    letters = [json.loads(record.value) for record in read_all(servers, "dead")[before:]]
    assert [(letter["offset"], letter["view"], letter["error"]) for letter in letters] == [
        (4, "texts", "too long"),
        (5, "texts", "too long"),
        (6, "texts", "too long"),
    ]
    assert [letter["raw"] is None for letter in letters] == [False, True, True]


def check_counts(found: dict[str, int], raws: list[bytes]) -> None:
    bad = sum(raw == b'{"ts":' for raw in raws)
    repeats = len(raws) - EVENTS - bad // 2
    for view in ("narrow", "positive"):
        assert found[f"{view}.in"] == len(raws)
        assert found[f"{view}.dead"] == bad
        assert found[f"{view}.in"] == sum(found[f"{view}.{name}"] for name in CLASSES)
    assert found["narrow.duplicate"] == repeats


def check_rows(view: ViewPlan, raws: list[bytes], records: list[Any]) -> None:
    last: dict[tuple[str, int], list[Any]] = {}
    for record in records:
        row = json.loads(record.value)
        assert json.loads(record.key) == row["key"]
        last[row["key"]["k"], row["t"]] = list(row["values"].values())
        headers = dict(record.headers)
        assert headers["fingerprint"].decode() == view.fingerprint
        assert (headers["topic"], headers["partition"]) == (b"events", b"0")
        assert json.loads(raws[offset(record)])["k"] == row["key"]["k"]
    wanted = expected(view, raws)
    assert {place: wanted[place] for place in last} == last
    # every applied event has its row; change points between may be passed over by the next event
    events = [json.loads(raw) for raw in raws if raw.endswith(b"}")]
    taken = {(event["k"], event["ts"]) for event in events if view.filter is None or event["x"] > 0}
    assert taken <= last.keys()


def check_dead(raws: list[bytes], records: list[Any]) -> None:
    for record in records:
        letter = json.loads(record.value)
        assert dict(record.headers)["error"] == b"not json"
        assert (letter["job"], letter["topic"], letter["source"], letter["view"]) == ("stream", "events", "src", None)
        assert base64.b64decode(letter["raw"]) == raws[letter["offset"]] == b'{"ts":'
    assert {json.loads(r.value)["offset"] for r in records} == {i for i, raw in enumerate(raws) if raw == b'{"ts":'}
