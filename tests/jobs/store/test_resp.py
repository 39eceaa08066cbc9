"""Packed commands against a real server."""

from __future__ import annotations

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from penstock.jobs.store.resp import bulk, exchange, head
from tests.redis_server import RedisServer


def command(*arguments: bytes) -> bytes:
    return head(len(arguments), arguments[0]) + b"".join(map(bulk, arguments[1:]))


def test_replies_come_in_order(empty_redis: RedisServer) -> None:
    value = bytes(range(256))
    with Redis(port=empty_redis.port) as client:
        commands = [command(b"SET", b"a", value), command(b"GET", b"a"), command(b"GET", b"b"), command(b"INCR", b"n")]
        assert exchange(client.connection_pool, commands) == [b"OK", value, None, 1]
        assert exchange(client.connection_pool, []) == []


def test_the_first_error_is_raised_and_the_connection_stays_usable(empty_redis: RedisServer) -> None:
    with Redis(port=empty_redis.port) as client:
        bad = command(b"INCR", b"a")
        with pytest.raises(ResponseError, match="not an integer"):
            exchange(client.connection_pool, [command(b"SET", b"a", b"x"), bad, bad, command(b"SET", b"b", b"1")])
        assert exchange(client.connection_pool, [command(b"GET", b"b")]) == [b"1"]


def test_more_replies_than_one_look_at_the_socket_gives(empty_redis: RedisServer) -> None:
    value = bytes(10_000)
    with Redis(port=empty_redis.port) as client:
        exchange(client.connection_pool, [command(b"SET", b"a", value)])
        bad = command(b"INCR", b"a")
        assert exchange(client.connection_pool, [command(b"GET", b"a")] * 500) == [value] * 500
        with pytest.raises(ResponseError):
            exchange(client.connection_pool, [*[command(b"GET", b"a")] * 500, bad, command(b"GET", b"a")])
        assert exchange(client.connection_pool, [command(b"EXISTS", b"a")]) == [1]
