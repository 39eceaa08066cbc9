"""What is SQLite's own: the file, its layout, threads, transactions."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from penstock.features.errors import PenstockError
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import Batch, FeatureRow, ViewSchema
from tests.jobs.store.projects import SQLITE, applied, make_project

SCHEMA = ViewSchema("sales", (("customer", "int64"),), (("n", "int64"), ("name", "string")), (0, None), "aa11")


@pytest.fixture
def sqlite_project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "own", SQLITE, "path: data/deep/online.db")


def database(project: Path) -> sqlite3.Connection:
    return sqlite3.connect(project / "data/deep/online.db")


def test_stock_feast_reads_the_same_file(sqlite_project: Path, tmp_path: Path) -> None:
    applied(sqlite_project, SCHEMA)
    with open_store(sqlite_project) as store:
        store.write_rows(SCHEMA, [FeatureRow((1,), 1_500, 1, (7, "é"))])
    stock = applied(make_project(tmp_path / "stock", "sqlite", f"path: {sqlite_project}/data/deep/online.db"), SCHEMA)
    response = stock.get_online_features(["sales:n", "sales:name"], [{"customer": 1}])
    assert response.to_dict() == {"customer": [1], "n": [7], "name": ["é"]}
    assert response.proto.results[1].event_timestamps[0].seconds == 1


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_the_event_time_is_right_in_every_zone(
    sqlite_project: Path, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        feast = applied(sqlite_project, SCHEMA)
        with open_store(sqlite_project) as store:
            store.write_rows(SCHEMA, [FeatureRow((1,), 1_383_350_400_000, 1, (7, None))])
        response = feast.get_online_features(["sales:n"], [{"customer": 1}])
        assert response.proto.results[1].event_timestamps[0].seconds == 1_383_350_400
    finally:
        monkeypatch.undo()
        time.tzset()


def test_rows_of_a_version_without_generations_are_the_oldest_of_batch(sqlite_project: Path) -> None:
    with open_store(sqlite_project) as store:
        store.write_rows(SCHEMA, [FeatureRow((1,), 5, 0, (7, "old")), FeatureRow((2,), 5, 1, (7, "streamed"))])
        with database(sqlite_project) as other:
            for column in ("generation", "until"):
                other.execute(f'ALTER TABLE "shop_sales:clock" DROP COLUMN {column}')
        assert store.write_rows(SCHEMA, [FeatureRow((3,), 5, 1, (7, "x"))]) == 1
        rows = [FeatureRow((key,), 5, 0, (8, "new")) for key in (1, 2)]
        assert store.write_batch(SCHEMA, rows, Batch(1, 5)) == 1
        (columns,) = store.read_rows([(SCHEMA, [(1,), (2,)])])
    assert columns["name"].values.tolist() == ["new", "streamed"]


def test_a_reader_does_not_wait_for_a_writer(sqlite_project: Path) -> None:
    with open_store(sqlite_project) as store:
        store.write_rows(SCHEMA, [FeatureRow((1,), 1, 1, (7, "old"))])
        other = database(sqlite_project)
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE shop_sales SET value = x''")
        started = time.monotonic()
        (columns,) = store.read_rows([(SCHEMA, [(1,)])])
        assert columns["name"].values.tolist() == ["old"]
        assert time.monotonic() - started < 5
        other.rollback()
        other.close()


def test_a_writer_waits_for_another(sqlite_project: Path) -> None:
    with open_store(sqlite_project) as store:
        store.write_rows(SCHEMA, [FeatureRow((1,), 1, 1, (7, "old"))])
        other = sqlite3.connect(sqlite_project / "data/deep/online.db", check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.3, other.commit)
        timer.start()
        assert store.write_rows(SCHEMA, [FeatureRow((1,), 2, 1, (8, "new"))]) == 1
        timer.join()
        other.close()


def test_threads_have_their_own_transactions(sqlite_project: Path) -> None:
    """A reader on another thread never sees half a batch."""
    torn: list[Any] = []
    done = threading.Event()
    with open_store(sqlite_project) as store:
        store.write_rows(SCHEMA, [FeatureRow((k,), 0, 0, (0, "0")) for k in range(50)])

        def look() -> None:
            while not done.is_set():
                (columns,) = store.read_rows([(SCHEMA, [(k,) for k in range(50)])])
                seen = (
                    set(columns.t.tolist()) | set(columns["n"].values.tolist()) | set(map(int, columns["name"].values))
                )
                if len(seen) != 1:
                    torn.append(seen)

        reader = threading.Thread(target=look)
        reader.start()
        for t in range(1, 60):
            store.write_rows(SCHEMA, [FeatureRow((k,), t, 0, (t, str(t))) for k in range(50)])
        done.set()
        reader.join()
    assert torn == []


def test_a_failed_batch_leaves_no_trace(sqlite_project: Path) -> None:
    with open_store(sqlite_project) as store:
        store.write_rows(SCHEMA, [FeatureRow((1,), 1, 1, (7, "old"))])
        with database(sqlite_project) as other:
            other.execute(
                "CREATE TRIGGER broken BEFORE UPDATE ON shop_sales BEGIN SELECT RAISE(ABORT, 'disk on fire'); END"
            )
        with pytest.raises(PenstockError, match="disk on fire"):
            store.write_rows(SCHEMA, [FeatureRow((2,), 2, 2, (8, "x")), FeatureRow((1,), 2, 2, (8, "new"))])
        (columns,) = store.read_rows([(SCHEMA, [(1,), (2,)])])
        assert columns.present.tolist() == [True, False]
        assert columns.t.tolist()[0] == 1
        other.close()


def test_rows_of_other_features_are_refused(sqlite_project: Path) -> None:
    other = ViewSchema("sales", SCHEMA.key, SCHEMA.features[:1], (0,), SCHEMA.fingerprint)
    with open_store(sqlite_project) as store:
        store.write_rows(other, [FeatureRow((1,), 1, 1, (7,))])
        with pytest.raises(PenstockError, match="do not have exactly the features"):
            store.read_rows([(SCHEMA, [(1,)])])


def test_a_file_of_an_earlier_layout_is_refused(sqlite_project: Path) -> None:
    with open_store(sqlite_project) as store:
        store.write_rows(SCHEMA, [FeatureRow((1,), 1, 1, (7, "old"))])
        with database(sqlite_project) as other:
            other.execute('ALTER TABLE "shop_sales:clock" DROP COLUMN row')
        other.close()
        for attempt in (
            lambda: store.read_rows([(SCHEMA, [(1,)])]),
            lambda: store.write_rows(SCHEMA, [FeatureRow((1,), 2, 1, (8, "new"))]),
        ):
            with pytest.raises(PenstockError, match=r"no (column named|such column:) row") as error:
                attempt()
            assert "did this version write it" in str(error.value.hint)


def test_a_file_that_is_no_database(sqlite_project: Path) -> None:
    file = sqlite_project / "data/deep/online.db"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"not a database" * 100)
    with open_store(sqlite_project) as store, pytest.raises(PenstockError, match="not a database") as error:
        store.read_rows([(SCHEMA, [(1,)])])
    assert error.value.where == str(file)
    assert error.value.hint


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    project = make_project(tmp_path / "own", SQLITE, f"path: {tmp_path}/file/online.db")
    with open_store(project) as store, pytest.raises(PenstockError, match="does not answer"):
        store.write_rows(SCHEMA, [FeatureRow((1,), 1, 1, (7, "x"))])


def test_teardown_removes_the_files(sqlite_project: Path) -> None:
    feast = applied(sqlite_project, SCHEMA)
    with open_store(sqlite_project) as store:
        store.write_rows(SCHEMA, [FeatureRow((1,), 1, 1, (7, "x"))])
    feast.teardown()
    assert list((sqlite_project / "data/deep").iterdir()) == []
