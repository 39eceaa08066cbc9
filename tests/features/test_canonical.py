import hashlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.features.canonical import canonical_json, fingerprint


def test_keys_are_sorted_and_white_space_is_none() -> None:
    assert canonical_json({"b": [1, 2.0, None], "a": {"d": True, "c": "x y"}}) == (
        '{"a":{"c":"x y","d":true},"b":[1,2.0,null]}'
    )


def test_text_is_raw_utf8() -> None:
    assert canonical_json("é😀\n") == '"é😀\\n"'


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_value_is_no_json(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_doubles_read_back_to_the_same_bits(value: float) -> None:
    assert json.loads(canonical_json(value)).hex() == value.hex()


@given(st.dictionaries(st.text(), st.integers()))
def test_the_order_of_writing_makes_no_difference(value: dict[str, int]) -> None:
    backwards = dict(reversed(value.items()))
    assert canonical_json(backwards) == canonical_json(value)


def test_the_fingerprint_is_the_sha256_of_the_text() -> None:
    text = canonical_json({"a": "é"})
    assert fingerprint(text) == hashlib.sha256(text.encode("utf-8")).hexdigest()
    assert len(fingerprint(text)) == 64
