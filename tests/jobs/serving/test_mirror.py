"""The mirror against the online store, with a real broker: alone, and under the inference job."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from penstock.features.errors import UsageError
from penstock.jobs.kafka.broker import Broker
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.serving.inputs import inputs_of
from penstock.jobs.serving.mirror import Mirror, mirrored, streamed
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import Batch, FeatureRow
from penstock.jobs.store.schema import schema_of
from tests.jobs.serving.running import Shop, T, answered, running, train_model, wait_until
from tests.jobs.shop import DEFINITIONS, make_project

FOREVER_MS = 600_000
NEVER_MS = 600_000

MakeShop = Callable[..., Shop]
both = pytest.mark.parametrize("client", ["kafka-python", "confluent"])


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Broker]:
    """A broker for each test: feature topics have their view's name."""
    with Broker(tmp_path / "kafka") as broker:
        yield broker


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    return train_model(folder, make_project(folder).model("cost").model_plan)


@pytest.fixture
def make_shop(servers: Broker, models: Path, tmp_path: Path) -> MakeShop:
    def make(**options: Any) -> Shop:
        shop = Shop(tmp_path / "shop", servers=servers.bootstrap_servers, **{"store": "mirrored", **options})
        shutil.copytree(models, shop.project.config.state / "models")
        return shop

    return make


def emit(shop: Shop, view: str, key: tuple[Any, ...], t: int, *values: Any, seq: int = 1) -> None:
    """A row into the view's topic, as the Flink job writes it."""
    plan = shop.project.plans[view]
    topic = shop.project.names.features(view)
    ensure_topics(shop.project.config, [topic])
    named = {column.name: value for column, value in zip(plan.key, key, strict=True)}
    features = {feature.name: value for feature, value in zip(plan.features, values, strict=True)}
    row = {"key": named, "t": t, "seq": seq, "values": features}
    with producer(shop.project.config) as sender:
        sender.send(topic, orjson.dumps(row), orjson.dumps(named), [("fingerprint", plan.fingerprint.encode())])


def stream(shop: Shop, view: str, key: tuple[Any, ...], t: int, *values: Any, seq: int = 1) -> None:
    """A row in the topic and in the store."""
    emit(shop, view, key, t, *values, seq=seq)
    shop.write(view, key, t, *values, seq=seq)


def again(shop: Shop, **settings: Any) -> None:
    """The same shop with other settings."""
    text = shop.project.config.definitions.read_text()
    servers = shop.project.config.kafka.bootstrap_servers
    shop.project = make_project(shop.project.folder, text, servers=servers, **settings)


@both
def test_the_records_are_those_of_the_online_store_to_the_byte(make_shop: MakeShop, client: str) -> None:
    shop = make_shop(wait_ms=0, client=client)
    stream(shop, "customer", ("ann",), T, 2**53 + 1, 2**63 - 1, 1.0 / 3.0, -5, seq=7)
    stream(shop, "customer", ("ann",), T - 1, 0, 0, 0.0, None, seq=9)
    stream(shop, "customer", ("bob",), T, 1, 1, 5, None)
    stream(shop, "routes", ("s1", "x"), T - 9, 5e-324, False, seq=2)
    stream(shop, "weather", ("x",), T - 1, 1.5, seq=3)
    shop.write("big", ("s1",), T - 5, 3, None, seq=0)
    shop.write("shops", ("s1",), 0, "kiosk", 123_456, seq=0)
    # batch was ahead of the stream here
    emit(shop, "routes", ("s2", "x"), T - 9, 1.0, True)
    shop.write("routes", ("s2", "x"), T - 5, 2.0, False, seq=0)
    customers, shops, cities = ("ann", "bob", "nobody", None), ("s1", "s2", None), ("x", "y", None)
    sent = shop.send(
        *({"customer": c, "shop": s, "city": y, "amount": 12.5} for c in customers for s in shops for y in cities)
    )
    answered(shop, len(sent))
    again(shop, wait_ms=0, client=client)
    answered(shop, len(sent), group=f"{shop.group}.online")
    records = [record.value for record in shop.predictions()]
    assert len(records) == 2 * len(sent)
    assert records[: len(sent)] == records[len(sent) :]


@both
def test_a_request_waits_for_its_own_event_and_finds_it_before_the_store_does(make_shop: MakeShop, client: str) -> None:
    shop = make_shop(wait_ms=FOREVER_MS, mirror_lag_ms=NEVER_MS, client=client)
    emit(shop, "customer", ("ann",), T - 1, 7, 8, 0.25, 2)
    shop.send({"customer": "ann"})
    with running(shop) as job:
        wait_until(lambda: job.told or job.error, "partition")
        threading.Event().wait(0.5)
        assert job.counts.requests == 0
        emit(shop, "customer", ("ann",), T, 8, 9, 1.25, 3, seq=2)
        job.wait(1)
        assert job.end().stale == 0
    (prediction,) = (orjson.loads(record.value) for record in shop.predictions())
    assert prediction["vector"]["customer.orders_10s"] == 8
    assert prediction["views"]["customer"] | {"key": 0} == {"view": "customer", "key": 0, "t": T, "seq": 2}


def test_prometheus_reads_its_age_its_rows_and_who_answered(make_shop: MakeShop) -> None:
    shop = make_shop(wait_ms=0, mirror_lag_ms=NEVER_MS)
    for name in ("ann", "bob"):
        stream(shop, "customer", (name,), T, 1, 1, 5.0, None)
    shop.send({"customer": "ann"})
    with running(shop, metrics_port=0) as job:
        job.wait(1)
        with urllib.request.urlopen(job.metrics, timeout=10) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
    found = {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}
    assert found["penstock_mirror_age_seconds", "cost"] >= 0
    assert found["penstock_mirror_rows", "cost", "customer"] == 2
    assert found["penstock_mirror_rows", "cost", "big"] == 0
    # of six inputs one has a row in memory, and the other five have null keys
    assert found["penstock_mirror_reads_total", "mirror", "cost"] == 1
    assert found["penstock_mirror_reads_total", "store", "cost"] == 0


def clock(mirror: Mirror, shop: Shop, name: str) -> int:
    """The ``t`` of a customer's row."""
    (rows,) = mirror.read_rows([(schema_of(shop.project.plans["customer"]), [(name,)])])
    return int(rows.t[0])


def orders(mirror: Mirror, shop: Shop, name: str) -> int:
    """The first feature of a customer's row."""
    (rows,) = mirror.read_rows([(schema_of(shop.project.plans["customer"]), [(name,)])])
    return int(rows.features[0].values[0])


@both
def test_behind_its_bound_it_gives_the_stores_rows_and_then_its_own_again(
    make_shop: MakeShop, servers: Broker, client: str
) -> None:
    shop = make_shop(mirror_lag_ms=2_000, client=client)
    stream(shop, "customer", ("ann",), T, 1, 1, 5.0, None)
    told: list[str] = []
    pid = servers.status().pid
    assert pid is not None
    plans = [shop.project.plans["customer"]]
    with (
        open_store(shop.project.folder) as store,
        mirrored(shop.project, plans, store, threading.Event(), told.append) as mirror,
    ):
        assert told == ["the mirror is caught up: 1 rows"]
        shop.write("customer", ("ann",), T + 5, 2, 2, 6.0, None)
        wait_until(lambda: clock(mirror, shop, "ann") == T, "row from memory")
        os.kill(pid, signal.SIGSTOP)
        try:
            wait_until(lambda: clock(mirror, shop, "ann") == T + 5, "row from the store")
            assert mirror.figures().age_s > 2
        finally:
            os.kill(pid, signal.SIGCONT)
        stored = mirror.figures().stored
        assert stored > 0
        wait_until(lambda: clock(mirror, shop, "ann") == T, "row from memory again")
        assert mirror.figures().mirrored > 1
    behind, back = told[-2:]
    assert behind.startswith("the mirror is ") and behind.endswith("rows are read from the store")
    assert back == "the mirror is near its topics again: rows are read from memory"


def test_what_batch_writes_is_seen_and_what_is_newer_in_memory_stays(make_shop: MakeShop) -> None:
    shop = make_shop(mirror_lag_ms=400)
    for name in ("ann", "bob"):
        stream(shop, "customer", (name,), T, 1, 1, 5.0, None)
    plans = [shop.project.plans["customer"]]
    with (
        open_store(shop.project.folder) as store,
        mirrored(shop.project, plans, store, threading.Event(), print) as mirror,
    ):
        emit(shop, "customer", ("bob",), T + 9, 3, 3, 7.0, None)
        wait_until(lambda: clock(mirror, shop, "bob") == T + 9, "bob's newer row")
        asked = mirror.figures().stored
        for name in ("ann", "bob"):
            shop.write("customer", (name,), T + 5, 2, 2, 6.0, None, seq=0)
        store.note_batch("customer")
        wait_until(lambda: clock(mirror, shop, "ann") == T + 5, "batch's row")
        assert clock(mirror, shop, "bob") == T + 9
        asked_once = mirror.figures().stored
        assert asked < asked_once <= asked + 2
        assert (clock(mirror, shop, "ann"), clock(mirror, shop, "bob")) == (T + 5, T + 9)
        assert mirror.figures().stored == asked_once
        corrected = FeatureRow(("ann",), T + 5, 0, (9, 9, 9.0, None))
        assert store.write_batch(schema_of(plans[0]), [corrected], Batch(1, T + 5)) == 1
        store.note_batch("customer")
        wait_until(lambda: orders(mirror, shop, "ann") == 9, "batch's corrected row")
        asked_once = mirror.figures().stored
        emit(shop, "customer", ("ann",), T + 6, 4, 4, 8.0, None)
        wait_until(lambda: clock(mirror, shop, "ann") == T + 6, "ann's next row")
        assert mirror.figures().stored == asked_once


def test_a_key_that_is_new_in_its_topic_is_compared_with_the_store(make_shop: MakeShop) -> None:
    shop = make_shop(mirror_lag_ms=NEVER_MS)
    plans = [shop.project.plans["customer"]]
    with (
        open_store(shop.project.folder) as store,
        mirrored(shop.project, plans, store, threading.Event(), print) as mirror,
    ):
        shop.write("customer", ("ann",), T + 5, 2, 2, 6.0, None, seq=0)  # batch is ahead of the stream
        emit(shop, "customer", ("ann",), T, 1, 1, 5.0, None)
        wait_until(lambda: mirror.figures().rows["customer"] == 1, "ann's row")
        assert clock(mirror, shop, "ann") == T + 5
        (rows,) = mirror.read_rows([(schema_of(plans[0]), [("ann",), ("nobody",), ("ann",), (None,)])])
        assert rows.t.tolist()[::2] == [T + 5, T + 5]
        assert rows.present.tolist() == [True, False, True, False]


def test_an_erased_key_is_what_the_store_says(make_shop: MakeShop) -> None:
    shop = make_shop(mirror_lag_ms=NEVER_MS)
    plans = [shop.project.plans["customer"]]
    schema = schema_of(plans[0])
    stream(shop, "customer", ("ann",), T, 1, 1, 5.0, None)
    with (
        open_store(shop.project.folder) as store,
        mirrored(shop.project, plans, store, threading.Event(), print) as mirror,
    ):
        with producer(shop.project.config) as sender:
            sender.send(shop.project.names.features("customer"), None, b'{"customer":"ann"}', [])
        wait_until(lambda: mirror.figures().rows["customer"] == 0, "tombstone")
        # the writer has not come to it
        assert clock(mirror, shop, "ann") == T
        store.erase_rows([(schema, [("ann",)])])
        (rows,) = mirror.read_rows([(schema, [("ann",)])])
        assert not rows.present[0]
        emit(shop, "customer", ("ann",), T - 5, 1, 1, 5.0, None)
        shop.write("customer", ("ann",), T - 5, 1, 1, 5.0, None)
        assert clock(mirror, shop, "ann") == T - 5


def test_a_model_without_a_streamed_input_has_nothing_to_mirror(tmp_path: Path) -> None:
    still = 'Model("still", on=orders, output="p", inputs=[orders.amount, shops])\n'
    project = make_project(tmp_path, f"{DEFINITIONS}\nstill = {still}")
    views = streamed(project, inputs_of(project.model("cost").model_plan, project.plans))
    assert {view.name for view in views} == {"customer", "big", "routes", "weather"}
    with pytest.raises(UsageError, match="no input of the model is streamed") as caught:
        streamed(project, inputs_of(project.model("still").model_plan, project.plans))
    assert caught.value.allowed == "online"
