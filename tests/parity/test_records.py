"""Records by paths and casts: the meaning of each, and the same in Java as in Python."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import Stream, View, column, count, header, last, record_key, record_timestamp, sum
from penstock.features.compilers.flink.driver import Event, HarnessDriver, Watermark
from penstock.features.ingest import BadEvent, Tombstone, parse
from penstock.features.plan import ViewPlan
from penstock.features.records.origin import Fields
from penstock.jobs.parity.compare import compare_answers
from penstock.jobs.parity.engines import flink_stream, oracle_stream, stream_items
from penstock.jobs.parity.events import arrival
from penstock.jobs.serving.parse import Parser
from tests.parity.record_columns import CASES, COLUMNS, SPELLED, VIEW, as_event
from tests.parity.test_random import random_worlds


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_record_means_what_it_says(case: dict[str, Any]) -> None:
    raw = as_event(7, case["record"])
    if "bad" in case:
        with pytest.raises(BadEvent) as refused:
            parse(SPELLED.source_plan, raw)
        assert refused.value.code == case["bad"]
    else:
        nothing = dict.fromkeys(COLUMNS)
        row = parse(SPELLED.source_plan, raw)
        assert repr(row) == repr({"k": "7", **nothing, **case["row"], "ts": 7})


def read_alike(driver: HarnessDriver, plan: ViewPlan, lines: list[bytes]) -> None:
    arrivals = [arrival(plan.source.sources[0], i, line) for i, line in enumerate(lines)]
    items = stream_items(arrivals)
    answer = flink_stream(driver, [plan], items)[plan.name]
    result = compare_answers(plan, oracle_stream(plan, arrivals, items), answer, ("oracle", "flink"))
    assert result.differences == 0, result.samples


def test_java_reads_the_same_records_alike(driver: HarnessDriver) -> None:
    read_alike(driver, VIEW.plan, [as_event(i, case["record"]) for i, case in enumerate(CASES)])


SCALARS = [
    "null", "true", "false", "0", "-0.0", "1", "3.0", "12.50", "12.505", "1e2", "1e-999999999", "1e999999999",
    "123456789012345678901234567890", "9223372036854775807", "1714581000000", "1714581000.9999", "253402300800", '""',
    '"a"', '"1"', '"3.0"', '"007"', '"12.50"', '"true"', '"open"', '"2024-05-01"', '"2024-05-01T18:30:00.5+02:00"',
    '"2024-10-27T02:30"', '"1e5"', '"1\\u002e5"', '"\\ud83d\\ude00"', '"\\ud83d"', '"NaN"', "NaN", "01", "1.", '"x',
]  # fmt: skip
PATHS = [path for each in SPELLED.columns.values() if isinstance(each.origin, Fields) for path in each.origin.paths]


@st.composite
def values(draw: st.DrawFn, place: tuple[str | int, ...] = ()) -> str:
    """JSON, mostly, that has something at the paths that go on from a place, in the order of chance."""
    below = list(dict.fromkeys(path[len(place)] for path in PATHS if path[: len(place)] == place != path))
    kind = draw(st.integers(0, 9))
    if place and (not below or kind == 0):
        return draw(st.sampled_from([*SCALARS, "{}", "[]", '{"a": [1]}', "[{}]"]))
    if below and isinstance(below[0], int) and kind > 1:
        elements = [draw(values((*place, i))) for i in range(draw(st.integers(0, 3)))]
        return f"[{', '.join(elements)}]"
    names = draw(st.lists(st.sampled_from([*(name for name in below if isinstance(name, str)), "x"]), max_size=5))
    fields = [f"{draw(spelled(name))}: {draw(values((*place, name)))}" for name in names]
    return "{" + ", ".join(fields) + "}"


def spelled(name: str) -> st.SearchStrategy[str]:
    escaped = "".join(f"\\u{ord(char):04x}" for char in name[:1]) + name[1:]
    return st.sampled_from([json.dumps(name)] * 9 + [f'"{escaped}"'])


@random_worlds
@given(st.lists(values(), min_size=1, max_size=40))
def test_any_records_are_read_alike(driver: HarnessDriver, documents: list[str]) -> None:
    lines = [as_event(i, document) for i, document in enumerate(documents)]
    read_alike(driver, VIEW.plan, lines)
    arrivals = [arrival(SPELLED.source_plan, i, line) for i, line in enumerate(lines)]
    requests = Parser(SPELLED.source_plan).rows(
        [SimpleNamespace(value=line, timestamp=-1, key=None, headers=()) for line in lines]
    )
    for request, each in zip(requests, arrivals, strict=True):
        assert repr(request) == repr(each.row) if each.bad is None else request.code == each.bad.code


def test_headers_the_key_and_the_timestamp_are_columns(driver: HarnessDriver) -> None:
    parts = Stream("parts", topic="parts", time="at", columns=dict(
        at=record_timestamp(), trace=header("trace"), retries=header("x-retries", "int64"), sent=header("sent", "bool"),
        placed=header("placed", "timestamp", unit="iso8601"), shop=record_key(path="shop.id", cast="number"),
        k="string",
    ))  # fmt: skip
    features = {name: last(parts[name]).over("1d") for name in ("trace", "retries", "sent", "placed", "shop")}
    plan = View("of_parts", parts, key="k", features=features).plan
    given: list[dict[str, Any]] = [
        dict(_timestamp=1000, _key={"shop": {"id": 7}}, _headers={"trace": "é", "x-retries": "3", "sent": "true"}),
        dict(_timestamp=1001, _key='{"shop": {"id": "a"}}', _headers={"placed": "2024-05-01T00:00:00Z"}),
        dict(_timestamp=1002),
        dict(_timestamp=1003, _key="not json"),
        dict(_timestamp=1004, _key={"shop": 5}),
        dict(_timestamp=1005, _headers={"x-retries": "3.0"}),
        dict(_timestamp=1006, _headers={"sent": "yes"}),
        dict(_headers={"trace": "no time"}),
    ]
    read_alike(driver, plan, [json.dumps({**event, "k": f"{i}"}).encode() for i, event in enumerate(given)])
    source = parts.source_plan
    twice = [("trace", b"1"), ("trace", b"2"), ("x-retries", None)]
    row = parse(source, b'{"k": "a"}', 5, key=b'{"shop": {"id": 7}, "shop": {"id": 8}}', headers=twice)
    assert row == dict(at=5, trace="2", retries=None, sent=None, placed=None, shop="8", k="a")
    whole = Stream("whole", topic="whole", time="ts", columns=dict(k=record_key(), n=record_key("int64"))).source_plan
    assert parse(whole, b'{"ts": 1}', key=b"12") == dict(k="12", n=12, ts=1)
    with pytest.raises(BadEvent, match="is not text in UTF-8"):
        parse(whole, b'{"ts": 1}', key=b"\xff")


OPS = {"c": "insert", "r": "insert", "u": "update", "d": "delete"}
ENVELOPE = Stream(
    "carts", topic="shop.public.carts", time="added", id="item", op="op", tombstones=True,
    columns=dict(
        op=column("string", path="payload.op", values=OPS),
        item=column("string", path=("payload.after.id", "payload.before.id"), cast="number"),
        cart=column("string", path=("payload.after.cart", "payload.before.cart")),
        added=column("timestamp", path=("payload.after.added", "payload.before.added"), unit="us"),
        price=column(
            "float64", path=("payload.after.price", "payload.before.price"), cast=("decimal", "text"), places=2
        ),
    ),
)  # fmt: skip


def change(op: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> bytes:
    return json.dumps({"schema": {"type": "struct"}, "payload": {"op": op, "before": before, "after": after}}).encode()


def test_debezium_changes_with_their_tombstones(driver: HarnessDriver) -> None:
    pen = dict(id=1, cart="c", added=1_000_000, price="2.50")
    ink = dict(id=2, cart="c", added=1_001_000, price="4.00")
    records = [
        change("r", None, pen), change("c", None, ink), change("u", pen, {**pen, "price": None}), None,
        change("u", pen, {**pen, "price": "3.00"}), change("d", ink, None), None, change("x", None, pen),
    ]  # fmt: skip
    view = View(
        "of_carts", ENVELOPE, key="cart", features=dict(n=count().over("1m"), sum=sum(ENVELOPE.price).over("1m"))
    )
    source = ENVELOPE.source_plan
    items = [*(Event(record, source="carts") for record in records), Watermark(10_000)]
    result = driver.run([view.plan.json], items, layouts={"carts": source.layout})
    rows = [json.loads(row.value)["values"] for row in result.views["of_carts"].rows]
    assert [(row["n_1m"], row["sum_1m"]) for row in rows] == [(1, 2.5), (2, 6.5), (2, 4.0), (2, 7.0), (1, 3.0)]
    assert result.views["of_carts"].counts == dict(
        **{"in": 8}, applied=7, too_late=0, duplicate=0, dead=1, sum_overflow=0, before_cut=0
    )
    assert [(letter.index, letter.error) for letter in result.dead] == [(7, "wrong type")]
    assert "payload.op" in result.dead[0].detail and "payload.after.price" in result.dead[0].detail
    with pytest.raises(Tombstone):
        parse(source, None)
