"""Stores of Feast's own, PostgreSQL and SQLite: the same rows back, and what is promised without compare-and-set."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.features.errors import RefusedError
from penstock.jobs.store.clock import pack_batch_clock, wins
from penstock.jobs.store.feast_store import FeastStore
from penstock.jobs.store.open import open_store
from penstock.jobs.store.patience import Patience
from penstock.jobs.store.rows import Batch, FeatureRow, ViewSchema
from tests.jobs.store.projects import FEAST_TYPES, applied
from tests.postgres_server import PostgresServer

TYPES = ("int64", "float64", "string", "bool", "timestamp", "list<float64>", "list<string>", "list<timestamp>")
SCHEMA = ViewSchema(
    "v",
    (("k", "string"), ("n", "int64")),
    (*((f"f{place}", type) for place, type in enumerate(TYPES)), ("e", "float32[2]")),
    (0, *(None,) * len(TYPES)),
    "0123",
)
VALUES = (7, 0.1, "é", True, 1_700_000_000_123, [1.5, 0.1], ["", "a"], [1_001, -1], [0.10000000149011612, -2.0])
KEY, OTHER = ("a", 5), ("b", -(2**63))


def project(folder: Path, store: str) -> Path:
    folder.mkdir()
    text = f"project: shop\nprovider: local\nregistry: {folder}/registry.db\nonline_store:\n{store}\n"
    more = "offline_store:\n  type: file\nentity_key_serialization_version: 3\n"
    (folder / "feature_store.yaml").write_text(text + more)
    return folder


@pytest.fixture(params=["postgres", "sqlite"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project on each store in turn; the database of PostgreSQL is emptied by a name of its own."""
    if request.param == "sqlite":
        return project(tmp_path / "shop", "  type: sqlite\n  path: online.db")
    server: PostgresServer = request.getfixturevalue("postgres")
    return project(tmp_path / "shop", f"{server.store}\n  db_schema: {unique_schema(tmp_path)}")


def unique_schema(path: Path) -> str:
    return f"s{abs(hash(str(path)))}"


@pytest.fixture
def store(folder: Path) -> Iterator[FeastStore]:
    with open_store(folder) as opened:
        assert isinstance(opened, FeastStore)
        yield opened


def row(t: int, seq: int, n: int = 7, key: tuple[Any, ...] = KEY) -> FeatureRow:
    return FeatureRow(key, t, seq, (n, *VALUES[1:]))


def held(store: FeastStore, *keys: tuple[Any, ...]) -> list[tuple[int, int, int] | None]:
    """t, seq and the first feature of each key."""
    (columns,) = store.read_rows([(SCHEMA, keys or [KEY])])
    found = zip(columns.present.tolist(), columns.t.tolist(), columns.seq.tolist(), columns["f0"].values, strict=True)
    return [(t, seq, int(n)) if there else None for there, t, seq, n in found]


def test_rows_come_back_with_their_bits(store: FeastStore) -> None:
    assert store.write_rows(SCHEMA, [row(1_700_000_000_123, 3), FeatureRow(OTHER, -5, 1, (None,) * 9)]) == 2
    (columns,) = store.read_rows([(SCHEMA, [OTHER, KEY, ("nobody", 0), (None, 1), KEY])])
    assert columns.present.tolist() == [True, True, False, False, True]
    assert columns.t.tolist()[:2] == [-5, 1_700_000_000_123] and columns.seq.tolist()[:2] == [1, 3]
    assert [feature.values[1].tolist() if name == "e" else feature.values[1] for name, feature in
            ((each.name, each) for each in columns.features)] == list(VALUES)  # fmt: skip
    assert all(feature.null[0] for feature in columns.features)
    assert columns["f0"].values[2] == 0 and not columns["f0"].null[2]


def test_the_greater_clock_wins_in_any_order(store: FeastStore) -> None:
    assert store.write_rows(SCHEMA, [row(1_500, 2, 1)]) == 1
    # within one second, by which Feast's own stores cannot tell rows apart
    assert store.write_rows(SCHEMA, [row(1_400, 9, 2)]) == 0
    assert store.write_rows(SCHEMA, [row(1_500, 2, 3)]) == 0
    assert store.write_rows(SCHEMA, [row(1_500, 3, 4), row(7, 1, 5, OTHER)]) == 2
    assert held(store, KEY, OTHER) == [(1_500, 3, 4), (7, 1, 5)]


def test_clocks_tell_a_keys_rows_apart(store: FeastStore) -> None:
    clocks = []
    for seq in (2, 3):
        store.write_rows(SCHEMA, [row(1_500, seq)])
        ((clock, none),) = store.read_clocks([(SCHEMA, [KEY, OTHER])])
        assert clock and not none
        clocks.append(clock)
    assert clocks[0] != clocks[1]


def test_of_batches_the_later_one_decides_and_none_goes_before_the_stream(store: FeastStore) -> None:
    assert store.write_batch(SCHEMA, [row(100, 0, 1)], Batch(50, 200)) == 1
    assert store.write_batch(SCHEMA, [row(150, 0, 2)], Batch(40, 200)) == 0
    assert store.write_batch(SCHEMA, [row(90, 0, 3)], Batch(60, 200)) == 1
    assert store.write_rows(SCHEMA, [row(95, 1, 4)]) == 1
    assert store.write_batch(SCHEMA, [row(94, 0, 5)], Batch(70, 200)) == 0
    assert held(store) == [(95, 1, 4)]
    assert store.empty_others(SCHEMA, Batch(80, 300)) == (0, 0)
    assert store.batches(["v", "w"]) == [0, 0]
    store.note_batch("v")
    store.note_batch("v")
    assert store.batches(["v", "w"]) == [2, 0]


def test_an_erased_key_has_no_row_until_the_next_one(store: FeastStore) -> None:
    store.write_rows(SCHEMA, [row(1_000, 5), row(1_000, 5, key=OTHER)])
    store.erase_rows([(SCHEMA, [KEY, ("nobody", 1)])])
    assert held(store, KEY, OTHER) == [None, (1_000, 5, 7)]
    assert store.write_rows(SCHEMA, [row(10, 1, 2)]) == 1
    assert held(store) == [(10, 1, 2)]


def test_rows_of_another_definition_are_refused(folder: Path, store: FeastStore) -> None:
    store.write_rows(SCHEMA, [row(1, 1)])
    other = replace(SCHEMA, fingerprint="4567")
    with open_store(folder) as another, pytest.raises(RefusedError, match="another definition: fingerprint 0123"):
        another.read_rows([(other, [KEY])])


def test_feast_reads_the_rows_and_its_own_are_taken(folder: Path, store: FeastStore) -> None:
    schema = replace(SCHEMA, features=(("f0", "int64"), ("f1", "float64")), defaults=(0, None))
    assert set(FEAST_TYPES) >= {"int64", "float64"}
    feast = applied(folder, schema)
    store.write_rows(schema, [FeatureRow(KEY, 5_000, 1, (7, 0.1))])
    asked = {"features": ["v:f0", "v:f1"], "entity_rows": [{"k": "a", "n": 5}, {"k": "b", "n": 1}]}
    assert feast.get_online_features(**asked).to_dict()["f1"] == [0.1, None]
    from datetime import UTC, datetime

    import pandas as pd

    moment = datetime(2030, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)
    feast.write_to_online_store(
        "v", pd.DataFrame({"k": ["b"], "n": [1], "f0": [3], "f1": [0.5], "event_timestamp": [moment]})
    )
    (columns,) = store.read_rows([(schema, [("b", 1), KEY])])
    assert columns["f0"].values.tolist() == [3, 7] and columns.seq.tolist() == [0, 1]
    assert abs(int(columns.t[0]) - 1_893_456_000_250) <= 250


def test_opening_says_what_is_not_promised(folder: Path) -> None:
    told: list[str] = []
    with open_store(folder, told.append):
        pass
    (line,) = told
    assert line.startswith("warning: ") and "has no compare-and-set" in line and "secret" not in line


def test_a_server_that_was_restarted_is_asked_anew(postgres: PostgresServer, tmp_path: Path) -> None:
    told: list[str] = []
    folder = project(tmp_path / "shop", f"{postgres.store}\n  db_schema: {unique_schema(tmp_path)}")
    with open_store(folder) as store:
        store.wait_while_away(Patience(threading.Event(), told.append))
        store.write_rows(SCHEMA, [row(1, 1)])
        postgres.stop()
        again = threading.Timer(0.3, postgres.restart)
        again.start()
        (columns,) = store.read_rows([(SCHEMA, [KEY])])
        again.join()
        assert columns.present.tolist() == [True] and store.write_rows(SCHEMA, [row(2, 1)]) == 1
    assert "does not answer as it should" in told[0] and "secret" not in told[0]
    assert told[-1].startswith("the store answers again")


CLOCK = st.tuples(st.integers(-2, 2), st.sampled_from([0, 0, 1, 2]), st.integers(0, 3), st.integers(-2, 3))


@given(CLOCK, CLOCK)
def test_which_row_wins_is_told_as_the_other_stores_tell_it(new: Any, old: Any) -> None:
    """The rule of ``formats.md``, once more: the greater (t, seq); of two rows of batch the generation, up to until."""
    (t, seq, generation, until), (t0, seq0, generation0, until0) = (
        (t, seq, 0 if seq else generation, 0 if seq or not generation else until)
        for t, seq, generation, until in (new, old)
    )
    expected = (t, seq, until) > (t0, seq0, until0)
    if not seq and not seq0 and generation != generation0:
        expected = t0 <= until if generation > generation0 else t > until0
    clocks = pack_batch_clock(t, seq, generation, until), pack_batch_clock(t0, seq0, generation0, until0)
    assert wins(*clocks) == expected
