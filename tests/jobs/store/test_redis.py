"""What is Redis' own: the layout, the script, connections, secrets."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from redis import Redis

from penstock.features.errors import PenstockError
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow, ViewSchema
from tests.jobs.store.projects import REDIS, applied, make_project
from tests.redis_server import RedisServer, free_port, redis_server

SCHEMA = ViewSchema("sales", (("customer", "int64"),), (("n", "int64"), ("name", "string")), (0, None), "aa11")
ROW = FeatureRow((1,), 1_500, 1, (7, "é"))
#: Nine counts, a sum and a text.
NUMBERS = ViewSchema(
    "numbers",
    SCHEMA.key,
    (*((f"n{place}", "int64") for place in range(9)), ("sum", "int64"), ("name", "string")),
    (0,) * 10 + (None,),
    "cc33",
)
VALUES = (*range(9), 10, "é")
PASSWORD = "correct horse"


@pytest.fixture
def redis_project(empty_redis: RedisServer, tmp_path: Path) -> Path:
    return make_project(tmp_path / "own", REDIS, f"connection_string: {empty_redis.connection_string}")


def test_stock_feast_reads_the_same_hashes(redis_project: Path, empty_redis: RedisServer, tmp_path: Path) -> None:
    with open_store(redis_project) as store:
        store.write_rows(SCHEMA, [ROW])
    options = f"connection_string: {empty_redis.connection_string}"
    stock = applied(make_project(tmp_path / "stock", "redis", options), SCHEMA)
    response = stock.get_online_features(["sales:n", "sales:name"], [{"customer": 1}])
    assert response.to_dict() == {"customer": [1], "n": [7], "name": ["é"]}
    assert response.proto.results[1].event_timestamps[0].ToMilliseconds() == 1_500


def test_a_hash_has_feasts_fields_and_one_more(redis_project: Path, empty_redis: RedisServer) -> None:
    with open_store(redis_project) as store:
        store.write_rows(SCHEMA, [ROW])
    with Redis(port=empty_redis.port) as client:
        (key,) = client.keys("*shop")
        fields = client.hgetall(key)
    assert {field for field in fields if len(field) != 4} == {b"_ts:sales", b"_clock:sales"}
    assert len(fields) == 4


def test_numbers_are_kept_once_more_in_pieces_that_leave_a_hash_small(
    redis_project: Path, empty_redis: RedisServer
) -> None:
    with open_store(redis_project) as store:
        store.write_rows(NUMBERS, [FeatureRow((1,), 1_500, 1, VALUES)])
    with Redis(port=empty_redis.port) as client:
        (key,) = client.keys("*shop")
        fields = client.hgetall(key)
        assert client.object("encoding", key) == b"listpack"
    pieces = [fields.pop(name) for name in (b"_0:numbers", b"_1:numbers")]
    assert list(map(len, pieces)) == [64, 4 + 16 + 11 + 80 - 64]
    # the text is no number: it is read from its own field
    assert len(fields) == 2 + 11


def test_a_row_whose_pieces_are_missing_or_of_another_row_is_read_by_feature(
    redis_project: Path, empty_redis: RedisServer
) -> None:
    other = ViewSchema("others", NUMBERS.key, NUMBERS.features, NUMBERS.defaults, "dd44")
    keys = [(1,), (2,), (3,)]
    with open_store(redis_project) as store, Redis(port=empty_redis.port) as client:
        for t in (1, 2):
            for schema in (NUMBERS, other):
                store.write_rows(schema, [FeatureRow(key, t, 1, (*VALUES[:9], 10 * t, "é")) for key in keys[:2]])
            first, second = sorted(client.keys("*shop"))
            if t == 1:
                old = client.hget(first, "_1:numbers")
        # as versions leave them that know no pieces
        client.hset(first, "_1:numbers", old)
        client.hdel(second, "_0:numbers", "_1:numbers")
        torn, whole = store.read_rows([(NUMBERS, keys), (other, keys)])
    for columns in (torn, whole):
        assert columns.t.tolist()[:2] == [2, 2] and columns.present.tolist() == [True, True, False]
        assert [column.values.tolist() for column in columns.features[-2:]] == [[20, 20, 0], ["é", "é", None]]


def test_a_dropped_views_pieces_go_with_it(redis_project: Path, empty_redis: RedisServer) -> None:
    feast = applied(redis_project, NUMBERS, SCHEMA)
    with open_store(redis_project) as store, Redis(port=empty_redis.port) as client:
        store.write_rows(NUMBERS, [FeatureRow((1,), 1, 1, VALUES)])
        store.write_rows(SCHEMA, [ROW])
        feast.apply([], objects_to_delete=[feast.get_feature_view("numbers")], partial=False)
        (key,) = client.keys("*shop")
        assert {field for field in client.hkeys(key) if len(field) != 4} == {b"_ts:sales", b"_clock:sales"}


def test_the_script_is_loaded_again_after_a_flush(redis_project: Path, empty_redis: RedisServer) -> None:
    with open_store(redis_project) as store, Redis(port=empty_redis.port) as client:
        store.write_rows(SCHEMA, [ROW])
        client.script_flush()
        assert store.write_rows(SCHEMA, [FeatureRow((2,), 1, 1, (1, "a"))]) == 1


def test_asynchronous_writes_are_compared_too(redis_project: Path) -> None:
    feast = applied(redis_project, SCHEMA)
    view = feast.get_feature_view("sales")
    key = EntityKey(join_keys=["customer"], entity_values=[Value(int64_val=1)])
    old = (key, {"n": Value(int64_val=1)}, datetime(1970, 1, 1, tzinfo=UTC), None)
    with open_store(redis_project) as store:
        store.write_rows(SCHEMA, [ROW])
        own = feast._get_provider().online_store
        asyncio.run(own.online_write_batch_async(feast.config, view, [old], None))
        (columns,) = store.read_rows([(SCHEMA, [(1,)])])
    assert columns["n"].values.tolist() == [7]


def test_keys_expire_when_asked_to(empty_redis: RedisServer, tmp_path: Path) -> None:
    options = f"connection_string: {empty_redis.connection_string}\n  key_ttl_seconds: 100"
    with open_store(make_project(tmp_path / "own", REDIS, options)) as store, Redis(port=empty_redis.port) as client:
        store.write_rows(SCHEMA, [ROW])
        (key,) = client.keys("*shop")
        assert 90 < int(client.ttl(key)) <= 100


def test_two_features_on_one_field_are_refused(redis_project: Path) -> None:
    # found by search: murmur3 of "sales:f…" is the same for both
    features = (("f6038", "int64"), ("f139163", "int64"))
    clash = ViewSchema("sales", SCHEMA.key, features, (0, 0), "bb22")
    with open_store(redis_project) as store, pytest.raises(PenstockError, match="same field"):
        store.write_rows(clash, [FeatureRow((1,), 1, 1, (1, 2))])


def test_a_server_that_is_down(tmp_path: Path) -> None:
    port = free_port()
    project = make_project(tmp_path / "own", REDIS, f'connection_string: "127.0.0.1:{port},password={PASSWORD}"')
    feast = applied(project, SCHEMA)
    with open_store(project) as store:
        for attempt in (
            lambda: store.write_rows(SCHEMA, [ROW]),
            lambda: store.read_rows([(SCHEMA, [(1,)])]),
            lambda: feast.get_online_features(["sales:n"], [{"customer": 1}]),
        ):
            with pytest.raises(PenstockError, match="does not answer") as error:
                attempt()
            assert error.value.where == f"127.0.0.1:{port}"
            assert error.value.hint
            assert PASSWORD not in str(error.value)
            assert error.value.__suppress_context__


def test_a_server_that_goes_and_comes_back(tmp_path: Path) -> None:
    port = free_port()
    project = make_project(tmp_path / "own", REDIS, f"connection_string: 127.0.0.1:{port}")
    with open_store(project) as store:
        with redis_server(tmp_path, port=port):
            assert store.write_rows(SCHEMA, [ROW]) == 1
        with pytest.raises(PenstockError, match="does not answer"):
            store.write_rows(SCHEMA, [ROW])
        with redis_server(tmp_path, port=port):
            assert store.write_rows(SCHEMA, [ROW]) == 1


def test_a_password(tmp_path: Path) -> None:
    with redis_server(tmp_path, password=PASSWORD) as server:
        options = f'connection_string: "{server.connection_string},password={PASSWORD}"'
        with open_store(make_project(tmp_path / "right", REDIS, options)) as store:
            assert store.write_rows(SCHEMA, [ROW]) == 1
        wrong = make_project(tmp_path / "wrong", REDIS, options.replace(PASSWORD, "wrong-secret"))
        with open_store(wrong) as store, pytest.raises(PenstockError) as error:
            store.write_rows(SCHEMA, [ROW])
        assert "wrong-secret" not in str(error.value)


def test_a_cluster(tmp_path: Path) -> None:
    # by itself the cluster's own port is 10,000 above the server's, among those that the system gives to clients
    port = free_port()
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port(but=port)))
    with redis_server(tmp_path, *options, port=port) as server:
        with Redis(port=server.port) as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            while client.execute_command("CLUSTER INFO").get("cluster_state") != "ok":
                pass
        place = f"connection_string: {server.connection_string}\n  redis_type: redis_cluster"
        with open_store(make_project(tmp_path / "own", REDIS, place)) as store:
            rows = [FeatureRow((k,), k, 1, (k, str(k))) for k in range(100)]
            assert store.write_rows(SCHEMA, rows) == 100
            assert store.write_rows(SCHEMA, rows) == 0
            (columns,) = store.read_rows([(SCHEMA, [row.key for row in rows])])
    assert columns["n"].values.tolist() == list(range(100))
