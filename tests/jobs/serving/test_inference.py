"""The inference job with a real broker and the SQLite store."""

from __future__ import annotations

import base64
import json
import logging
import os
import shutil
import signal
import struct
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prometheus_client.parser import text_string_to_metric_families

from penstock.features.errors import PenstockError, RefusedError, UsageError
from penstock.features.span import Span
from penstock.features.vector import Values
from penstock.jobs.exchange.importing import import_model
from penstock.jobs.explain.replay import replay
from penstock.jobs.kafka import clients
from penstock.jobs.kafka.broker import Broker
from penstock.jobs.kafka.clients import consumer, producer
from penstock.jobs.kafka.errors import Fenced, KafkaFailure, LostPartitions
from penstock.jobs.kafka.interface import Outgoing, Place
from penstock.jobs.models.folder import load_current
from penstock.jobs.parquet.checksums import PLACEHOLDER, add_checksum
from penstock.jobs.process.children import Child
from penstock.jobs.project.project import load_project
from penstock.jobs.serving import session, transactions
from penstock.jobs.serving.reader import Reader
from penstock.jobs.serving.run import infer
from penstock.jobs.serving.transactions import Transactions
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow
from penstock.jobs.store.schema import schema_of
from tests.jobs.disturbed import add_partitions, delete_before, make_anew
from tests.jobs.exchange.notebook import first_feature
from tests.jobs.serving.running import Shop, T, answered, ids, running, train_model, wait_until
from tests.jobs.shop import make_project

#: Longer than any test: a request that waits in vain is not answered.
FOREVER_MS = 600_000

MakeShop = Callable[..., Shop]

#: The whole job with each Kafka client.
both = pytest.mark.parametrize("client", ["kafka-python", "confluent"])


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker for all tests."""
    with Broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker.bootstrap_servers


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's model; no topic is part of its definition."""
    folder = tmp_path_factory.mktemp("model")
    return train_model(folder, make_project(folder).model("cost").model_plan)


@pytest.fixture
def make_shop(servers: str, models: Path, tmp_path: Path) -> MakeShop:
    def make(**options: Any) -> Shop:
        shop = Shop(tmp_path / "shop", servers=servers, **options)
        shutil.copytree(models, shop.project.config.state / "models")
        return shop

    return make


def bits(value: Any) -> Any:
    return struct.pack("<d", value) if isinstance(value, float) else value


# -- what a prediction says ----------------------------------------------------------------------------------------


def test_every_request_is_answered_once_with_all_that_it_rests_on(make_shop: MakeShop) -> None:
    shop = make_shop()
    shop.know_customers("ann")
    sent = shop.send({"customer": "ann", "shop": "s1", "city": "x", "amount": 2.5}, {"customer": None, "amount": None})
    predictions, counts = answered(shop, 2)
    assert [p["id"] for p in predictions] == sent == ids(shop.predictions())
    first = predictions[0]
    version = load_current(shop.project.config.state / "models", shop.plan).version
    assert (first["model"], first["version"], first["fingerprint"]) == ("cost", version, shop.plan.fingerprint)
    assert (first["event"], first["t"], first["stale"]) == ("o0", T, False)
    record = shop.read(shop.topic)[0]
    assert first["requested_at"] == record.timestamp
    assert shop.predictions()[0].headers == [("fingerprint", shop.plan.fingerprint.encode()), ("project", b"shop")]
    assert first["views"]["customer"] == {"view": "customer", "key": {"customer": "ann"}, "t": T, "seq": 1}
    done = {"requests": 2, "predictions": 2, "dead": 0, "stale": 0, "batches": counts.batches, "lost": 0}
    assert counts.to_dict() == done


def test_the_vector_is_the_stores_rows_and_the_value_the_models_to_the_bit(make_shop: MakeShop) -> None:
    shop = make_shop()
    third = 1.0 / 3.0
    shop.write("customer", ("ann",), T + 3, 2**53 + 1, 2**63 - 1, third, -5, seq=7)
    shop.write("routes", ("s1", "x"), T - 9, 5e-324, False, seq=2)
    shop.write("shops", ("s1",), 0, "kiosk", 1, seq=0)
    shop.write("weather", ("x",), T - 1, 1.5, seq=3)
    shop.send({"customer": "ann", "shop": "s1", "city": "x", "amount": 0.1, "items": 3, "gift": True, "placed": 12.9})
    ((prediction,), _) = answered(shop, 1)
    wanted = {
        "amount": 0.1,
        "items": 3,
        "gift": True,
        "placed": 12,
        "city": "x",
        "customer.orders_10s": 2**53 + 1,
        "customer.orders_lifetime": 2**63 - 1,
        "customer.amount_10s": third,
        "customer.items_20s": -5,
        "big.orders_20s": 0,
        "big.items_20s": 0,
        "routes.cost_30s": 5e-324,
        "routes.first_30s": False,
        "shops.kind": "kiosk",
        "shops.opened": 1,
        "weather.rain": 1.5,
        "hub.cost_30s": 5e-324,
        "more": third + 0.1,
        "share": 0.1 / third,
        "double": 6,
        "wet": True,
    }
    assert list(prediction["vector"]) == [item.name for item in shop.plan.vector]
    assert {n: bits(v) for n, v in prediction["vector"].items()} == {n: bits(v) for n, v in wanted.items()}
    places = {name: (view["t"], view["seq"]) for name, view in prediction["views"].items()}
    assert places == {
        "customer": (T + 3, 7),
        "big": (None, None),
        "routes": (T - 9, 2),
        "shops": (0, 0),
        "weather": (T - 1, 3),
        "hub": (T - 9, 2),
    }
    model = load_current(shop.project.config.state / "models", shop.plan)
    columns = {item.name: Values.of(item.type, [wanted[item.name]]) for item in shop.plan.vector}
    assert bits(prediction["value"]) == bits(model.predict(columns).tolist()[0])


def test_keys_that_were_never_seen_have_the_values_over_nothing(make_shop: MakeShop) -> None:
    shop = make_shop(wait_ms=0)
    shop.send({"customer": "nobody", "shop": "nowhere"})
    ((prediction,), _) = answered(shop, 1)
    assert {name: value for name, value in prediction["vector"].items() if value is not None} == {
        "customer.orders_10s": 0,
        "customer.orders_lifetime": 0,
        "customer.amount_10s": 0.0,
        "big.orders_20s": 0,
        "big.items_20s": 0,
        "wet": False,
    }
    assert all(view["t"] is None and view["seq"] is None for view in prediction["views"].values())


# -- bad requests --------------------------------------------------------------------------------------------------


@both
def test_bad_requests_become_dead_letters_and_the_job_goes_on(make_shop: MakeShop, client: str) -> None:
    shop = make_shop(client=client)
    bad = [b"no json", b'{"order": "o"}', b'{"ts": 1, "amount": "5"}', b'{"ts": 1, "items": 4611686018427387904}']
    sent = shop.send(*bad, {"amount": 1.0})
    predictions, counts = answered(shop, 5)
    assert [p["id"] for p in predictions] == sent[4:]
    letters = [orjson.loads(record.value) for record in shop.dead_letters()]
    assert [(letter["error"], letter["offset"]) for letter in letters] == [
        ("not json", 0),
        ("missing time", 1),
        ("wrong type", 2),
        ("overflow", 3),
    ]
    assert [base64.b64decode(letter["raw"]) for letter in letters] == bad
    assert {letter["source"] for letter in letters} == {"orders"}
    assert shop.dead_letters()[0].headers == [("error", b"not json")]
    assert (counts.requests, counts.predictions, counts.dead, counts.stale) == (5, 1, 4, 0)


def test_a_model_in_onnx_answers_and_a_vector_without_an_answer_becomes_a_dead_letter(
    make_shop: MakeShop, models: Path, tmp_path: Path
) -> None:
    """The model takes the root of the first feature."""
    shop = make_shop(wait_ms=0)
    folder, texts = shop.project.config.state / "models", [i.name for i in shop.plan.vector if i.type == "string"]
    (tmp_path / "root.onnx").write_bytes(first_feature("Sqrt", len(shop.plan.vector)))
    (tmp_path / "categories.json").write_text(json.dumps({name: ["x", "y"] for name in texts}))
    data, span = positive_amounts(models.parent / "set.parquet", tmp_path / "set.parquet"), Span(0, 1_000)
    report = import_model(
        tmp_path / "root.onnx", shop.plan, folder, data, span, Span(1_000, 2_000), tmp_path / "categories.json"
    )
    sent = shop.send({"amount": 6.25}, {"amount": None}, {"amount": -1.0}, {"amount": 2.0})
    predictions, counts = answered(shop, 4)
    assert [(p["id"], p["value"]) for p in predictions] == [(sent[0], 2.5), (sent[3], float(np.sqrt(np.float32(2))))]
    assert {(p["version"], p["runtime"]) for p in predictions} == {(report.version, report.runtime)}
    assert report.runtime.startswith("onnxruntime 1.")
    letters = [orjson.loads(record.value) for record in shop.dead_letters()]
    assert [(letter["error"], letter["offset"]) for letter in letters] == [("no answer", 1), ("no answer", 2)]
    assert (counts.requests, counts.predictions, counts.dead) == (4, 2, 2)
    again = replay(folder, predictions[1])
    assert again.same and again.contributions == {} and again.base is None


def positive_amounts(file: Path, out: Path) -> Path:
    """The training set with the roots of its amounts as labels."""
    table = pq.read_table(file)
    amounts = np.abs(np.asarray(table["amount"]))
    for name, values in {"amount": amounts, "label": np.sqrt(amounts)}.items():
        table = table.set_column(table.column_names.index(name), table.schema.field(name), pa.array(values))
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, **PLACEHOLDER}), out)
    add_checksum(out)
    return out


#: Of the metrics, in this order.
LABELS = ("group", "topic", "model", "input", "reason", "version", "fingerprint", "runtime")


def test_what_prometheus_reads_is_what_was_answered(make_shop: MakeShop, caplog: pytest.LogCaptureFixture) -> None:
    shop = make_shop(batch=2, wait_ms=0)
    shop.know_customers("ann", t=T - 5_000)
    shop.send({"customer": "ann"}, b"no json", {"customer": "bob"})
    with running(shop, metrics_port=0) as job, caplog.at_level(logging.WARNING, "penstock.infer"):
        job.wait(3)
        with urllib.request.urlopen(job.metrics, timeout=10) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
    samples = [sample for family in families for sample in family.samples]
    found = {(s.name, *(s.labels[name] for name in LABELS if name in s.labels)): s.value for s in samples}
    for name, value in {"requests": 3, "predictions": 2, "stale": 2}.items():
        assert found[f"penstock_{name}_total", "cost"] == value
    assert found["penstock_refused_requests_total", "cost", "not json"] == 1
    assert found["penstock_prediction_seconds_count", "cost"] == 3
    assert found["penstock_batch_requests_sum", "cost"] == 3
    assert found["penstock_feature_age_seconds_count", "cost", "customer"] == 1
    assert found["penstock_feature_age_seconds_sum", "cost", "customer"] == 5
    assert found["penstock_lag_records", shop.group, shop.topic] == 0
    (info,) = (key for key in found if key[0] == "penstock_model_info")
    assert info[1] == "cost" and info[3] == shop.plan.fingerprint and info[4].startswith("kernel, ")
    (line,) = (record for record in caplog.records if record.name == "penstock.infer")
    assert line.getMessage().startswith("a request is refused: not json")
    assert vars(line)["penstock_fields"] == {"topic": shop.topic, "partition": 0, "offset": 1}


# -- one's own event -----------------------------------------------------------------------------------------------


def test_a_request_waits_for_its_own_event_and_then_uses_that_row(make_shop: MakeShop) -> None:
    shop = make_shop(wait_ms=FOREVER_MS)
    shop.know_customers("ann", t=T - 1)
    shop.send({"customer": "ann"})
    with running(shop) as job:
        wait_until(lambda: job.told, "partition")
        threading.Event().wait(0.5)
        assert job.counts.requests == 0
        shop.write("customer", ("ann",), T, 8, 9, 1.25, 3, seq=2)
        job.wait(1)
        assert job.end().stale == 0
    (prediction,) = (orjson.loads(record.value) for record in shop.predictions())
    assert prediction["vector"]["customer.orders_10s"] == 8
    assert prediction["views"]["customer"] | {"key": 0} == {"view": "customer", "key": 0, "t": T, "seq": 2}
    assert prediction["stale"] is False


def test_a_request_whose_event_does_not_come_is_answered_in_time_and_says_so(make_shop: MakeShop) -> None:
    shop = make_shop(wait_ms=200)
    shop.know_customers("ann", t=T - 1)
    shop.send({"customer": "ann"}, {"customer": None})
    predictions, counts = answered(shop, 2)
    assert [p["stale"] for p in predictions] == [True, False]
    assert predictions[0]["views"]["customer"]["t"] == T - 1
    assert counts.stale == 1


def test_events_that_a_view_does_not_apply_are_not_waited_for(make_shop: MakeShop) -> None:
    shop = make_shop(wait_ms=FOREVER_MS)
    shop.send({"shop": "s1", "amount": 5.0}, {"shop": "s1", "amount": None}, {"shop": None, "amount": 50.0})
    predictions, _ = answered(shop, 3)
    assert [p["stale"] for p in predictions] == [False, False, False]


def test_a_waiting_request_holds_back_only_those_behind_it_in_its_partition(make_shop: MakeShop) -> None:
    shop = make_shop(wait_ms=FOREVER_MS, partitions=2)
    first = shop.send({}, {"customer": "ann"}, {}, {})
    second = shop.send({}, {}, partition=1)
    with running(shop) as job:
        job.wait(3)
        threading.Event().wait(0.2)
        assert set(ids(shop.predictions())) == {first[0], *second}
        shop.know_customers("ann")
        job.wait(6)
        job.end()
    assert sorted(ids(shop.predictions())) == sorted(first + second)


def test_a_stop_answers_what_was_read(make_shop: MakeShop) -> None:
    shop = make_shop(wait_ms=1_000)
    shop.send({"customer": "ann"})
    with running(shop) as job:
        wait_until(lambda: job.told, "partition")
        threading.Event().wait(0.5)
        assert job.end().stale == 1
    assert len(shop.predictions()) == 1


# -- offsets and groups --------------------------------------------------------------------------------------------


@both
def test_a_restart_goes_on_after_what_is_committed(make_shop: MakeShop, client: str) -> None:
    shop = make_shop(client=client)
    first = shop.send({}, {})
    answered(shop, 2)
    second = shop.send({})
    with running(shop, start={0: 0}) as job:
        job.wait(1)
        job.end()
    assert job.told == [f"{shop.topic}-0 from offset 2, committed by the group"]
    assert ids(shop.predictions()) == first + second


def test_given_offsets_hold_where_nothing_is_committed(make_shop: MakeShop) -> None:
    shop = make_shop(partitions=2)
    sent = shop.send({}, {}, {}) + shop.send({}, {}, partition=1)
    with running(shop, start={0: 2}) as job:
        job.wait(3)
        job.end()
    assert sorted(ids(shop.predictions())) == sorted(sent[2:])
    new = "the group had committed none"
    assert sorted(job.told) == [f"{shop.topic}-0 from offset 2, {new}", f"{shop.topic}-1 from offset 0, {new}"]


@both
def test_a_group_begins_with_what_comes_and_goes_on_there(make_shop: MakeShop, client: str) -> None:
    shop = make_shop(client=client, partitions=2)
    shop.send({}, {})
    with running(shop, begin="latest") as job:
        wait_until(lambda: len(job.told) == 2 or job.error, "partitions")
        job.end()
    begun = [f"{shop.topic}-0 from offset 2", f"{shop.topic}-1 from offset 0"]
    assert sorted(line.split(",")[0] for line in job.told) == begun
    assert shop.predictions() == []
    # nothing was asked until it ended, and it goes on where it began
    sent = shop.send({}) + shop.send({}, partition=1)
    answered(shop, 2, begin="latest")
    assert sorted(ids(shop.predictions())) == sorted(sent)


def test_a_group_begins_at_a_time_of_the_requests(make_shop: MakeShop) -> None:
    shop = make_shop(partitions=2, wait_ms=0)
    with producer(shop.project.config) as sender:
        for age, partition in ((9, 0), (5, 0), (1, 0), (9, 1)):
            value = orjson.dumps({"ts": T - age, "order": f"o{age}"})
            sender.send(shop.topic, value, partition=partition, timestamp_ms=T - age).get(30)
    answered(shop, 2, begin=T - 5)
    assert sorted(ids(shop.predictions())) == [f"{shop.topic}-0-1", f"{shop.topic}-0-2"]


@both
def test_a_record_says_how_far_a_row_is_later_than_its_request(make_shop: MakeShop, client: str) -> None:
    shop = make_shop(client=client, wait_ms=0)
    shop.know_customers("ann", t=T + 3_600_000)
    shop.know_customers("bob", t=T - 5)
    shop.send({"customer": "ann"}, {"customer": "bob"}, {"customer": "nobody"}, {"customer": None})
    predictions, _ = answered(shop, 4)
    assert [p["ahead_ms"] for p in predictions] == [3_600_000, 0, 0, 0]
    assert not predictions[0]["stale"]


def test_each_group_answers_for_itself(make_shop: MakeShop) -> None:
    shop = make_shop()
    sent = shop.send({}, {})
    answered(shop, 2)
    answered(shop, 2, group=f"{shop.group}.other")
    assert ids(shop.predictions()) == sent + sent


@both
def test_two_members_share_the_partitions_and_each_request_is_answered_once(make_shop: MakeShop, client: str) -> None:
    shop = make_shop(client=client, partitions=2)
    sent = shop.send(*[{}] * 200)
    with running(shop) as one:
        one.wait(100)
        sent += shop.send(*[{}] * 200, partition=1)
        with running(shop) as two:
            wait_until(lambda: two.told, "partition of the second")
            sent += shop.send(*[{}] * 200) + shop.send(*[{}] * 200, partition=1)
            wait_until(lambda: one.counts.requests + two.counts.requests >= 800, "answers")
            assert one.end().requests + two.end().requests == 800
    assert sorted(ids(shop.predictions())) == sorted(sent)


@both
def test_killed_in_the_middle_and_started_again_it_answers_each_request_once(make_shop: MakeShop, client: str) -> None:
    shop = make_shop(client=client, batch=5)
    shop.know_customers("ann")
    with consumer(shop.project.config, [shop.output]) as first_seen:
        sent = shop.send(*[{"customer": "ann", "amount": float(i)} for i in range(600)])
        with started(shop) as job:
            wait_until(lambda: job.check() or first_seen.poll(timeout_ms=100), "prediction")
            job.kill()
    assert len(shop.predictions()) < len(sent)
    with started(shop) as job:
        wait_for_predictions(shop, job, len(sent))
        job.stop()
    assert ids(shop.predictions()) == sent


@contextmanager
def started(shop: Shop, *options: str) -> Iterator[Child]:
    """The command in a process of its own, which is gone at the end."""
    where = ["--project", str(shop.project.folder), "--group", shop.group, "--from", "earliest"]
    arguments = ["infer", "cost", *where, *options]
    job = Child("infer", arguments, shop.project.folder / "infer.log").start()
    try:
        yield job
    finally:
        job.kill()


def wait_for_predictions(shop: Shop, job: Child, n: int) -> None:
    def there() -> bool:
        job.check()
        return len(shop.predictions()) >= n

    wait_until(there, f"{n} predictions")


@both
def test_told_to_end_it_ends_well_and_says_what_it_did(make_shop: MakeShop, client: str) -> None:
    shop = make_shop(client=client)
    shop.send({}, b"bad")
    with started(shop, "--json") as job:
        wait_for_predictions(shop, job, 1)
        job.stop()
    assert orjson.loads(job.log.read_text().splitlines()[-1]) == {
        "requests": 2,
        "predictions": 1,
        "dead": 1,
        "stale": 0,
        "batches": 1,
        "lost": 0,
    }


@both
def test_answers_of_a_member_that_has_lost_its_partitions_are_taken_back(make_shop: MakeShop, client: str) -> None:
    shop = make_shop(client=client)
    shop.send({}, {})
    config, options = shop.project.config, {"auto_offset_reset": "none", "isolation_level": "read_committed"}
    with consumer(config, [shop.topic], group_id=shop.group, **options) as former:
        reader = Reader(former, {shop.topic: "earliest"}, {})
        records = read_all(reader, 2)
        group = reader.group
        with consumer(config, [shop.topic], group_id=shop.group, **options) as other:
            joining = threading.Thread(target=lambda: read_all(Reader(other, {shop.topic: "earliest"}, {}), 0))
            joining.start()
            with pytest.raises(LostPartitions):
                while True:
                    reader.poll(100, 10)
            joining.join()
        sender = producer(config, transactional_id=shop.group)
        sending = Transactions(sender)
        sending.start()
        message = Outgoing(shop.output, records[0].key, b"{}", [])
        sending.begin([message], {Place(shop.topic, 0): 2}, group)
        with pytest.raises(LostPartitions):
            sending.settle()
        sending.close()
    assert shop.predictions() == []


@both
def test_a_follower_ends_what_each_of_the_producers_left_open(make_shop: MakeShop, client: str) -> None:
    shop = make_shop(client=client)
    config, names = shop.project.config, transactions.ids(shop.group)
    former, later = ([producer(config, transactional_id=name) for name in names] for _ in range(2))
    for sender in former:
        sender.init_transactions()
        sender.begin_transaction()
        sender.send_within([Outgoing(shop.output, b"k", b"{}", [])])
        sender.flush()
    following = Transactions(*later)
    following.start()
    for sender in former:
        with pytest.raises(Fenced):
            sender.commit_transaction()
        with suppress(KafkaFailure):
            sender.close(0)
    following.close()
    assert shop.predictions() == []
    # readers of committed records are held up by none of them
    options = {"auto_offset_reset": "earliest", "isolation_level": "read_committed"}
    with consumer(config, [shop.output], **options) as reader:
        (place,) = reader.places(shop.output)
        wait_until(lambda: not reader.poll(100) and reader.position(place) == 4, "the end behind two marks")


@both
def test_a_transaction_that_lost_its_records_for_lack_of_time_is_not_committed(tmp_path: Path, client: str) -> None:
    with Broker(tmp_path / "kafka") as broker:
        shop = Shop(tmp_path / "shop", servers=broker.bootstrap_servers, client=client)
        shop.send({}, {})
        config, options = shop.project.config, {"auto_offset_reset": "none", "isolation_level": "read_committed"}
        place, pid = Place(shop.topic, 0), broker.status().pid
        assert pid is not None
        with consumer(config, [shop.topic], group_id=shop.group, **options) as member:
            reader = Reader(member, {shop.topic: "earliest"}, {})
            records = read_all(reader, 2)
            short = {"linger_ms": 500, "delivery_timeout_ms": 1_500, "request_timeout_ms": 1_000}
            sender = producer(config, transactional_id=shop.group, **short)
            sending = Transactions(sender)
            sending.start()
            answers = [Outgoing(shop.output, record.key, b"{}", []) for record in records]
            sending.begin(answers[:1], {place: 1}, reader.group)
            sending.settle()
            send = sender.send_within

            def send_into_silence(*arguments: Any) -> None:
                os.kill(pid, signal.SIGSTOP)
                threading.Timer(4, os.kill, (pid, signal.SIGCONT)).start()
                send(*arguments)

            sender.send_within = send_into_silence  # type: ignore[method-assign]
            sending.begin(answers[1:], {place: 2}, reader.group)
            with pytest.raises(KafkaFailure):
                sending.settle()
            sending.close()
            assert member.committed(place) == 1
        assert len(shop.predictions()) == 1


def read_all(reader: Reader, n: int) -> list[Any]:
    """At least n records; the partitions have been taken up."""
    found: list[Any] = []
    while reader.group is None or len(found) < n:
        found += reader.poll(100, 10)
    return found


# -- clients that cannot go on ----------------------------------------------------------------------------------------


@both
def test_a_member_that_is_fenced_goes_on_with_new_clients(make_shop: MakeShop, client: str) -> None:
    shop = make_shop(client=client, wait_ms=0)
    sent = shop.send({}, {})
    with running(shop) as job:
        job.wait(2)
        with clients.admin(shop.project.config) as admin:
            (member,) = admin.describe_groups([shop.group])[shop.group]["members"]
        # as a join that reaches the coordinator twice
        options = {"group_instance_id": member["group_instance_id"], "auto_offset_reset": "none"}
        with consumer(shop.project.config, [shop.topic], group_id=shop.group, **options) as other:
            wait_until(lambda: not other.poll(100) and other.membership() is not None, "the name is taken")
        for _ in range(3):
            sent += shop.send({}, {})
            job.wait(len(sent))
        job.end()
    assert ids(shop.predictions()) == sent


@both
def test_of_two_processes_of_one_name_the_former_ends(make_shop: MakeShop, tmp_path: Path, client: str) -> None:
    shop = make_shop(client=client, wait_ms=0)
    # on another machine of the same host name the number is not taken either
    shutil.copytree(shop.project.folder, tmp_path / "other")
    other = copy(shop)
    other.project = load_project(tmp_path / "other")
    sent = shop.send({})
    with running(shop) as former:
        former.wait(1)
        with running(other) as later:
            wait_until(lambda: bool(later.told), "the later one has the partition")
            sent += shop.send({}, {})
            later.wait(2)
            wait_until(lambda: former.error is not None, "the former one has ended")
            later.end()
        with pytest.raises(PenstockError, match="takes nothing more from this process"):
            former.end()
    assert ids(shop.predictions()) == sent


# -- beside another project -------------------------------------------------------------------------------------------


def other_project(shop: Shop, folder: Path, output: str) -> Shop:
    """The same definitions, requests and model in a project of another name."""
    shutil.copytree(shop.project.folder, folder)
    for file, before, after in [
        ("penstock.toml", 'project = "shop"', 'project = "other"'),
        ("definitions.py", shop.output, output),
    ]:
        (folder / file).write_text((folder / file).read_text().replace(before, after))
    other = copy(shop)
    other.project, other.output = load_project(folder), output
    return other


def test_two_projects_answer_the_same_requests_each_for_itself(make_shop: MakeShop, tmp_path: Path) -> None:
    shop = make_shop(wait_ms=0)
    other = other_project(shop, tmp_path / "other", f"{shop.output}.other")
    sent = shop.send({}, {"customer": "ann"})
    with running(shop, group=None) as first, running(other, group=None) as second:
        first.wait(2)
        second.wait(2)
    assert ids(shop.predictions()) == ids(other.predictions()) == sent


def test_an_output_topic_belongs_to_one_project(make_shop: MakeShop, tmp_path: Path) -> None:
    shop = make_shop(wait_ms=0)
    other = other_project(shop, tmp_path / "other", shop.output)
    shop.send({})
    answered(shop, 1)
    with pytest.raises(RefusedError, match="has records of the project 'shop'"):
        run(other)


# -- what is refused -----------------------------------------------------------------------------------------------


def run(shop: Shop, **options: Any) -> None:
    stop = threading.Event()
    infer(shop.project, ["cost"], stop, **options)


def test_a_model_of_features_without_the_requests_own_time_is_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    project.config.state.mkdir()
    train_model(project.config.state, project.model("cost").model_plan, before=True)
    with pytest.raises(RefusedError, match="was trained with --before") as raised:
        infer(project, ["cost"], threading.Event())
    assert raised.value.hint is not None and "without --before" in raised.value.hint


def test_without_a_model_there_is_one_clear_error(make_shop: MakeShop) -> None:
    shop = make_shop()
    shutil.rmtree(shop.project.config.state / "models")
    with pytest.raises(UsageError, match="cost has no trained model"):
        run(shop)


def test_a_model_of_another_definition_is_refused(make_shop: MakeShop) -> None:
    shop = make_shop()
    file = shop.project.config.definitions
    file.write_text(file.read_text().replace("> 1)", "> 2)"))
    shop.project = load_project(shop.project.folder)
    with pytest.raises(RefusedError, match="was trained for another definition"):
        run(shop)


def test_rows_of_another_definition_are_refused(make_shop: MakeShop) -> None:
    shop = make_shop()
    schema = schema_of(shop.project.plans["customer"])
    with open_store(shop.project.folder) as store:
        store.write_rows(
            type(schema)(*list(vars(schema).values())[:-1], "f" * 64), [FeatureRow(("a",), 1, 1, (1, 1, 1.0, 1))]
        )
    shop.send({})
    with pytest.raises(RefusedError, match="customer come from another definition"):
        run(shop)


def test_a_topic_that_does_not_exist_is_one_clear_error(servers: str, models: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "shop", servers=servers)
    shutil.copytree(models, project.config.state / "models")
    with pytest.raises(PenstockError, match="the topic 'orders' does not exist"):
        infer(project, ["cost"], threading.Event())


def test_a_broker_that_is_down_is_one_clear_error(models: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "shop")
    shutil.copytree(models, project.config.state / "models")
    with pytest.raises(PenstockError, match="the local broker is not running"):
        infer(project, ["cost"], threading.Event())


def test_a_partition_that_does_not_exist_is_refused_with_those_that_do(make_shop: MakeShop) -> None:
    shop = make_shop(partitions=2)
    with pytest.raises(UsageError, match="has no partition 2") as raised:
        run(shop, start={2: 0})
    assert raised.value.allowed == "partitions 0, 1"


@both
def test_an_offset_beyond_the_topic_is_refused_with_those_that_it_has(make_shop: MakeShop, client: str) -> None:
    shop = make_shop(client=client)
    shop.send({})
    with pytest.raises(PenstockError, match="has no offset 5") as raised:
        run(shop, start={0: 5}, group=shop.group)
    assert raised.value.allowed == f"{shop.topic}-0: 0 to 1"


@both
def test_requests_that_retention_has_deleted_are_refused_unless_their_loss_is_accepted(
    make_shop: MakeShop, client: str
) -> None:
    shop = make_shop(client=client, wait_ms=0)
    shop.send({}, {}, {})
    answered(shop, 3)
    shop.send({}, {}, {}, {}, {})
    delete_before(shop.project.config, shop.topic, {0: 6})
    with pytest.raises(RefusedError, match=r"3 offsets of orders\S*-0 no longer exist .* \(3 to 5\)") as raised:
        run(shop, group=shop.group)
    assert "--accept-loss" in str(raised.value.hint)
    predictions, counts = answered(shop, 2, accept_loss=True)
    assert (counts.requests, counts.lost) == (2, 3)
    assert [p["id"][-2:] for p in predictions] == ["-0", "-1", "-2", "-6", "-7"]


@both
def test_a_request_topic_that_is_made_anew_is_refused_unless_that_is_accepted(make_shop: MakeShop, client: str) -> None:
    shop = make_shop(client=client, wait_ms=0)
    shop.send({}, {}, {})
    with running(shop) as job:
        job.wait(3)
        note = shop.project.config.state / "infer" / f"{shop.group}.{shop.topic}.json"
        wait_until(lambda: orjson.loads(note.read_bytes())["unanswered"] == 0, "look at the topic")
        make_anew(shop.project.config, shop.topic)
        wait_until(lambda: job.error is not None, "end")
        with pytest.raises(RefusedError, match=f"{shop.topic} was deleted and made anew: 0 offsets"):
            job.end()
    shop.send({}, {}, {}, {})
    with pytest.raises(RefusedError, match="deleted and made anew"):
        run(shop, group=shop.group)
    _, counts = answered(shop, 4, accept_loss=True)
    assert (counts.requests, counts.lost) == (4, 0)


def test_partitions_that_are_added_to_the_requests_are_answered(
    make_shop: MakeShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(clients._CONSUMER, "metadata_max_age_ms", 500)
    shop = make_shop(wait_ms=0)
    shop.send({})
    with running(shop) as job:
        job.wait(1)
        add_partitions(shop.project.config, shop.topic, 3)
        shop.send({}, {}, partition=2)
        job.wait(3)
        job.end()
    assert len(shop.predictions()) == 3


def test_predictions_are_numbers(make_shop: MakeShop) -> None:
    shop = make_shop(wait_ms=0)
    shop.send(*[{"amount": x} for x in (None, 1e308, -1e308, 0.0)])
    predictions, _ = answered(shop, 4)
    assert np.isfinite([p["value"] for p in predictions]).all()


@both
def test_a_broker_that_goes_away_ends_the_job_and_a_new_one_answers_the_rest(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    with Broker(tmp_path / "kafka") as broker:
        shop = Shop(tmp_path / "shop", servers=broker.bootstrap_servers, client=client, wait_ms=FOREVER_MS)
        shutil.copytree(models, shop.project.config.state / "models")
        sent = shop.send({}, {"customer": "ann"})
        with running(shop) as job:
            job.wait(1)
            broker.stop()
            for module in (transactions, session):
                monkeypatch.setattr(module, "PATIENCE_S", 1.0)
            shop.know_customers("ann")
            with pytest.raises(PenstockError, match="did not finish a transaction within 1 s"):
                job.wait(2)
        monkeypatch.undo()
        broker.start()
        answered(shop, 1)
        assert ids(shop.predictions()) == sent
