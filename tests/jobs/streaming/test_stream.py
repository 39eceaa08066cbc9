"""``penstock stream`` as a process: a real broker behind TLS and a password, real Flink, a real store.

One long story, because each start of Flink takes seconds: stopped in the middle, killed in the middle, and at the end
equal to the oracle in every bit.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from penstock.features.ingest import BadEvent, parse
from penstock.features.oracle import Result, batch
from penstock.features.plan import ViewPlan
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.kafka.lag import Progress
from penstock.jobs.kafka.readback import read_values
from penstock.jobs.kafka.reading import read_records
from penstock.jobs.process.children import Child
from penstock.jobs.process.ports import free_port
from penstock.jobs.project.project import Project, load_project
from penstock.jobs.store.open import open_store
from penstock.jobs.store.schema import schema_of
from penstock.jobs.streaming.overview import look
from penstock.jobs.streaming.status import StreamStatus, read_counts, status_file, wait_caught_up, wait_stream
from tests.jobs.doors import check_flink, on_this_machine_only
from tests.kafka_broker import PASSWORD, Kafka
from tests.projects import REDIS, make_project, make_secure_project, unique

DEFINITIONS = """
from penstock import Stream, Table, View, count, last, lifetime, max, mean, sliding, std, sum

orders = Stream("orders", topic="{orders}", time="ts", id="id", columns=dict(
    id="string", shop="string", city="int64", amount="float64", items="int64"))
prices = Table("{prices}", topic="{prices}", time="ts", key="shop", columns=dict(shop="string", price="float64"))

by_shop = View("{by_shop}", orders, key="shop", features=dict(
    orders=count().over("5s", "1m"), amount=sum(orders.amount).over("1m", sliding("1h", step="10s")),
    spread=std(orders.amount).over("1m"), most=max(orders.items).over("5s")))
large = View("{large}", orders, key=["shop", "city"], filter=orders.amount > 20, features=dict(
    mean=mean(orders.amount).over({window}), last=last(orders.items).over(lifetime())))
"""

EVENTS = 3_000
BAD = (b"{", b'{"id":"x","shop":"a"}', b'{"ts":"soon"}', b'{"ts":1,"amount":"much"}')


@dataclass
class Story:
    """A project, and what has been sent to it so far: source → raw events in order."""

    project: Project
    names: dict[str, str]
    sent: dict[str, list[bytes]] = field(default_factory=lambda: {"orders": [], "prices": []})

    @property
    def counts(self) -> dict[str, int]:
        """Source → events sent, under the sources' own names."""
        return {"orders": len(self.sent["orders"]), self.names["prices"]: len(self.sent["prices"])}

    def child(self, name: str = "stream", *options: str) -> Child:
        """The command, not started yet."""
        log = self.project.folder / "logs" / f"{name}.log"
        return Child(name, ["stream", "--project", str(self.project.folder), *options], log)

    def send(self, events: list[tuple[str, bytes]]) -> None:
        """Sends events in order and remembers them."""
        with producer(self.project.config) as sender:
            receipts = [sender.send(self.names[source], raw) for source, raw in events]
        for source, raw in events:
            self.sent[source].append(raw)
        assert all(receipt.get(30) for receipt in receipts)


def history() -> list[tuple[str, bytes]]:
    """In event-time order, with repeats, ties and bad events."""
    rand = random.Random(11)
    made: list[tuple[str, bytes]] = []
    t = 1_700_000_000_000
    for i in range(EVENTS):
        t += rand.choice([0, 1, 40, 700])
        shop = rand.choice(["a", "b", "é", "d"])
        order = {"ts": t, "id": f"o{i}", "shop": shop, "city": rand.randrange(5)}
        order |= {"amount": round(rand.gauss(25, 20), 2), "items": rand.choice([None, rand.randrange(9)])}
        made.append(("orders", json.dumps(order).encode()))
        if i % 50 == 7:
            made.append(made[-1])
        if i % 200 == 9:
            made.append(("orders", BAD[i // 200 % len(BAD)]))
        if i % 20 == 3:
            price = {"ts": t, "shop": shop, "price": rand.choice([None, rand.random()])}
            made.append(("prices", json.dumps(price).encode()))
    return made


def definitions(names: dict[str, str], window: str = '"30s"') -> str:
    return DEFINITIONS.format(**names, window=window)


@pytest.fixture(scope="module")
def story(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    names = {name: unique(name) for name in ("orders", "prices", "by_shop", "large")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TESTED_KAFKA_PASSWORD", PASSWORD)
        folder = tmp_path_factory.mktemp("a project")
        project = make_secure_project(folder, definitions(names), kafka)
        ensure_topics(project.config, [names["orders"], names["prices"]])
        yield Story(project, names)


def status(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(status_file(project).read_text())
    return found


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition: Callable[[], bool], child: Child, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, child.said()
        time.sleep(0.1)


def end(child: Child) -> str:
    """Waits for it to end by itself; its output."""
    wait_for(lambda: not child.running, child, 90.0)
    assert "Traceback" not in child.said()
    return child.said()


def counted(project: Project) -> int:
    return sum(sum(by_class.values()) for by_class in read_counts(project).values())


# --- the story -------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(600)  # it starts Flink three times, and machines are shared
def test_stopped_killed_and_equal_to_the_oracle_in_the_end(story: Story, kafka: Kafka) -> None:
    project, events = story.project, history()
    third = len(events) // 3

    with story.child("stream", "--metrics-port", "0") as child:
        wait_stream(project, child)
        jvm = status(project)["jvm"]
        story.send(events[:third])
        found = wait_caught_up(project, child, story.counts)
        check_metrics(child, found)
        check_overview(story, found)
        check_doors(story, child, kafka)
        check_second_stream_is_refused(story)
        child.stop()
        assert child.code == 0, child.said()
        assert not alive(jvm)
        assert not status_file(project).exists()
        assert "no savepoint" not in child.said()
        check_counts_stay(story, found)

    with story.child("killed") as child:
        wait_stream(project, child)
        before = counted(project)
        jvm = status(project)["jvm"]
        story.send(events[third : 2 * third])
        wait_for(lambda: counted(project) > before, child)
        os.kill(child.pid, signal.SIGKILL)  # Python alone: its JVM goes on for some seconds
        wait_for(lambda: not child.running, child)
        assert status_file(project).exists()

        with story.child("last") as last:
            wait_stream(project, last)
            assert not alive(jvm)
            story.send(events[2 * third :])
            found = wait_caught_up(project, last, story.counts)
            last.stop()
            assert last.code == 0, last.said()
            assert PASSWORD not in last.said() + flink_log(project)

    wanted = {plan.name: expected(story, plan) for plan in project.plans.values()}
    check_counts(story, found, wanted)
    for plan in project.plans.values():
        check_rows(story, plan, wanted[plan.name])
        check_store(story, plan, wanted[plan.name])
    check_dead_letters(story)


def check_metrics(child: Child, found: StreamStatus) -> None:
    """What Prometheus would read is what the job and the writer have counted."""
    page = re.search(r"metrics: (\S+)", child.said())
    assert page is not None, child.said()
    with urllib.request.urlopen(page[1], timeout=10) as answer:
        families = {family.name: family for family in text_string_to_metric_families(answer.read().decode())}
    events = {(s.labels["view"], s.labels["class"]): s.value for s in families["penstock_events"].samples}
    assert events == {(view, name): n for view, counts in found.counts.items() for name, n in counts.items()}
    assert {s.labels["part"]: s.value for s in families["penstock_up"].samples} == {"flink": 1, "kafka": 1}
    rows = {s.labels["view"]: s.value for s in families["penstock_writer_rows"].samples}
    assert rows == found.rows
    lag = {(s.labels["group"], s.labels["topic"]): s.value for s in families["penstock_lag_records"].samples}
    assert {value for (group, _), value in lag.items() if group == "tested.writer"} == {0}
    dead = sum(sample.value for sample in families["penstock_dead_letters"].samples)
    assert dead == len({raw for raw in BAD}) + 1


def check_overview(story: Story, found: StreamStatus) -> None:
    now = look(story.project)
    assert (
        now.counted_at is None
        and now.job is not None
        and now.job.state == "RUNNING"
        and now.job.checkpoint_age_s is not None
    )
    assert {view.view: view.counts for view in now.views} == found.counts
    assert {view.view: view.written for view in now.views} == {v: Progress(n, n) for v, n in found.rows.items()}
    assert {view.read and view.read.end for view in now.views} == set(story.counts.values())
    assert set(now.dead[story.names["prices"]].values()) == {0}
    assert now.dead["orders"]["not json"] > 0


def check_counts_stay(story: Story, found: StreamStatus) -> None:
    now = look(story.project)
    assert now.job is None and now.counted_at is not None
    assert {view.view: view.counts for view in now.views} == found.counts
    assert now.dead["orders"]["not json"] > 0


def check_doors(story: Story, child: Child, kafka: Kafka) -> None:
    """Every socket of stream, JVM and broker is this machine's own, and Flink's want the run's secret."""
    metrics = re.search(r"metrics: http://127.0.0.1:(\d+)", child.said())
    assert metrics is not None
    assert on_this_machine_only(child.pid) == {int(metrics[1])}
    assert len(on_this_machine_only(kafka.pid)) == 3  # clients, those that log in, the controller
    check_flink(status(story.project), kafka.own)


def flink_log(project: Project) -> str:
    return "".join(file.read_text(errors="replace") for file in (project.config.state / "stream" / "logs").iterdir())


def check_second_stream_is_refused(story: Story) -> None:
    with story.child("second") as second:
        assert "a stream of this project is running" in end(second)
        assert second.code == 1


def expected(story: Story, plan: ViewPlan) -> Result:
    source = "orders" if plan.source.name == "orders" else "prices"
    parsed: list[Any] = []
    for raw in story.sent[source]:
        try:
            parsed.append(parse(plan.source, raw))
        except BadEvent as bad:
            parsed.append(bad)
    return batch(plan, parsed)


def check_counts(story: Story, found: StreamStatus, wanted: Mapping[str, Result]) -> None:
    for plan in story.project.plans.values():
        counts = wanted[plan.name].counts
        assert found.counts[plan.name] == {
            "applied": counts.applied,
            "too_late": counts.too_late,
            "duplicate": counts.duplicate,
            "dead": counts.dead,
            "before_cut": 0,
        }
    assert found.counts[story.names["by_shop"]]["duplicate"] == EVENTS // 50
    assert found.counts[story.names["by_shop"]]["dead"] == EVENTS // 200


def check_rows(story: Story, plan: ViewPlan, batch: Result) -> None:
    """The last row of every ``(key, t)`` in the topic is batch's; every event has left one."""
    wanted = {(key, t): list(values) for key, t, _, values in batch.rows}
    file = story.project.folder / "rows.ndjson"
    read_values(story.project, story.project.names.features(plan.name), file)
    last: dict[tuple[Any, int], list[Any]] = {}
    for line in file.read_text().splitlines():
        row = json.loads(line)
        key = tuple(row["key"][key.name] for key in plan.key)
        last[key, row["t"]] = [row["values"][feature.name] for feature in plan.features]
    assert {place: repr(values) for place, values in last.items()} == {place: repr(wanted[place]) for place in last}
    assert {(key, t) for key, t in entered(story, plan)} <= last.keys()


def entered(story: Story, plan: ViewPlan) -> set[tuple[Any, int]]:
    """Key and time of every event that the view takes."""
    found = set()
    source = "orders" if plan.source.name == "orders" else "prices"
    for raw in story.sent[source]:
        if raw not in BAD:
            row = json.loads(raw)
            if plan.filter is None or row["amount"] > 20:
                found.add((tuple(row[key.name] for key in plan.key), row["ts"]))
    return found


def check_store(story: Story, plan: ViewPlan, batch: Result) -> None:
    """Every key has batch's value at the last change point that the stream's time has passed."""
    wanted: dict[Any, tuple[int, str]] = {}
    newest = {key: t for key, t in sorted(entered(story, plan))}
    passed = latest(story, plan) - 1  # an event of the same time may still come
    for key, t, _, values in batch.rows:
        if t <= max(passed, newest[key]):
            wanted[key] = (t, repr(list(values)))
    keys = sorted(wanted)
    with open_store(story.project.folder) as store:
        (columns,) = store.read_rows([(schema_of(plan), keys)])
    rows = zip(*(cells(column) for column in columns.features), strict=True)
    assert columns.present.all()
    found = {k: (t, repr(list(row))) for k, t, row in zip(keys, columns.t.tolist(), rows, strict=True)}
    assert found == wanted


def latest(story: Story, plan: ViewPlan) -> int:
    """The greatest event time of the view's source: events that a filter leaves out move time, too."""
    source = "orders" if plan.source.name == "orders" else "prices"
    return max(json.loads(raw)["ts"] for raw in story.sent[source] if raw not in BAD)


def cells(column: Any) -> list[Any]:
    return [None if null else value for value, null in zip(column.values.tolist(), column.null.tolist(), strict=True)]


def check_dead_letters(story: Story) -> None:
    """Each bad event at least once (a restart may write one again), with its raw bytes and its place."""
    with closing(read_records(story.project, story.project.names.dead_letters, None)) as records:
        letters = [json.loads(record.value or b"") for record in records]
    own = [letter for letter in letters if letter["topic"] == story.names["orders"]]
    sent = story.sent["orders"]
    assert {letter["offset"] for letter in own} == {i for i, raw in enumerate(sent) if raw in BAD}
    assert all(base64.b64decode(letter["raw"]) == sent[letter["offset"]] for letter in own)
    assert {letter["error"] for letter in own} == {"not json", "missing time", "wrong type"}


def test_other_definitions_are_refused_while_the_state_is_of_the_old_ones(story: Story) -> None:
    folder = story.project.folder
    before = story.project.plans[story.names["large"]].fingerprint
    (folder / "definitions.py").write_text(definitions(story.names, '"31s"'))
    after = load_project(folder).plans[story.names["large"]].fingerprint
    with story.child("changed", "--json") as child:
        said = end(child)
    assert child.code == 1
    assert "other definitions" in said and before in said and after in said
    (folder / "definitions.py").write_text(definitions(story.names))


def test_a_damaged_state_is_told_and_nothing_is_left_running(story: Story) -> None:
    state = story.project.config.state / "stream"
    for file in state.glob("savepoints/*/_metadata"):
        file.write_bytes(b"damaged")
    with story.child("damaged") as child:
        said = end(child)
    assert child.code == 1
    assert "the Flink job" in said and str(state / "logs") in said
    assert not status_file(story.project).exists()


def test_a_signal_to_all_processes_of_a_start_ends_it_well(kafka: Kafka, tmp_path: Path) -> None:
    """As a terminal, or a supervisor, ends a group: the JVM is gone before the command is."""
    names = {name: unique(name) for name in ("orders", "prices", "by_shop", "large")}
    other = Story(make_project(tmp_path, definitions(names), servers=kafka.servers), names)
    ensure_topics(other.project.config, [names["orders"], names["prices"]])
    with other.child() as child:
        wait_for(lambda: bool(psutil.Process(child.pid).children(recursive=True)), child)
        time.sleep(1.0)  # it submits the job
        os.killpg(child.pid, signal.SIGTERM)
        said = end(child)
    assert child.code == 0, said
    assert "the next start goes on from the newest checkpoint" in said
    assert len(said.splitlines()) < 8


# --- what is missing -------------------------------------------------------------------------------------------------


def test_a_missing_topic_of_a_foreign_cluster_is_named(kafka: Kafka, tmp_path: Path) -> None:
    names = {name: unique(name) for name in ("orders", "prices", "by_shop", "large")}
    other = Story(make_project(tmp_path, definitions(names), servers=kafka.servers), names)
    with other.child() as child:
        said = end(child)
    assert child.code == 1
    assert "do not exist" in said and names["orders"] in said and names["prices"] in said


def test_a_store_that_is_down_is_told(kafka: Kafka, tmp_path: Path) -> None:
    names = {name: unique(name) for name in ("orders", "prices", "by_shop", "large")}
    nobody = f"127.0.0.1:{free_port()}"
    project = make_project(tmp_path, definitions(names), servers=kafka.servers, store=REDIS.format(nobody))
    ensure_topics(project.config, [names["orders"], names["prices"]])
    with Story(project, names).child() as child:
        said = end(child)
    assert child.code == 1
    assert "the Redis store does not answer" in said and nobody in said


def test_a_project_without_a_stream_is_told(tmp_path: Path) -> None:
    text = (
        'from penstock import Table\nt = Table("t", history="t.parquet", key="k", columns=dict(k="string", v="int64"))'
    )
    other = Story(make_project(tmp_path, text), {})
    with other.child() as child:
        assert "no view has a stream" in end(child)
    assert child.code == 2
