"""Bytes by hand against protobuf's own."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pytest
from feast.protos.feast.types.Value_pb2 import BoolList, DoubleList, Int64List, StringList, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.features.errors import PenstockError
from penstock.jobs.store.encoding import decode_column, encode_column

INT64 = st.integers(-(2**63), 2**63 - 1)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int64": INT64 | st.integers(-300, 20_000),
    "float64": st.floats(allow_nan=False),
    "string": st.text(max_size=300),
    "bool": st.booleans(),
    "timestamp": INT64,
}
FIELDS = {"int64": "int64_val", "float64": "double_val", "string": "string_val", "bool": "bool_val"}
LISTS = {
    "list<int64>": ("int64_list_val", Int64List),
    "list<float64>": ("double_list_val", DoubleList),
    "list<string>": ("string_list_val", StringList),
    "list<bool>": ("bool_list_val", BoolList),
}
VALUES |= {f"list<{type}>": st.lists(values, max_size=5) for type, values in VALUES.items()}


#: Hypothesis builds its table of Unicode at the first text.
patient = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


def columns(*types: str) -> st.SearchStrategy[tuple[str, list[Any]]]:
    """A type and a column of it with nulls."""
    return st.sampled_from(types).flatmap(
        lambda type: st.tuples(st.just(type), st.lists(st.none() | VALUES[type], max_size=20))
    )


def bits(value: Any) -> Any:
    """Equal only for the same bits."""
    if isinstance(value, list):
        return [bits(each) for each in value]
    return struct.pack("<d", value) if isinstance(value, float) else value


@patient
@given(columns(*FIELDS))
def test_bytes_are_those_of_protobuf(column: tuple[str, list[Any]]) -> None:
    type, values = column
    expected = [(Value() if v is None else Value(**{FIELDS[type]: v})).SerializeToString() for v in values]
    assert encode_column(type, values, where="x") == expected


@patient
@given(columns(*LISTS))
def test_bytes_of_lists_are_those_of_protobuf(column: tuple[str, list[Any]]) -> None:
    type, values = column
    field, message = LISTS[type]
    expected = [(Value() if v is None else Value(**{field: message(val=v)})).SerializeToString() for v in values]
    assert encode_column(type, values, where="x") == expected


@given(st.lists(st.lists(INT64, max_size=5), max_size=5))
def test_protobuf_reads_whole_seconds_of_listed_timestamps(lists: list[list[int]]) -> None:
    cells = encode_column("list<timestamp>", lists, where="x")
    read = [list(Value.FromString(cell).unix_timestamp_list_val.val) for cell in cells]
    assert read == [[t // 1000 for t in times] for times in lists]


@given(st.lists(INT64, max_size=20))
def test_protobuf_reads_whole_seconds_of_a_timestamp(times: list[int]) -> None:
    cells = encode_column("timestamp", times, where="x")
    assert [Value.FromString(cell).unix_timestamp_val for cell in cells] == [t // 1000 for t in times]


@given(st.integers(-(2**53), 2**53))
def test_a_timestamp_of_whole_seconds_has_the_bytes_of_protobuf(seconds: int) -> None:
    (cell,) = encode_column("timestamp", [seconds * 1000], where="x")
    assert cell == Value(unix_timestamp_val=seconds).SerializeToString()


@patient
@given(columns(*VALUES))
def test_decoding_gives_back_every_bit(column: tuple[str, list[Any]]) -> None:
    type, values = column
    decoded, null = decode_column(type, encode_column(type, values, where="x"), where="x")
    assert null.tolist() == [value is None for value in values]
    assert [bits(v) for v, n in zip(decoded.tolist(), null, strict=True) if not n] == [
        bits(v) for v in values if v is not None
    ]


@pytest.mark.parametrize(
    ("type", "dtype", "under_null"),
    [
        ("float64", np.float64, math.nan),
        ("int64", np.int64, 0),
        ("timestamp", np.int64, 0),
        ("bool", np.bool_, False),
        ("string", object, None),
        ("list<int64>", object, None),
    ],
)
def test_what_lies_under_a_null(type: str, dtype: Any, under_null: Any) -> None:
    values, null = decode_column(type, [None, b""], where="x")
    assert values.dtype == dtype
    assert null.tolist() == [True, True]
    assert [bits(v) for v in values.tolist()] == [bits(under_null)] * 2


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("int64", 2**63),
        ("int64", 1.5),
        ("float64", "1"),
        ("string", 3),
        ("string", "\ud800"),
        ("timestamp", 2**73),
        ("list<int64>", [2**63]),
        ("list<float64>", ["1"]),
        ("list<string>", [3]),
        ("list<timestamp>", 5),
    ],
)
def test_a_value_of_another_type_is_named(type: str, value: Any) -> None:
    with pytest.raises(PenstockError, match=f"not {type}") as error:
        encode_column(type, [None, value], where="view.feature")
    assert error.value.where == "view.feature"


@pytest.mark.parametrize("type", list(VALUES))
def test_bytes_of_another_type_are_refused(type: str) -> None:
    other = Value(bytes_val=b"12345678901234567890").SerializeToString()
    with pytest.raises(PenstockError, match=f"not {type}"):
        decode_column(type, [other], where="view.feature")


@pytest.mark.parametrize("type", list(VALUES))
def test_no_cells(type: str) -> None:
    values, null = decode_column(type, [], where="x")
    assert len(values) == len(null) == 0
