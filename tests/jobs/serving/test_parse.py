"""Records read together are what ``penstock.features.ingest`` makes of each of them, to the bit and to the reason."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock import Stream, column
from penstock.features.ingest import TIME_MAX, BadEvent, parse
from penstock.jobs.serving.parse import Parser
from tests.jobs.serving.test_requests import record

TYPES = {"i": "int64", "f": "float64", "s": "string", "b": "bool", "p": "timestamp"}
STREAM = Stream("orders", topic="orders", time="ts", id="s", columns=TYPES)
CHANGING = Stream("orders", topic="orders", time="ts", id="s", op="how", columns={**TYPES, "how": "string"})

#: As they stand in a record: at, about and beyond every limit, and of every other kind.
TEXTS = [
    *(
        "null",
        "true",
        "false",
        '""',
        '"a"',
        '"\\u0000"',
        '"\\ud83d\\ude00"',
        '"\\ud800"',
        '"\xe9"',
        "[]",
        "{}",
        '{"i": 1}',
    ),
    *(
        "0",
        "-0",
        "-0.0",
        "1",
        "1.0",
        "1.5",
        "-1.5",
        "1e5",
        "5e-324",
        "2.2250738585072011e-308",
        "0.1",
        "1e308",
        "1e309",
    ),
    *(str(sign * (2**bits + more)) for sign in (1, -1) for bits in (53, 63, 64) for more in (-1, 0, 1)),
    *("123456789012345678901234567890", "9" * 400, "1" + "0" * 308, "NaN", "Infinity", "01", "+1", ".5", "1."),
    *(
        "-62135596800000",
        "-62135596800000.5",
        "-62135596800001",
        "253402300799999",
        "253402300799999.9",
        "253402300800000",
    ),
    *("8600000", "8600001", "8600000.9"),
    *("1700000000000.9999", "-1700000000000.00001", "1700000000000.0", "1.7e12", "1e-400", "-1e-400"),
]
WHOLE = [
    *(
        None,
        b"",
        b"null",
        b"[]",
        b"1",
        b"{}",
        b"\xff",
        b'\xef\xbb\xbf{"ts": 1}',
        b'{"ts": 1',
        b'{"ts": 1}}',
        b' {"ts": 1}\n',
    ),
    *(b'{"ts": 1}, {"ts": 2}', b'{"ts": 1, "ts": "x"}', b'{"ts": "x", "ts": 1}', b'{"ts": 1, "more": NaN}'),
    *(
        b'{"ts": 1, "more": 1e999}',
        b'{"ts": 1, "more": "\\ud800"}',
        b'{"ts": 1, "s": "\t"}',
        b'{"ts": 1, "\\u0069": 5}',
    ),
    *(b'{"ts": 1, "more": ' + b"[" * levels + b"]" * levels + b"}" for levels in (255, 256, 1_000, 2_000)),
    b'{"ts": 1, "more": "' + b"[" * 1_000 + b'"}',
]


def exactly(row: Any) -> Any:
    """Equal for equal types and equal bits only."""
    if isinstance(row, BadEvent):
        return row.code, row.detail
    return {k: struct.pack("<d", v) if isinstance(v, float) else (type(v), v) for k, v in row.items()}


NOW_MS = 7_000_000


def one_by_one(stream: Stream, each: Any) -> Any:
    try:
        return parse(stream.source_plan, each.value, each.timestamp, NOW_MS)
    except BadEvent as bad:
        return bad


def check(stream: Stream, records: list[Any]) -> None:
    found = Parser(stream.source_plan, lambda: NOW_MS / 1000).rows(records)
    assert list(map(exactly, found)) == [exactly(one_by_one(stream, each)) for each in records]


fields = st.dictionaries(st.sampled_from([*TYPES, "how", "more"]), st.sampled_from(TEXTS), max_size=3)
times = st.sampled_from(["1", "1.5", *TEXTS])


@st.composite
def records(draw: st.DrawFn) -> Any:
    if draw(st.integers(0, 9)) == 0:
        return record(draw(st.sampled_from(WHOLE)))
    texts = {"ts": draw(times) if draw(st.booleans()) else "1", **draw(fields)}
    text = "{" + ", ".join(f'"{name}": {value}' for name, value in texts.items()) + "}"
    return record(text.encode(), timestamp=draw(st.sampled_from([-1, 5_000_000, TIME_MAX])))


@settings(max_examples=300, deadline=None)
@given(st.lists(records(), max_size=8), st.sampled_from([STREAM, CHANGING]))
def test_together_and_one_by_one_are_the_same(batch: list[Any], stream: Stream) -> None:
    check(stream, batch)


@pytest.mark.parametrize("name", [*TYPES, "ts", "how"])
@pytest.mark.parametrize("text", TEXTS)
def test_each_value_in_each_column(name: str, text: str) -> None:
    value = "{" + f'"ts": 1, "{name}": {text}' + "}"
    check(CHANGING, [record(b'{"ts": 2}'), record(value.encode()), record(b'{"ts": 3, "s": "x"}')])


@pytest.mark.parametrize("timestamp", [-1, 0, 5_000_000, TIME_MAX])
def test_no_timestamp_of_its_sender_takes_a_request_beyond_the_wall_clock(timestamp: int) -> None:
    latest = 3_600_000 + min(NOW_MS, timestamp if timestamp >= 0 else NOW_MS)
    made = [record(f'{{"ts": {time}}}'.encode(), timestamp=timestamp) for time in (latest, latest + 1, TIME_MAX)]
    check(STREAM, made)
    found = Parser(STREAM.source_plan, lambda: NOW_MS / 1000).rows(made)
    assert [isinstance(each, BadEvent) and each.code for each in found] == [False, "too far ahead", "too far ahead"]


@pytest.mark.parametrize("value", WHOLE)
def test_records_of_any_kind(value: bytes | None) -> None:
    check(STREAM, [record(b'{"ts": 2}'), record(value), record(b'{"ts": 3}')])


@pytest.mark.parametrize("how", ["insert", "update", "delete", "other", None])
def test_rows_that_change_events(how: str | None) -> None:
    for id in ("x", None):
        check(CHANGING, [record(json.dumps({"ts": 1, "s": id, "how": how}).encode()), record(b'{"ts": 2}')])


def test_a_column_that_may_not_be_null() -> None:
    stream = Stream(
        "orders", topic="orders", time="ts", id="s", columns={**TYPES, "i": column("int64", nullable=False)}
    )
    check(stream, [record(b'{"ts": 1, "i": null}'), record(b'{"ts": 1}'), record(b'{"ts": 1, "i": 2}')])


def test_no_records() -> None:
    assert Parser(STREAM.source_plan).rows([]) == []
