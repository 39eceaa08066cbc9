"""What both stores promise, on both."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from feast import FeatureStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from penstock.features.errors import PenstockError, RefusedError
from penstock.jobs.store.bulk import BulkStore
from penstock.jobs.store.clock import ABSENT
from penstock.jobs.store.columns import Columns
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import Batch, FeatureRow, ViewSchema
from tests.jobs.store import racing
from tests.jobs.store.projects import applied

FEATURES = (
    ("departures_1h", "int64"),
    ("delay_mean_1h", "float64"),
    ("last_tail", "string"),
    ("late", "bool"),
    ("seen", "timestamp"),
)
DEFAULTS = (0, None, None, None, None)
ORIGIN = ViewSchema("origin", (("origin", "string"),), FEATURES, DEFAULTS, "aa11")
CARRIER = ViewSchema("carrier", (("carrier", "int64"),), FEATURES[:2], DEFAULTS[:2], "bb22")
ROUTE = ViewSchema("route", (("origin", "string"), ("dest", "string")), FEATURES[:3], DEFAULTS[:3], "cc33")

FULL = (3, 0.1, "N1", True, 1_000)
HUGE = (-(2**63), -1.7976931348623157e308, "Zürich ✈ 東京\x00", False, -62_135_596_800_000)


def values(columns: Columns) -> list[tuple[Any, ...]]:
    """The rows, None for null."""
    lists = [
        [None if null else value for value, null in zip(column.values.tolist(), column.null, strict=True)]
        for column in columns.features
    ]
    return list(zip(*lists, strict=True))


def read(store: Any, schema: ViewSchema, *keys: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """t, seq and values of the keys."""
    (columns,) = store.read_rows([(schema, keys)])
    return [
        (t, seq, *row) for t, seq, row in zip(columns.t.tolist(), columns.seq.tolist(), values(columns), strict=True)
    ]


def test_rows_come_back_to_the_bit(project: Path) -> None:
    rows = [
        FeatureRow(("JFK",), 5, 1, FULL),
        FeatureRow(("",), -5, 2**62, (None,) * 5),
        FeatureRow(("東京",), 253_402_300_799_999, 0, HUGE),
    ]
    with open_store(project) as store:
        assert store.write_rows(ORIGIN, rows) == 3
        assert read(store, ORIGIN, *(row.key for row in rows)) == [(row.t, row.seq, *row.values) for row in rows]


def test_a_key_never_seen_has_the_defaults(project: Path) -> None:
    absent = (ABSENT, ABSENT, *DEFAULTS)
    with open_store(project) as store:
        assert read(store, ORIGIN, ("JFK",)) == [absent]  # the view has no row at all
        store.write_rows(ORIGIN, [FeatureRow(("JFK",), 5, 1, FULL)])
        assert read(store, ORIGIN, ("LAX",), ("JFK",), (None,), ("JFK",)) == [
            absent,
            (5, 1, *FULL),
            absent,
            (5, 1, *FULL),
        ]
        (columns,) = store.read_rows([(ORIGIN, [("LAX",), ("JFK",)])])
        assert columns.present.tolist() == [False, True]
        assert read(store, ORIGIN) == []


@pytest.mark.parametrize(
    ("first", "second", "wins"),
    [
        ((5, 1), (6, 0), True),
        ((5, 1), (5, 2), True),
        ((5, 1), (5, 1), False),
        ((5, 2), (5, 1), False),
        ((5, 1), (4, 9), False),
        ((-5, 1), (-4, 0), True),
        ((-4, 0), (-5, 9), False),
        ((-1, 5), (0, 0), True),
        ((0, 2**31), (0, 2**31 + 1), True),
        ((0, 2**53), (0, 2**53 + 1), True),
        ((2**40, 0), (2**40 + 1, 0), True),
        ((5, 255), (5, 256), True),
    ],
)
def test_the_greater_clock_wins(project: Path, first: tuple[int, int], second: tuple[int, int], wins: bool) -> None:
    with open_store(project) as store:
        assert store.write_rows(CARRIER, [FeatureRow((1,), *first, (1, 1.0))]) == 1
        assert store.write_rows(CARRIER, [FeatureRow((1,), *second, (2, 2.0))]) == int(wins)
        assert read(store, CARRIER, (1,)) == [(*second, 2, 2.0) if wins else (*first, 1, 1.0)]


def write(store: BulkStore, t: int, seq: int, batch: Batch | None, count: int) -> int:
    row = [FeatureRow((1,), t, seq, (count, None))]
    return store.write_batch(CARRIER, row, batch) if batch else store.write_rows(CARRIER, row)


@pytest.mark.parametrize(
    ("first", "second", "wins"),
    [
        ((5, 0, Batch(100, 9)), (5, 0, Batch(101, 9)), True),  # corrected values
        ((5, 0, Batch(101, 9)), (5, 0, Batch(100, 9)), False),
        ((5, 0, Batch(100, 9)), (5, 0, Batch(100, 9)), False),
        ((5, 0, Batch(100, 9)), (5, 0, Batch(100, 10)), True),  # the same row, known to hold for longer
        ((5, 0, Batch(100, 9)), (3, 0, Batch(101, 5)), True),  # the event at 5 is gone
        ((5, 0, Batch(100, 9)), (3, 0, Batch(101, 4)), False),  # of 5 the later one says nothing
        ((3, 0, Batch(101, 9)), (9, 0, Batch(100, 20)), False),
        ((3, 0, Batch(101, 9)), (10, 0, Batch(100, 20)), True),
        ((5, 1, None), (5, 0, Batch(101, 9)), False),  # the stream's row of the same time
        ((5, 1, None), (4, 0, Batch(101, 9)), False),
        ((5, 1, None), (6, 0, Batch(101, 9)), True),
        ((5, 0, Batch(101, 9)), (5, 1, None), True),
        ((5, 0, Batch(101, 9)), (4, 1, None), False),
        ((-5, 0, Batch(2**40, -1)), (-6, 0, Batch(2**40 + 1, -1)), True),
        ((5, 0, None), (5, 0, Batch(1, 9)), True),  # a row that an earlier version wrote
        ((5, 0, Batch(1, 9)), (5, 0, None), False),
    ],
)
def test_of_two_rows_of_batch_the_later_generation_wins(
    project: Path, first: tuple[int, int, Batch | None], second: tuple[int, int, Batch | None], wins: bool
) -> None:
    with open_store(project) as store:
        assert write(store, *first, 1) == 1
        assert write(store, *second, 2) == int(wins)
        kept, count = (second, 2) if wins else (first, 1)
        assert read(store, CARRIER, (1,)) == [(*kept[:2], count, None)]


def test_keys_that_batch_has_no_row_of_any_more_get_the_values_over_nothing(project: Path) -> None:
    rows = [
        (1, 5, 0, Batch(100, 9)),
        (2, 9, 0, Batch(100, 9)),
        (3, 5, 1, None),
        (4, 5, 0, Batch(102, 9)),
        (5, 5, 0, None),
    ]
    with open_store(project) as store:
        assert store.empty_others(CARRIER, Batch(1, 1)) == (0, 0)
        for key, t, seq, batch in rows:
            row = [FeatureRow((key,), t, seq, (key, 0.5))]
            assert (store.write_batch(CARRIER, row, batch) if batch else store.write_rows(CARRIER, row)) == 1
        assert store.write_batch(CARRIER, [FeatureRow((6,), 5, 0, (6, 0.5))], Batch(101, 8)) == 1
        assert store.empty_others(CARRIER, Batch(101, 8)) == (2, 1)
        keys = [(key,) for key in range(1, 7)]
        expected = [(5, 0, 0, None), (9, 0, 2, 0.5), (5, 1, 3, 0.5), (5, 0, 4, 0.5), (5, 0, 0, None), (5, 0, 6, 0.5)]
        assert read(store, CARRIER, *keys) == expected
        assert store.write_batch(CARRIER, [FeatureRow((1,), 5, 0, (1, 0.5))], Batch(100, 9)) == 0
        assert store.empty_others(CARRIER, Batch(101, 8)) == (0, 1)


def test_within_a_batch_too(project: Path) -> None:
    clocks = [(1, 1), (3, 1), (2, 1), (3, 2), (3, 0)]
    rows = [FeatureRow((7,), t, seq, (place, None)) for place, (t, seq) in enumerate(clocks)]
    with open_store(project) as store:
        assert store.write_rows(CARRIER, rows) == 3
        assert read(store, CARRIER, (7,)) == [(3, 2, 3, None)]
        assert store.write_rows(CARRIER, rows) == 0  # delivered again
        assert read(store, CARRIER, (7,)) == [(3, 2, 3, None)]
        assert store.write_rows(CARRIER, []) == 0


def test_a_null_replaces_a_value(project: Path) -> None:
    with open_store(project) as store:
        store.write_rows(ORIGIN, [FeatureRow(("JFK",), 1, 1, FULL)])
        store.write_rows(ORIGIN, [FeatureRow(("JFK",), 2, 1, (None,) * 5)])
        assert read(store, ORIGIN, ("JFK",)) == [(2, 1, *(None,) * 5)]


def test_many_views_in_one_read(project: Path) -> None:
    with open_store(project) as store:
        store.write_rows(ORIGIN, [FeatureRow(("JFK",), 1, 1, FULL)])
        store.write_rows(ROUTE, [FeatureRow(("JFK", "LAX"), 2, 2, FULL[:3])])
        store.write_rows(CARRIER, [FeatureRow((-1,), 3, 3, FULL[:2])])
        origins = [("JFK",), ("LAX",)]
        twin = ViewSchema("twin", ORIGIN.key, FEATURES[:2], DEFAULTS[:2], "dd44")  # the same entity
        store.write_rows(twin, [FeatureRow(("LAX",), 4, 4, (9, 9.5))])
        results = store.read_rows(
            [(ORIGIN, origins), (ROUTE, [("LAX", "JFK"), ("JFK", "LAX")]), (twin, origins), (CARRIER, [(-1,)])]
        )
        assert [columns.t.tolist() for columns in results] == [[1, ABSENT], [ABSENT, 2], [ABSENT, 4], [3]]
        assert values(results[1]) == [DEFAULTS[:3], FULL[:3]]
        assert values(results[2]) == [DEFAULTS[:2], (9, 9.5)]
        assert [columns.schema for columns in results] == [ORIGIN, ROUTE, twin, CARRIER]


def test_more_rows_than_fit_one_message_or_statement(project: Path) -> None:
    count = 17_000
    with open_store(project) as store:
        assert store.write_rows(CARRIER, [FeatureRow((k,), k, 0, (k, k / 7)) for k in range(count)]) == count
        keys = [(k,) for k in reversed(range(count + 1))]
        (columns,) = store.read_rows([(CARRIER, keys)])
    assert columns.t.tolist() == [ABSENT, *reversed(range(count))]
    assert columns.features[1].values.tolist()[1:] == [k / 7 for k in reversed(range(count))]


def test_another_definition_is_refused_and_both_are_named(project: Path) -> None:
    changed = ViewSchema(ORIGIN.name, ORIGIN.key, FEATURES, DEFAULTS, "ff66")
    with open_store(project) as store:
        store.write_rows(ORIGIN, [FeatureRow(("JFK",), 1, 1, FULL)])
    with open_store(project) as store:
        for attempt in (
            lambda: store.write_rows(changed, [FeatureRow(("JFK",), 2, 1, FULL)]),
            lambda: store.read_rows([(changed, [("JFK",)])]),
        ):
            with pytest.raises(RefusedError) as error:
                attempt()
            assert "aa11" in str(error.value)
            assert "ff66" in str(error.value)
        assert read(store, ORIGIN, ("JFK",)) == [(1, 1, *FULL)]


def test_a_value_that_does_not_fit_writes_nothing(project: Path) -> None:
    with open_store(project) as store:
        with pytest.raises(PenstockError, match="not float64"):
            store.write_rows(CARRIER, [FeatureRow((1,), 1, 1, (1, 1.0)), FeatureRow((2,), 1, 1, (1, "x"))])
        assert read(store, CARRIER, (1,)) == [(ABSENT, ABSENT, 0, None)]


def online(feast: FeatureStore, schema: ViewSchema, *keys: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """What ``get_online_features`` serves, timestamps in whole seconds."""
    names = [name for name, _ in schema.key]
    response = feast.get_online_features(
        [f"{schema.name}:{name}" for name in schema.feature_names], [dict(zip(names, key, strict=True)) for key in keys]
    ).to_dict()
    rows = zip(*(response[name] for name in schema.feature_names), strict=True)
    return [tuple(int(v.timestamp()) if isinstance(v, datetime) else v for v in row) for row in rows]


def in_seconds(schema: ViewSchema, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row as Feast sees it: its timestamps have whole seconds."""
    return tuple(
        v // 1000 if type == "timestamp" and v is not None else v
        for (_, type), v in zip(schema.features, row, strict=True)
    )


ROWS: dict[tuple[str], tuple[Any, ...]] = {
    ("JFK",): FULL,
    ("",): (None,) * 5,
    ("東京",): HUGE,
    ("a b",): (2**63 - 1, 5e-324, "", True, 253_402_300_799_000),
    ("c",): (0, -0.0, "x" * 300, False, 0),
    ("d",): (-1, 0.1 + 0.2, "\n", None, -1_000),
    ("e",): (128, None, None, False, 86_400_123),
}


def test_get_online_features_serves_what_the_bulk_read_does(project: Path) -> None:
    feast = applied(project, ORIGIN, ROUTE)
    with open_store(project) as store:
        store.write_rows(ORIGIN, [FeatureRow(key, 1_000, 1, row) for key, row in ROWS.items()])
        assert repr([row[2:] for row in read(store, ORIGIN, *ROWS)]) == repr(list(ROWS.values()))
        assert repr(online(feast, ORIGIN, *ROWS)) == repr([in_seconds(ORIGIN, row) for row in ROWS.values()])
        routes = {("JFK", "LAX"): FULL[:3], ("LAX", "JFK"): HUGE[:3], ("", "é"): (None, 2.5, None)}
        store.write_rows(ROUTE, [FeatureRow(key, 1_000, 1, row) for key, row in routes.items()])
        assert (
            [row[2:] for row in read(store, ROUTE, *routes)] == online(feast, ROUTE, *routes) == list(routes.values())
        )


def test_lists_come_back_from_the_store_and_from_feast(project: Path) -> None:
    types = ("int64", "float64", "string", "bool", "timestamp")
    features = tuple((f"last_{type}", f"list<{type}>") for type in types)
    schema = ViewSchema("listed", (("origin", "string"),), features, ((),) * 5, "aa22")
    rows = {
        ("JFK",): ([1, -(2**63)], [-0.0, 5e-324], ["", "é\x00"], [True, False], [1_000, -5_000]),
        ("LAX",): ([], [], [], [], []),
    }
    feast = applied(project, schema)
    with open_store(project) as store:
        store.write_rows(schema, [FeatureRow(key, 5, 1, row) for key, row in rows.items()])
        assert repr([row[2:] for row in read(store, schema, *rows, ("SFO",))]) == repr([*rows.values(), rows[("LAX",)]])
        served = online(feast, schema, *rows)
    assert repr([row[:4] for row in served]) == repr([row[:4] for row in rows.values()])


def test_views_applied_after_rows_were_written(project: Path) -> None:
    with open_store(project) as store:
        store.write_rows(CARRIER, [FeatureRow((5,), 1_000, 1, (7, 0.5))])
        feast = applied(project, CARRIER)
        assert online(feast, CARRIER, (5,)) == [(7, 0.5)]
        assert read(store, CARRIER, (5,)) == [(1_000, 1, 7, 0.5)]


def frame(t: int, count: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "carrier": [1],
            "departures_1h": [count],
            "delay_mean_1h": [count / 8],
            "event_timestamp": [pd.Timestamp(t, unit="ms", tz="UTC")],
        }
    )


def test_feasts_own_writes_are_compared_too(project: Path) -> None:
    feast = applied(project, CARRIER)
    with open_store(project) as store:
        feast.write_to_online_store("carrier", frame(1_001, 1))
        assert read(store, CARRIER, (1,)) == [(1_001, 0, 1, 0.125)]
        feast.write_to_online_store("carrier", frame(1_000, 2))  # a millisecond older, in the same second
        assert read(store, CARRIER, (1,)) == [(1_001, 0, 1, 0.125)]
        store.write_rows(CARRIER, [FeatureRow((1,), 1_002, 1, (3, 3.0))])
        feast.write_to_online_store("carrier", frame(1_002, 4))  # seq 0 at the same time
        assert read(store, CARRIER, (1,)) == [(1_002, 1, 3, 3.0)]
        feast.write_to_online_store("carrier", frame(1_003, 5))
        assert online(feast, CARRIER, (1,)) == [(5, 0.625)]
        time.sleep(0.002)
        feast.write_to_online_store("carrier", frame(1_003, 6))  # corrected
        assert online(feast, CARRIER, (1,)) == [(6, 0.75)]


def test_writes_of_batch_are_counted_by_view(project: Path) -> None:
    feast = applied(project, CARRIER, ORIGIN)
    with open_store(project) as store:
        assert store.batches(["carrier", "origin"]) == [0, 0]
        store.write_rows(ORIGIN, [FeatureRow(("JFK",), 1, 1, FULL)])  # the writer's rows are in a topic
        assert store.batches(["carrier", "origin"]) == [0, 0]
        store.note_batch("origin")
        feast.write_to_online_store("carrier", frame(1_001, 1))
        feast.write_to_online_store("carrier", frame(1_000, 1))
        assert store.batches(["carrier", "nothing", "origin"]) == [2, 0, 1]
    feast.teardown()
    with open_store(project) as store:
        assert store.batches(["carrier", "origin"]) == [0, 0]


def test_a_row_of_feast_that_leaves_a_feature_out_mixes_nothing(project: Path) -> None:
    feast = applied(project, CARRIER)
    key = EntityKey(join_keys=["carrier"], entity_values=[Value(int64_val=1)])
    view = feast.get_feature_view("carrier")
    with open_store(project) as store:
        store.write_rows(CARRIER, [FeatureRow((1,), 1_000, 1, (7, 0.5))])
        row = (key, {"departures_1h": Value(int64_val=8)}, datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC), None)
        feast._get_provider().online_write_batch(feast.config, view, [row], None)
        assert read(store, CARRIER, (1,)) == [(2_000, 0, 8, None)]


def test_a_dropped_view_is_forgotten(project: Path) -> None:
    feast = applied(project, CARRIER, ORIGIN)
    with open_store(project) as store:
        store.write_rows(CARRIER, [FeatureRow((1,), 1_000, 1, (7, 0.5))])
        store.write_rows(ORIGIN, [FeatureRow(("JFK",), 1_000, 1, FULL)])
    feast.apply([], objects_to_delete=[feast.get_feature_view("carrier")], partial=False)
    changed = ViewSchema("carrier", CARRIER.key, FEATURES[:3], DEFAULTS[:3], "ee55")
    with open_store(project) as store:
        assert store.write_rows(changed, [FeatureRow((1,), 500, 1, (1, 0.25, "N1"))]) == 1
        assert read(store, changed, (1,)) == [(500, 1, 1, 0.25, "N1")]
        assert read(store, ORIGIN, ("JFK",)) == [(1_000, 1, *FULL)]


def test_a_teardown_leaves_nothing(project: Path) -> None:
    feast = applied(project, CARRIER)
    with open_store(project) as store:
        store.write_rows(CARRIER, [FeatureRow((1,), 1_000, 1, (7, 0.5))])
    feast.teardown()
    with open_store(project) as store:
        assert read(store, CARRIER, (1,)) == [(ABSENT, ABSENT, 0, None)]


def test_processes_that_race(project: Path) -> None:
    """Two writers with interleaved older and newer rows, one reader: no torn row, and the greatest clock stays."""
    assert racing.race(project) == [0, 0, 0]
    expected = racing.newest()
    with open_store(project) as store:
        found = read(store, racing.SCHEMA, *expected)
    assert found == [(row.t, row.seq, *row.values) for row in expected.values()]
