from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from penstock.features.compilers.flink.driver import DriverResult, Event, HarnessDriver, Item, Restore, Watermark
from penstock.features.errors import PenstockError
from tests.features.compilers.flink.plans import LIFETIME, column, literal, operate, over_union, plan, window


@pytest.fixture(scope="module")
def driver() -> Iterator[HarnessDriver]:
    with HarnessDriver() as started:
        yield started


def event(ts: int, x: float | None = 1.0, k: str | None = "a", id: str | None = None, **more: Any) -> Event:
    return Event(json.dumps({"ts": ts, "k": k, "x": x, "id": id, **more}).encode())


def rows(result: DriverResult, view: str = "v") -> list[tuple[int, int, list[Any]]]:
    values = [json.loads(row.value) for row in result.views[view].rows]
    return [(value["t"], value["seq"], list(value["values"].values())) for value in values]


def test_rows_of_events_and_of_a_window_that_empties(driver: HarnessDriver) -> None:
    items: list[Item] = [event(0, 1.5), event(4, 0.25), Watermark(50)]
    result = driver.run([plan(windows=[window(10)]).json], items)
    assert rows(result) == [
        (0, 1, [1, 1.5, 1.5, 1.5]),
        (4, 2, [2, 1.75, 0.875, 0.25]),
        (10, 3, [1, 0.25, 0.25, 0.25]),
        (14, 4, [0, 0.0, None, None]),
    ]
    assert [row.offset for row in result.views["v"].rows] == [0, 1, 1, 1]
    assert result.views["v"].rows[0].key == '{"k":"a"}'


@pytest.mark.parametrize("backend", ["heap", "rocksdb"])
def test_a_restore_changes_nothing(driver: HarnessDriver, backend: str) -> None:
    events: list[Item] = [event(i * 3 % 50, i / 8, k="ab"[i % 2], id=str(i % 50)) for i in range(90)]
    with_restores = [*events[:30], Restore(), *events[30:60], Restore(), *events[60:], Watermark(40), Restore()]
    plain = driver.run([plan().json], [*events, Watermark(40), Watermark(500)])
    restored = driver.run([plan().json], [*with_restores, Watermark(500)], backend=backend)
    assert rows(plain) == rows(restored)
    assert plain.views["v"].counts == restored.views["v"].counts
    assert plain.views["v"].counts["duplicate"] > 0


@pytest.mark.parametrize("backend", ["heap", "rocksdb"])
def test_a_row_of_a_union_says_whose_event_led_to_it(driver: HarnessDriver, backend: str) -> None:
    def of(source: str, ts: int, k: str = "a") -> Event:
        return replace(event(ts, id="i", k=k), source=source)

    items: list[Item] = [of("one", 0), of("two", 0), of("two", 0), Restore(), Watermark(12), of("one", 13, "b")]
    result = driver.run([over_union("one", "two", windows=[window(10)]).json], items, backend=backend)
    found = [(row.source, row.offset, json.loads(row.value)["t"]) for row in result.views["v"].rows]
    assert found == [("one", 0, 0), ("two", 1, 0), ("two", 1, 10), ("one", 5, 13)]
    counts = {
        name: [each[of] for of in ("in", "applied", "duplicate")] for name, each in result.views["v"].of_sources.items()
    }
    assert counts == {"one": [2, 2, 0], "two": [2, 1, 1]}


def test_late_duplicate_and_too_late_are_counted(driver: HarnessDriver) -> None:
    late = [event(95, id="b"), event(95, id="b"), event(90, id="c"), event(1, id="d")]
    items: list[Item] = [event(100, id="a"), Watermark(100), *late]
    result = driver.run([plan(windows=[window(10)]).json], items)
    assert [row[:2] for row in rows(result)] == [(100, 1), (100, 2)]
    counts = {"in": 5, "applied": 2, "too_late": 2, "duplicate": 1, "before_cut": 0, "dead": 0, "sum_overflow": 0}
    assert result.views["v"].counts == counts


def test_lateness_bounds_a_lifetime_with_ids(driver: HarnessDriver) -> None:
    late = [event(4000, id="b"), event(4000, id="b"), event(3999, id="c")]
    items: list[Item] = [event(5000, id="a"), Watermark(5000), *late]
    result = driver.run([plan(windows=[LIFETIME]).json], items)
    assert [row[2][0] for row in rows(result)] == [1, 2]
    assert (result.views["v"].counts["too_late"], result.views["v"].counts["duplicate"]) == (1, 1)


def test_one_read_serves_views_that_refuse_different_events(driver: HarnessDriver) -> None:
    doubled = operate("multiply", "int64", column("n", "int64"), literal(2, "int64"))
    big = plan("big", filter=operate("gt", "bool", doubled, literal(0, "int64")))
    items: list[Item] = [event(1, n=2**62), event(2, n=1), event(3, n=-1), event(4, k=None, n=1), Event(b"{")]
    result = driver.run([plan("all").json, big.json], items)
    assert [(letter.index, letter.view, letter.error) for letter in result.dead] == [
        (0, "big", "overflow"),
        (3, "all", "missing key"),
        (3, "big", "missing key"),
        (4, None, "not json"),
    ]
    assert result.views["all"].counts["applied"] == 3
    assert result.views["big"].counts["applied"] == 2  # one of them left out by the filter
    assert len(result.views["big"].rows) == 1


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (None, "not json"),
        (b"", "not json"),
        (b'{"ts":1,"k":"a"} x', "not json"),
        (b'{"ts":1,"k":"a","other":NaN}', "not json"),
        (b'{"ts":1,"k":"a","x":1e999}', "not json"),
        (b'{"ts":1,"k":"\\ud800"}', "not json"),
        (b'{"ts":1,"k":"\xff"}', "not json"),
        (b"[1]", "not json"),
        (b'{"ts":1,"k":1}', "wrong type"),
        (b'{"ts":1,"k":"a","n":3.0}', "wrong type"),
        (b'{"ts":1,"k":"a","n":9223372036854775808}', "out of range"),
        (b'{"ts":253402300800000,"k":"a"}', "out of range"),
        (b'{"ts":1,"k":"a","x":9007199254.740992}', "out of range"),
        (b'{"k":"a"}', "missing time"),
        (b'{"ts":1,"x":1}', "missing key"),
    ],
)
def test_bad_events(driver: HarnessDriver, raw: bytes | None, error: str) -> None:
    result = driver.run([plan().json], [Event(raw)])
    assert [letter.error for letter in result.dead] == [error]
    assert result.views["v"].counts["dead"] == 1


def test_an_event_too_far_ahead_of_its_record(driver: HarnessDriver) -> None:
    at = 3_600_000
    result = driver.run([plan().json], [Event(b'{"ts":%d,"k":"a"}' % at, 0), Event(b'{"ts":%d,"k":"a"}' % (at + 1), 0)])
    assert [(letter.index, letter.error) for letter in result.dead] == [(1, "too far ahead")]


def test_no_timestamp_of_its_sender_takes_a_record_beyond_the_wall_clock(driver: HarnessDriver) -> None:
    hour = 3_600_000
    raw = [b'{"ts": %d, "k": "a", "id": "i%d"}' % (time, time) for time in (hour + 1000, hour + 1001)]
    items = [Event(each, timestamp) for timestamp in (None, -1, 253_370_764_800_000) for each in raw]
    result = driver.run([plan().json], items, now=1000)
    assert [(letter.index, letter.error) for letter in result.dead] == [(i, "too far ahead") for i in (1, 3, 5)]


def test_what_the_java_side_refuses_is_an_error(driver: HarnessDriver) -> None:
    with pytest.raises(PenstockError, match="Java operators failed") as caught:
        driver.run([plan(windows=[{**window(10), "kind": "tumbling"}]).json], [])
    assert "window kind tumbling is not carried" in str(caught.value.hint)
    assert driver.run([plan().json], []).dead == []


def test_it_leaves_no_process() -> None:
    with HarnessDriver() as own:
        process = own._process
    assert process.returncode == 0
