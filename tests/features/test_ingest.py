"""Raw records to rows, and every reason why not (section 6 of the semantics)."""

from typing import Any

import pytest

from penstock import Stream, column
from penstock.features.expressions import INT64_MAX, INT64_MIN
from penstock.features.ingest import CODES, TIME_MAX, TIME_MIN, BadEvent, check_row, parse
from penstock.features.plan import SourcePlan

SOURCE = Stream(
    "s", topic="s", time="ts", id="id", max_ahead="1m",
    columns=dict(id="string", i="int64", f="float64", b="bool", at="timestamp", must=column("string", nullable=False)),
).source_plan  # fmt: skip
GOOD = '"ts": 1000, "must": "m"'


def row(fields: str, kafka_ms: int | None = None) -> dict[str, Any]:
    return parse(SOURCE, ("{" + GOOD + (", " if fields else "") + fields + "}").encode(), kafka_ms)


def bad(raw: bytes | None, kafka_ms: int | None = None, source: SourcePlan = SOURCE) -> str:
    with pytest.raises(BadEvent) as refused:
        parse(source, raw, kafka_ms)
    assert refused.value.view is None
    return refused.value.code


def bits(value: float) -> str:
    return value.hex()


def test_absent_fields_are_null_and_unknown_ones_are_ignored() -> None:
    assert row('"other": [1, {"deep": null}], "i": 5') == {
        "id": None, "i": 5, "f": None, "b": None, "at": None, "must": "m", "ts": 1000,
    }  # fmt: skip


def test_null_is_null_and_of_a_name_that_stands_twice_the_last_counts() -> None:
    assert row('"i": null')["i"] is None
    assert row('"i": "wrong", "i": 7')["i"] == 7


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("-0", 0), ("7", 7), ("-7", -7), (str(INT64_MAX), INT64_MAX), (str(INT64_MIN), INT64_MIN)],
)
def test_int64_is_a_whole_number(text: str, value: int) -> None:
    assert row(f'"i": {text}')["i"] == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0), ("1.5", 1.5), ("-2.5e-3", -0.0025), ("1E2", 100.0), ("0.1", 0.1), ("9007199254740993", 2.0**53),
        ("5e-324", 5e-324), ("2e-324", 0.0), ("1.7976931348623157e308", 1.7976931348623157e308), ("1e-999", 0.0),
    ],
)  # fmt: skip
def test_float64_is_the_nearest_double(text: str, value: float) -> None:
    assert bits(row(f'"f": {text}')["f"]) == bits(value)


@pytest.mark.parametrize("text", ["-0.0", "-0", "-0e5", "-1e-999"])
def test_minus_zero_becomes_zero(text: str) -> None:
    assert bits(row(f'"f": {text}')["f"]) == bits(0.0)


@pytest.mark.parametrize(("text", "value"), [("1500", 1500), ("1500.999", 1500), ("-1.5", -2), ("1.5e3", 1500), *[
    ("1700000000000.9999", 1_700_000_000_000), ("-1700000000000.00001", -1_700_000_000_001), ("-1e-999999999", -1),
    ("1e-" + "9" * 5_000, 0), ("0e" + "9" * 5_000, 0), ("1." + "9" * 5_000, 1), ("253402300799999.9999", TIME_MAX),
]])  # fmt: skip
def test_a_finer_time_is_floored(text: str, value: int) -> None:
    assert row(f'"at": {text}')["at"] == value


def test_strings_are_any_text() -> None:
    assert row('"id": "é\\u00e9\\ud83d\\ude00\\n"')["id"] == "éé😀\n"
    assert row('"id": ""')["id"] == ""


@pytest.mark.parametrize(
    "raw",
    [
        None, b"", b" ", b"{", b"{]", b"nonsense", b'{"ts": 1000,}', b"{'ts': 1000}", b'{"ts": 01}', b'{"ts": +1}',
        b'{"ts": .5}', b'{"ts": 1.}', b'{"ts": 1000} {}', b'\xef\xbb\xbf{"ts": 1000}', b'{"id": "\xff"}',
        b'{"id": "\x01"}',
        b'{"id": "\\x"}', b'{"id": "\\u12"}', b'{"id": "\xed\xa0\x80"}', b'{"f": NaN}', b'{"f": Infinity}',
        b'{"f": -Infinity}',
    ],
)  # fmt: skip
def test_what_is_not_json_is_so_called(raw: bytes | None) -> None:
    assert bad(raw) == "not json"


@pytest.mark.parametrize("raw", [b"[]", b"5", b'"text"', b"null", b"true"])
def test_json_that_is_no_object_is_not_json_for_a_row(raw: bytes) -> None:
    assert bad(raw) == "not json"


@pytest.mark.parametrize("text", ['"f": 1e309', '"f": -1e400', '"f": ' + "9" * 400, '"f": ' + "9" * 5000])
def test_a_number_beyond_float64_is_no_value(text: str) -> None:
    assert bad(f"{{{GOOD}, {text}}}".encode()) == "not json"


def test_half_a_surrogate_pair_is_no_text() -> None:
    assert bad(b'{"id": "\\ud83d"}') == "not json"
    assert bad(b'{"id": "\\ude00\\ud83d"}') == "not json"


@pytest.mark.parametrize(
    "text",
    [
        '"i": 1.0', '"i": 1e3', '"i": "1"', '"i": true', '"i": []', '"f": "1.5"', '"f": true', '"f": {}', '"b": 1',
        '"b": "true"', '"id": 5', '"id": true', '"id": []', '"at": "2013-01-01"', '"at": false', '"must": 5',
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_a_wrong_type(text: str) -> None:
    assert bad(f"{{{GOOD}, {text}}}".encode()) == "wrong type"


@pytest.mark.parametrize(
    "text",
    [
        f'"i": {INT64_MAX + 1}',
        f'"i": {INT64_MIN - 1}',
        '"i": ' + "9" * 5000,
        f'"at": {2**63}',
        '"at": 1e300',
        '"at": 1e999',
    ],
)
def test_a_whole_number_beyond_int64_is_out_of_range(text: str) -> None:
    assert bad(f"{{{GOOD}, {text}}}".encode()) == "out of range"


def test_thousands_of_digits_in_a_field_that_nobody_reads_do_no_harm() -> None:
    assert row('"other": ' + "9" * 5000)["must"] == "m"


def test_timestamps_are_those_of_the_years_1_to_9999() -> None:
    for time in (TIME_MIN, TIME_MAX):
        assert parse(SOURCE, f'{{"ts": {time}, "at": {time}, "must": "m"}}'.encode())["ts"] == time
    for time in (TIME_MIN - 1, TIME_MAX + 1):
        assert bad(f'{{"ts": {time}, "must": "m"}}'.encode()) == "out of range"
        assert bad(f'{{{GOOD}, "at": {time}}}'.encode()) == "out of range"
    assert row(f'"at": {TIME_MAX}.5')["at"] == TIME_MAX
    assert bad(f'{{{GOOD}, "at": {TIME_MIN}.5}}'.encode()) == "out of range"  # floored, it is of the year 0


def test_a_row_that_was_not_parsed_is_held_to_the_years_too() -> None:
    good = dict.fromkeys(("id", "i", "f", "b", "at")) | {"must": "m", "ts": 0}
    check_row(SOURCE, good)
    for name in ("ts", "at"):
        with pytest.raises(BadEvent, match="outside the years 1 to 9999"):
            check_row(SOURCE, {**good, name: TIME_MAX + 1})


@pytest.mark.parametrize("raw", [b"{}", b'{"ts": null, "must": "m"}', b'{"must": "m"}'])
def test_an_event_has_a_time(raw: bytes) -> None:
    assert bad(raw) == "missing time"


def test_an_event_may_be_ahead_of_its_record_by_max_ahead() -> None:
    raw = b'{"ts": 100000, "must": "m"}'
    assert parse(SOURCE, raw, 100_000)["ts"] == 100_000
    assert parse(SOURCE, raw, 40_000)["ts"] == 100_000
    assert bad(raw, 39_999) == "too far ahead"
    assert parse(SOURCE, raw, None)["ts"] == 100_000


@pytest.mark.parametrize("kafka_ms", [None, -1, 0, TIME_MAX])
def test_no_timestamp_of_its_sender_takes_a_record_beyond_the_wall_clock(kafka_ms: int | None) -> None:
    assert parse(SOURCE, b'{"ts": 60000, "must": "m"}', kafka_ms, 1000)["ts"] == 60_000
    with pytest.raises(BadEvent, match="too far ahead"):
        parse(SOURCE, f'{{"ts": {TIME_MAX}, "must": "m"}}'.encode(), kafka_ms, 1000)


def test_a_column_that_is_not_nullable_must_be_there() -> None:
    assert bad(b'{"ts": 1000}') == "missing value"
    assert bad(b'{"ts": 1000, "must": null}') == "missing value"


def test_the_first_reason_is_the_one_that_is_told() -> None:
    assert bad(b'{"i": "x"}') == "wrong type"  # before its missing time
    assert bad(b'{"ts": null}') == "missing time"  # before its missing value
    assert bad(f'{{"ts": {TIME_MAX + 1}}}'.encode(), 0) == "out of range"  # before too far ahead


def test_a_static_table_has_no_time_to_check() -> None:
    source = SourcePlan("t", None, None, None, SOURCE.columns[1:2], 1, 1, 0)
    assert parse(source, b'{"i": 5}') == {"i": 5}
    check_row(source, {"i": None}, 0)


def test_a_bad_event_has_one_of_the_codes_and_may_name_its_view() -> None:
    error = BadEvent("overflow", "add does not fit int64", "v")
    assert (str(error), error.view) == ("overflow: add does not fit int64", "v")
    assert set(CODES) >= {"not json", "wrong type", "out of range", "missing time", "missing key", "too far ahead"}
    with pytest.raises(AssertionError):
        BadEvent("sad", "it is")
