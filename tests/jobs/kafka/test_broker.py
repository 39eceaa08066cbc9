"""The local broker, started for real: each start takes about 3 s, so the tests that only look share one."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import KafkaError

from penstock.features.errors import PenstockError
from penstock.jobs.kafka.broker import JARS, Broker
from penstock.jobs.process.ports import PORTS


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A comma, a space and a letter beyond ASCII: each has its own way to break a Java command line or Kafka's lists.
    return tmp_path_factory.mktemp("state") / "a, é"


@pytest.fixture(scope="module")
def broker(state: Path) -> Iterator[Broker]:
    with Broker(state) as running:
        yield running


def make_topic(servers: str, name: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=servers)
    admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    admin.close()


def produce(servers: str, topic: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=servers, max_block_ms=10_000)
    producer.send(topic, value).get(10)
    producer.close()


def consume(servers: str, topic: str, wanted: int) -> list[bytes]:
    """The first values of a topic; fewer only when ten seconds pass in silence."""
    consumer = KafkaConsumer(
        topic, bootstrap_servers=servers, group_id="readers", auto_offset_reset="earliest", consumer_timeout_ms=10_000
    )
    values = [record.value for record in itertools.islice(consumer, wanted)]
    consumer.close()
    return values


def processes_of(folder: Path) -> list[int]:
    """Pids whose command line names the folder."""
    word = os.fsencode(folder.resolve())
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def test_a_record_goes_in_and_comes_out(broker: Broker) -> None:
    make_topic(broker.bootstrap_servers, "one")
    produce(broker.bootstrap_servers, "one", b"hello")
    assert consume(broker.bootstrap_servers, "one", 1) == [b"hello"]


def test_a_transaction_commits(broker: Broker) -> None:
    make_topic(broker.bootstrap_servers, "bought")
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers, transactional_id="shop")
    producer.init_transactions()
    producer.begin_transaction()
    producer.send("bought", b"bread")
    producer.commit_transaction()
    producer.close()
    assert consume(broker.bootstrap_servers, "bought", 1) == [b"bread"]


def test_topics_are_not_made_by_writing_to_them(broker: Broker) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers, max_block_ms=1_000)
    with pytest.raises(KafkaError):
        producer.send("never_made", b"lost")
    producer.close()
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    assert "never_made" not in admin.list_topics()
    admin.close()


def test_starting_a_running_broker_changes_nothing(broker: Broker) -> None:
    before = broker.status()
    broker.start()
    assert broker.status() == before


def test_another_process_finds_the_broker(broker: Broker, state: Path) -> None:
    code = (
        "import sys, pathlib; from penstock.jobs.kafka.broker import Broker; "
        "print(Broker(pathlib.Path(sys.argv[1])).bootstrap_servers)"
    )
    seen = subprocess.run([sys.executable, "-c", code, str(state)], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == broker.bootstrap_servers


def test_it_listens_on_this_machine_only(broker: Broker, state: Path) -> None:
    host, port = broker.bootstrap_servers.split(":")
    assert host == "127.0.0.1"
    assert int(port) in PORTS
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", int(port)), timeout=1)


def test_another_port_is_refused_while_it_runs(broker: Broker, state: Path) -> None:
    with pytest.raises(PenstockError, match="already runs at") as raised:
        Broker(state, 1 + int(broker.bootstrap_servers.split(":")[1])).start()
    assert raised.value.hint is not None and "penstock down" in raised.value.hint


def test_stop_and_start_keep_data_and_port_and_leave_no_process(tmp_path: Path) -> None:
    first = Broker(tmp_path)
    first.start()
    servers = first.bootstrap_servers
    make_topic(servers, "kept")
    produce(servers, "kept", b"still here")
    assert Broker(tmp_path).stop() is True
    assert processes_of(tmp_path) == []
    assert first.stop() is False

    with first:
        assert first.bootstrap_servers == servers
        assert consume(servers, "kept", 1) == [b"still here"]
    assert processes_of(tmp_path) == []
    assert first.status().running is False


def test_a_killed_broker_starts_again_with_its_data(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        make_topic(broker.bootstrap_servers, "kept")
        produce(broker.bootstrap_servers, "kept", b"acknowledged")
        pid = broker.status().pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert broker.status().running is False
        broker.start()
        assert consume(broker.bootstrap_servers, "kept", 1) == [b"acknowledged"]


def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PenstockError, match=f"cannot listen on port {port}: address already in use") as raised:
            Broker(tmp_path, port).start()
    assert raised.value.where == f"127.0.0.1:{port}"
    assert processes_of(tmp_path) == []


def test_missing_jars_point_to_the_setup(tmp_path: Path) -> None:
    with pytest.raises(PenstockError, match="jars are missing") as raised:
        Broker(tmp_path / "state", jars=tmp_path / "nothing").start()
    assert raised.value.hint == "run 'make setup'"
    assert any(JARS.glob("kafka_2.13-*.jar"))


def test_a_broker_that_dies_at_its_start_tells_its_last_words(tmp_path: Path) -> None:
    meta = tmp_path / "broker" / "data" / "meta.properties"
    meta.parent.mkdir(parents=True)
    meta.write_text("version=1\nnode.id=7\ncluster.id=AAAAAAAAAAAAAAAAAAAAAA\n")
    with pytest.raises(PenstockError, match="died at its start") as raised:
        Broker(tmp_path).start()
    assert "Stored node id 7" in raised.value.what
    assert raised.value.where is not None and raised.value.where.endswith("broker.log")
    assert Broker(tmp_path).status().running is False


def test_without_a_broker_there_is_nothing_to_stop_or_ask(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    assert broker.stop() is False
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PenstockError, match="not running") as raised:
        _ = broker.bootstrap_servers
    assert raised.value.hint == "run 'penstock up'"


def test_a_pid_that_is_another_process_by_now_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "pid").write_text(str(os.getpid()))
    broker = Broker(tmp_path)
    assert broker.status().running is False
    assert broker.stop() is False
