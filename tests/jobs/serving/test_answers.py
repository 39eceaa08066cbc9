"""Records that are sent."""

from __future__ import annotations

import base64

import orjson

from features.ingest import BadEvent
from jobs.serving.answers import dead_letter
from tests.jobs.serving.test_requests import record


def test_a_dead_letter_has_the_form_of_the_streams() -> None:
    value, headers = dead_letter("orders", record(b"\xffraw", 9, 2), BadEvent("not json", "bad byte"))
    assert headers == [("error", b"not json")]
    assert list(orjson.loads(value).items()) == [
        ("topic", "orders"),
        ("partition", 2),
        ("offset", 9),
        ("source", "orders"),
        ("view", None),
        ("error", "not json"),
        ("detail", "bad byte"),
        ("raw", base64.b64encode(b"\xffraw").decode()),
    ]


def test_a_record_without_a_value_has_no_raw_bytes() -> None:
    value, _ = dead_letter("orders", record(None), BadEvent("not json", "nothing"))
    assert orjson.loads(value)["raw"] == ""


def test_raw_bytes_that_no_record_can_hold_are_left_out_and_that_is_said() -> None:
    value, _ = dead_letter("orders", record(b"x" * 1_000_000, 4), BadEvent("not json", "long"))
    letter = orjson.loads(value)
    assert letter["raw"] is None and letter["offset"] == 4
    assert letter["detail"] == "long (1000000 raw bytes are too many to repeat)"
