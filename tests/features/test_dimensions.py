"""Vectors: their types, their rounding, and where a definition refuses them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import Table
from penstock.features.dimensions import MAX_DIMENSIONS, as_float32, dimensions, entries, kept_as
from penstock.features.plan import ViewPlan
from penstock.features.row_size import ROW_BYTES
from tests.features.written import refused


@pytest.mark.parametrize(
    ("type", "size"), [("float32[1]", 1), ("float32[64]", 64), (f"float32[{MAX_DIMENSIONS}]", 4096)]
)
def test_a_vector_s_type_has_its_length(type: str, size: int) -> None:
    assert dimensions(type) == size and kept_as(type) == "list<float32>"
    assert entries("e", type) == tuple(f"e.{place}" for place in range(size))


@pytest.mark.parametrize(
    "type", ["float32", "float32[]", "float32[0]", "float32[01]", "float32[4097]", "float64[3]", 5]
)
def test_anything_else_is_none(type: object) -> None:
    assert dimensions(type) is None


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64).filter(lambda x: abs(x) < 3.4e38)))
def test_elements_are_rounded_as_numpy_rounds_them(numbers: list[float]) -> None:
    expected = np.array(numbers, np.float32) + np.float32(0)
    assert struct.pack(f"{len(numbers)}d", *as_float32(numbers)) == expected.astype(np.float64).tobytes()


@pytest.mark.parametrize("number", [3.4028235677973366e38, -1e39, float("inf")])
def test_what_is_beyond_float32_is_an_error(number: float) -> None:
    with pytest.raises(OverflowError):
        as_float32([0.0, number])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Stream('s', topic='s', time='ts', columns=dict(e='float32[3]'))", "e of the stream s is a vector"),
        ("Table('t', history='t', key='e', columns=dict(e='float32[3]'))", "e cannot be a key: it is float32[3]"),
        ("Table('t', history='t', time='a', id='e', key='k', columns=dict(k='string', e='float32[3]'))",
         "the id column 'e' is a vector"),
        ("Table('t', history='t', key='k', columns=dict(k='string', e='float32[0]'))",
         "'float32[0]' is not a column type"),
        ("Table('t', history='t', key='k', columns=dict(k='string', e='float32[3]')).e.is_null()",
         "is_null does not take t.e, a vector (float32[3])"),
        ("Table('t', history='t', key='k', columns=dict(k='string', e='float32[3]')).e.cast('string')",
         "cast does not take t.e, a vector (float32[3])"),
        ("Table('t', history='t', key='k', columns=dict(k='string', e='float32[3]')).e == 1",
         "== does not take t.e, a vector (float32[3])"),
        ("header('e', 'float32[3]')", "a vector is not read from text"),
        ("record_key('float32[3]')", "a vector is not read from text"),
        ("column('float32[3]', cast='text')", "cast='text' says nothing of float32[3]"),
    ],
)  # fmt: skip
def test_where_no_vector_can_be_it_is_refused(tmp_path: Path, text: str, what: str) -> None:
    assert refused(tmp_path, text).what == what


def test_a_model_takes_a_vector_and_no_constraint_of_one(tmp_path: Path) -> None:
    table = "Table('t', history='t', key='k', columns=dict(k='string', e='float32[3]'))"
    stream = "Stream('s', topic='s', time='ts', columns=dict(k='string', y='float64'))"
    asked = "on=s, inputs=[t], label=s.y, output='o', objective='l2', monotone={'t.e': 1}"
    model = f"t = {table}\ns = {stream}\nModel('m', {asked})"
    assert refused(tmp_path, model).what == "monotone= of t.e, which is float32[3], is 1"


def test_a_row_of_vectors_has_room_in_a_record() -> None:
    def plan(count: int) -> ViewPlan:
        vectors = {f"e{i}": f"float32[{MAX_DIMENSIONS}]" for i in range(count)}
        return Table("t", history="t", key="k", columns={"k": "string", **vectors}).plan

    longest = len(str(as_float32([-1.0000000031710769e-30])[0])) + 2
    assert 7 * MAX_DIMENSIONS * longest < ROW_BYTES and plan(7).text_limit > 0
    with pytest.raises(Exception, match="the rows of t can be too large"):
        plan(8)
