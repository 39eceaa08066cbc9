"""Rows as Feast hands them over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from penstock.jobs.store.keys import encode_keys
from penstock.jobs.store.protos import encode_feast_rows
from penstock.jobs.store.rows import ViewSchema
from tests.jobs.store.projects import feature_view

SCHEMA = ViewSchema("view", (("k", "string"),), (("a", "int64"), ("b", "bool")), (0, None), "f")
KEY = EntityKey(join_keys=["k"], entity_values=[Value(string_val="x")])


def test_keys_and_values_have_the_same_bytes_as_ours() -> None:
    rows = encode_feast_rows(feature_view(SCHEMA), [(KEY, {"a": Value(int64_val=3)}, datetime(1970, 1, 2), None)], 3)
    assert rows.keys == encode_keys(SCHEMA, [("x",)])
    assert dict(zip(rows.names, rows.columns, strict=True)) == {
        "a": [Value(int64_val=3).SerializeToString()],
        "b": [b""],
    }
    assert (rows.t, rows.seq) == ([86_400_000], [0])


def test_times_are_floored_to_milliseconds_utc() -> None:
    times = [
        datetime(1970, 1, 1, 0, 0, 1, 999, UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999),
        datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
    ]
    rows = encode_feast_rows(feature_view(SCHEMA), [(KEY, {}, time, None) for time in times], 3)
    assert rows.t == [1000, -1, 0]
