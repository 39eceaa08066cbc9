"""A store that goes away while it is used: killed, frozen, and back again."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from penstock.features.errors import PenstockError
from penstock.jobs.process.ports import free_port
from penstock.jobs.store.bulk import BulkStore
from penstock.jobs.store.open import open_store
from penstock.jobs.store.patience import Patience, StoreAway
from penstock.jobs.store.rows import FeatureRow, ViewSchema
from tests.jobs.store.projects import REDIS, make_project
from tests.jobs.store.switch import Switch
from tests.redis_server import RedisServer, redis_server

SCHEMA = ViewSchema("sales", (("customer", "int64"),), (("n", "int64"),), (0,), "aa11")


def row(t: int) -> FeatureRow:
    return FeatureRow((1,), t, 1, (t,))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path, "--appendonly", "yes") as running:
        yield running


@pytest.fixture
def store(server: RedisServer, tmp_path: Path) -> Iterator[BulkStore]:
    options = f"connection_string: {server.connection_string},socket_timeout=0.5"
    with open_store(make_project(tmp_path / "project", REDIS, options)) as opened:
        yield opened


def test_without_patience_an_absence_is_told_at_once(server: RedisServer, store: BulkStore) -> None:
    server.stop()
    with pytest.raises(StoreAway, match="the Redis store does not answer"):
        store.write_rows(SCHEMA, [row(1)])


def test_a_store_that_comes_back_has_lost_nothing(server: RedisServer, store: BulkStore) -> None:
    said: list[str] = []
    store.wait_while_away(Patience(threading.Event(), said.append))
    assert store.write_rows(SCHEMA, [row(1)]) == 1
    server.process.kill()
    server.process.wait()
    back = threading.Timer(0.5, server.restart)
    back.start()
    assert store.write_rows(SCHEMA, [row(2)]) == 1
    back.join()
    (columns,) = store.read_rows([(SCHEMA, [(1,)])])
    assert columns["n"].values.tolist() == [2]
    assert "it is asked again" in said[0] and "answers again" in said[1]
    assert len(said) == 2


def test_a_frozen_store_is_asked_again(server: RedisServer, store: BulkStore) -> None:
    store.wait_while_away(Patience(threading.Event(), lambda line: None))
    store.write_rows(SCHEMA, [row(1)])
    server.process.send_signal(signal.SIGSTOP)
    thaw = threading.Timer(1.0, server.process.send_signal, [signal.SIGCONT])
    thaw.start()
    (columns,) = store.read_rows([(SCHEMA, [(1,)])])
    thaw.join()
    assert columns["n"].values.tolist() == [1]


def test_a_failover_is_waited_for(server: RedisServer, store: BulkStore, tmp_path: Path) -> None:
    said: list[str] = []
    store.wait_while_away(Patience(threading.Event(), said.append))
    store.write_rows(SCHEMA, [row(1)])
    with redis_server(tmp_path, port=free_port()) as other, Redis(port=server.port) as client:
        client.replicaof("127.0.0.1", other.port)
        promotion = threading.Timer(0.5, client.replicaof, ("NO", "ONE"))
        promotion.start()
        assert store.write_rows(SCHEMA, [row(2)]) == 1
        promotion.join()
    assert "read only replica" in said[0] and "answers again" in said[1]


def test_a_connection_to_the_old_master_does_not_stay(server: RedisServer, tmp_path: Path) -> None:
    """Behind one address another server answers, and connections to the old one are still open."""
    with redis_server(tmp_path, port=free_port()) as other, Switch(server.port) as switch:
        folder = make_project(tmp_path / "switched", REDIS, f"connection_string: 127.0.0.1:{switch.port}")
        with open_store(folder) as store, Redis(port=server.port) as old, Redis(port=other.port) as new:
            store.wait_while_away(Patience(threading.Event(), lambda line: None))
            new.replicaof("127.0.0.1", server.port)
            store.write_rows(SCHEMA, [row(1)])
            old.wait(1, 5_000)
            switch.target = other.port
            new.replicaof("NO", "ONE")
            old.replicaof("127.0.0.1", other.port)
            assert store.write_rows(SCHEMA, [row(1)]) == 0
            assert store.write_rows(SCHEMA, [row(2)]) == 1
            assert len(new.keys("*shop")) == 1


def test_a_full_server_is_waited_for_until_it_has_room(server: RedisServer, store: BulkStore) -> None:
    said: list[str] = []
    store.wait_while_away(Patience(threading.Event(), said.append))
    store.write_rows(SCHEMA, [row(1)])
    with Redis(port=server.port) as client:
        client.config_set("maxmemory", 1)
        (columns,) = store.read_rows([(SCHEMA, [(1,)])])  # who only reads goes on
        assert columns["n"].values.tolist() == [1]
        room = threading.Timer(0.5, client.config_set, ("maxmemory", 0))
        room.start()
        assert store.write_rows(SCHEMA, [row(t) for t in (2, 3)]) == 2
        room.join()
    assert "maxmemory" in said[0] and "answers again" in said[1]


def test_a_server_that_is_busy_with_a_script_is_waited_for(server: RedisServer, store: BulkStore) -> None:
    store.wait_while_away(Patience(threading.Event(), lambda line: None))
    store.write_rows(SCHEMA, [row(1)])
    with Redis(port=server.port) as client, Redis(port=server.port) as killer:
        client.config_set("busy-reply-threshold", 50)
        script = threading.Thread(target=_run_for_ever, args=(client,))
        script.start()
        kill = threading.Timer(1.0, killer.script_kill)
        kill.start()
        (columns,) = store.read_rows([(SCHEMA, [(1,)])])
        script.join()
    assert columns["n"].values.tolist() == [1]


def _run_for_ever(client: Redis) -> None:
    with suppress(ResponseError):
        client.eval("while true do end", 0)


def test_patience_has_an_end(server: RedisServer, store: BulkStore) -> None:
    server.stop()
    store.wait_while_away(Patience(threading.Event(), lambda line: None, seconds=0.2))
    with pytest.raises(StoreAway):
        store.write_rows(SCHEMA, [row(1)])


def test_who_is_told_to_stop_does_not_wait(server: RedisServer, store: BulkStore) -> None:
    server.stop()
    stop = threading.Event()
    stop.set()
    store.wait_while_away(Patience(stop, lambda line: None))
    with pytest.raises(StoreAway):
        store.write_rows(SCHEMA, [row(1)])


def test_a_refusal_is_no_absence(server: RedisServer, tmp_path: Path) -> None:
    options = f"connection_string: {server.connection_string},username=nobody,password=none"
    with open_store(make_project(tmp_path / "refused", REDIS, options)) as refused:
        refused.wait_while_away(Patience(threading.Event(), lambda line: None))
        with pytest.raises(PenstockError, match="invalid username-password pair") as caught:
            refused.write_rows(SCHEMA, [row(1)])
    assert not isinstance(caught.value, StoreAway)
