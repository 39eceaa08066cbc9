from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from penstock.features.errors import PenstockError, UsageError
from penstock.jobs.kafka import broker as broker_module
from penstock.jobs.kafka.clients import (
    admin,
    consumer,
    ensure_topics,
    producer,
    provide_topics,
    require_topics,
    topic_ids,
)
from penstock.jobs.kafka.interface import Place
from penstock.jobs.process.ports import free_port
from penstock.jobs.project.config import Config
from tests.kafka_broker import MECHANISMS, PASSWORD, USER, Kafka, kafka_broker
from tests.projects import config, unique

VARIABLE = "PENSTOCK_KAFKA_PASSWORD"


@pytest.fixture
def plain(kafka: Kafka, tmp_path: Path) -> Config:
    return config(tmp_path, kafka.servers)


@pytest.fixture(params=["kafka-python", "confluent"])
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def secure(kafka: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: str) -> Config:
    monkeypatch.setenv(VARIABLE, PASSWORD)
    return config(tmp_path, kafka.secure_servers, client=client, sasl_mechanism="PLAIN", **kafka.secure)


@contextmanager
def short_logins(folder: Path, monkeypatch: pytest.MonkeyPatch, client: str) -> Iterator[Config]:
    """A broker of its own, with TLS, on which a login lasts two seconds."""
    monkeypatch.setattr(broker_module, "PROPERTIES", broker_module.PROPERTIES + "connections.max.reauth.ms=2000\n")
    monkeypatch.setenv(VARIABLE, PASSWORD)
    with kafka_broker(folder) as kafka:
        yield config(folder, kafka.secure_servers, client=client, sasl_mechanism="PLAIN", **kafka.secure)


def round_trip(settings: Config, topic: str, **options: object) -> list[bytes]:
    with producer(settings, **options) as sender:
        if "transactional_id" in options:
            sender.init_transactions()
            sender.begin_transaction()
        for value in (b"a", b"b", b"c"):
            sender.send(topic, value)
        if "transactional_id" in options:
            sender.commit_transaction()
        sender.flush()
    values: list[bytes] = []
    with consumer(settings, [topic], isolation_level="read_committed") as reader:
        while len(values) < 3:
            values += [r.value for records in reader.poll(timeout_ms=10_000).values() for r in records]
    return values


def topic_settings(settings: Config, topic: str) -> dict[str, str]:
    with admin(settings) as client:
        found = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
        return {name: entry["value"] for name, entry in found["topic"][topic].items()}


def partitions(settings: Config, topic: str) -> int:
    with consumer(settings, None) as reader:
        return len(reader.places(topic))


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_login_over_tls_with_a_certificate_reaches_every_client(
    secure: Config, kafka: Kafka, tmp_path: Path, mechanism: str
) -> None:
    secure = config(
        tmp_path, kafka.secure_servers, client=secure.kafka.client, sasl_mechanism=mechanism, **kafka.secure
    )
    topic = unique("secured")
    ensure_topics(secure, [topic])
    require_topics(secure, [topic])
    assert round_trip(secure, topic) == [b"a", b"b", b"c"]
    assert round_trip(secure, topic, transactional_id=topic)[:3] == [b"a", b"b", b"c"]


def test_a_login_that_ends_is_followed_by_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    with short_logins(tmp_path, monkeypatch, client) as settings:
        ensure_topics(settings, ["out"])
        place, found = Place("out", 0), []
        with producer(settings, transactional_id="name") as sender, consumer(settings, None) as reader:
            reader.assign([place])
            sender.init_transactions()
            for number in range(8):
                sender.begin_transaction()
                sender.send("out", b"%d" % number)
                time.sleep(0.4)
                sender.flush()
                time.sleep(0.4)
                sender.commit_transaction()
                while len(found) <= number:
                    found += [record.value for records in reader.poll(10_000).values() for record in records]
        assert found == [b"%d" % number for number in range(8)]


def test_a_client_without_a_certificate_is_refused(secure: Config) -> None:
    without = secure.kafka.model_copy(update={"cert_file": None, "key_file": None})
    with pytest.raises(PenstockError, match=r"(?i)certificate|ssl"):
        consumer(secure.model_copy(update={"kafka": without}), ["any"], answer_ms=3_000)


def test_a_password_can_stand_in_a_file(secure: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    named = secure.model_copy(update={"kafka": secure.kafka.model_copy(update={"password_file": file})})
    ensure_topics(named, [unique("filed")])
    file.write_text("wrong-secret", encoding="utf-8")
    with pytest.raises(PenstockError, match=f"refuses the login of {USER}") as caught:
        ensure_topics(named, ["any"])
    assert caught.value.hint == f"username, sasl_mechanism, and the password in {file}"


def test_a_refused_login_is_said_without_the_password(
    secure: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, "wrong-secret")
    with caplog.at_level(logging.DEBUG), pytest.raises(PenstockError, match=f"refuses the login of {USER}") as caught:
        consumer(secure, ["any"])
    assert caught.value.where == secure.kafka.bootstrap_servers
    assert VARIABLE in str(caught.value.hint)
    assert "wrong-secret" not in str(caught.value) + caplog.text


def test_an_administrator_is_refused_in_the_same_words(secure: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "wrong-secret")
    with pytest.raises(PenstockError, match=f"refuses the login of {USER}"):
        ensure_topics(secure, ["any"])


def test_a_client_that_nobody_answers_leaves_no_thread(tmp_path: Path, client: str) -> None:
    nobody = config(tmp_path, f"127.0.0.1:{free_port()}", client=client)
    before = threading.active_count()
    for attempt in (lambda: consumer(nobody, ["any"], answer_ms=3_000), lambda: producer(nobody, answer_ms=3_000)):
        with pytest.raises(PenstockError, match=r"Kafka does not answer: .*[Rr]efused") as caught:
            attempt()
        assert caught.value.__suppress_context__
    deadline = time.monotonic() + 10
    while threading.active_count() > before:
        assert time.monotonic() < deadline, threading.enumerate()
        time.sleep(0.05)


def test_the_local_broker_must_run(tmp_path: Path) -> None:
    with pytest.raises(PenstockError, match="local broker is not running") as caught:
        producer(config(tmp_path, "local"))
    assert caught.value.hint == "run 'penstock up'"


def test_topics_are_made_as_the_configuration_says(kafka: Kafka, tmp_path: Path) -> None:
    settings = config(tmp_path, kafka.servers, partitions=3)
    topic = unique("made")
    ensure_topics(settings, [topic, topic])
    ensure_topics(settings, [topic])
    assert partitions(settings, topic) == 3
    assert topic_settings(settings, topic)["cleanup.policy"] == "delete"


def test_feature_topics_keep_every_row_for_a_day_and_the_newest_for_ever(plain: Config) -> None:
    topic = unique(plain.names.features("view"))
    ensure_topics(plain, [topic])
    found = topic_settings(plain, topic)
    assert found["cleanup.policy"] == "compact"
    assert found["min.compaction.lag.ms"] == str(24 * 60 * 60 * 1000)
    assert partitions(plain, topic) == 1


def test_several_may_make_a_topic_at_once(plain: Config) -> None:
    topics = [unique("raced") for _ in range(5)]
    errors: list[BaseException] = []

    def make() -> None:
        try:
            ensure_topics(plain, topics)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert topic_ids(plain, topics).keys() == set(topics)


def test_a_topic_that_cannot_be_made(kafka: Kafka, tmp_path: Path) -> None:
    settings = config(tmp_path, kafka.servers, replication=7)
    topic = unique("impossible")
    with pytest.raises(PenstockError, match=f"the topic {topic} cannot be made") as caught:
        ensure_topics(settings, [topic])
    assert "replication" in str(caught.value.hint)


def test_a_missing_topic_is_named_with_the_nearest_one(plain: Config) -> None:
    topic = unique("shop.orders")
    ensure_topics(plain, [topic])
    require_topics(plain, [topic])
    with pytest.raises(PenstockError, match="does not exist") as caught:
        require_topics(plain, [topic, topic.replace("orders", "order")])
    assert caught.value.hint == f"did you mean {topic!r}?"


def test_topics_of_a_foreign_cluster_are_not_made(plain: Config) -> None:
    with pytest.raises(PenstockError, match="does not exist"):
        provide_topics(plain, [unique("not_there")])


def test_options_go_before_the_defaults(plain: Config) -> None:
    topic = unique("options")
    ensure_topics(plain, [topic])
    round_trip(plain, topic)
    with consumer(plain, [topic], auto_offset_reset="latest") as reader:
        assert not reader.poll(500)


@pytest.mark.parametrize("servers", ["localhost", "localhost:abc", "a:1,,b:2", "http://a:1", ""])
def test_what_is_no_address_is_refused(tmp_path: Path, servers: str) -> None:
    with pytest.raises(UsageError, match="is no address"):
        consumer(config(tmp_path, servers), None)
