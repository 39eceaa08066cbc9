"""Requests and their order."""

from __future__ import annotations

from typing import Any

import pytest
from kafka.consumer.fetcher import ConsumerRecord

from penstock import Stream
from penstock.jobs.serving.parse import Parser
from penstock.jobs.serving.requests import Queue, Request, read_requests

ORDERS = Stream("orders", topic="orders", time="ts", id="id", columns={"id": "string", "x": "float64"}).source_plan


def record(value: bytes | None, offset: int = 0, partition: int = 0, timestamp: int = 5_000) -> Any:
    return ConsumerRecord("orders", partition, -1, offset, timestamp, 0, None, value, [], None, -1, -1, -1)


def read(record: Any, until: float = 0.0) -> Request:
    (made,) = read_requests(Parser(ORDERS), [record], until)
    return made


def request(offset: int, partition: int = 0, *, awaits: bool = False) -> Request:
    made = read(record(b'{"ts": 1}', offset, partition))
    made.awaited = [0] if awaits else []
    return made


def ids(requests: list[Request]) -> list[str]:
    return [request.id.removeprefix("orders-") for request in requests]


def test_a_record_becomes_a_typed_row_with_its_time_and_id() -> None:
    made = read(record(b'{"ts": 1500.9, "x": 2, "more": 1}', 7, 3), 1.0)
    assert (made.row, made.t, made.bad) == ({"id": None, "x": 2.0, "ts": 1500}, 1500, None)
    assert (made.id, made.place) == ("orders-3-7", ("orders", 3))


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "not json"),
        (b"\xff", "not json"),
        (b'{"x": 1.0}', "missing time"),
        (b'{"ts": 1, "x": "1"}', "wrong type"),
        (b'{"ts": 3605001}', "too far ahead"),
    ],
)
def test_a_bad_record_says_why(value: bytes | None, code: str) -> None:
    made = read(record(value))
    assert made.bad is not None and made.bad.code == code


def test_a_record_without_a_timestamp_may_lie_in_the_future() -> None:
    assert read(record(b'{"ts": 3605001}', timestamp=-1)).bad is None


def test_each_partition_is_answered_in_order_up_to_the_first_that_waits() -> None:
    queue = Queue()
    queue.add([request(0), request(1, awaits=True), request(2), request(0, 1), request(1, 1)])
    assert ids(queue.take_ready()) == ["0-0", "1-0", "1-1"]
    assert ids(list(queue)) == ["0-1", "0-2"] and len(queue) == 2
    assert queue.take_ready() == []


def test_what_was_awaited_frees_those_behind_it() -> None:
    queue = Queue()
    first = request(0, awaits=True)
    queue.add([first, request(1)])
    queue.add([request(2)])
    first.awaited = []
    assert ids(queue.take_ready()) == ["0-0", "0-1", "0-2"]
    assert not queue


def test_a_cleared_queue_holds_nothing() -> None:
    queue = Queue()
    queue.add([request(0), request(0, 1)])
    queue.clear()
    assert len(queue) == 0 and queue.take_ready() == []
