"""Real errors of SQLite in their rows of the table, and a store that waits for those that pass."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from penstock.jobs.store import sqlite as store_module
from penstock.jobs.store.open import open_store
from penstock.jobs.store.patience import Patience, StoreAway
from penstock.jobs.store.rows import FeatureRow, ViewSchema
from penstock.jobs.store.sqlite_errors import cause_of
from tests.chaos.disk import can_mount, full, small_disk
from tests.jobs.store.projects import SQLITE, make_project

SCHEMA = ViewSchema("sales", (("customer", "int64"),), (("n", "int64"), ("name", "string")), (0, None), "aa11")


def row(t: int, name: str = "x") -> FeatureRow:
    return FeatureRow((t,), t, 1, (t, name))


def locked(file: Path) -> None:
    with closing(sqlite3.connect(file)) as other, closing(sqlite3.connect(file, timeout=0)) as mine:
        other.execute("BEGIN EXCLUSIVE")
        mine.execute("INSERT INTO t VALUES (1)")


def has_no_room(file: Path) -> None:
    with closing(sqlite3.connect(file)) as mine:
        mine.execute("PRAGMA max_page_count = 2")
        mine.execute("INSERT INTO t VALUES (zeroblob(100000))")


def is_read_only(file: Path) -> None:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as mine:
        mine.execute("INSERT INTO t VALUES (1)")


def is_elsewhere(file: Path) -> None:
    with closing(sqlite3.connect(file.parent / "none" / "online.db")) as mine:
        mine.execute("SELECT 1")


def is_no_database(file: Path) -> None:
    file.write_bytes(b"not a database" * 100)
    with closing(sqlite3.connect(file)) as mine:
        mine.execute("SELECT * FROM t")


def has_no_such_table(file: Path) -> None:
    with closing(sqlite3.connect(file)) as mine:
        mine.execute("SELECT * FROM other")


def is_closed(file: Path) -> None:
    mine = sqlite3.connect(file)
    mine.close()
    mine.execute("SELECT 1")


@pytest.mark.parametrize(
    ("fail", "passes", "hint"),
    [
        (locked, True, "another process"),
        (has_no_room, True, "disk full"),
        (is_read_only, False, "can this user write"),
        (is_elsewhere, False, "can this user write"),
        (is_no_database, False, "damaged"),
        (has_no_such_table, False, "feast apply"),
        (is_closed, False, "feast apply"),
    ],
)
def test_what_passes_and_what_lasts(fail: Callable[[Path], None], passes: bool, hint: str, tmp_path: Path) -> None:
    file = tmp_path / "online.db"
    with closing(sqlite3.connect(file)) as made:
        made.execute("CREATE TABLE t (x)")
    with pytest.raises(sqlite3.Error) as caught:
        fail(file)
    cause = cause_of(caught.value)
    assert cause.passes == passes and hint in cause.hint


def test_a_folder_that_is_none_lasts() -> None:
    assert not cause_of(NotADirectoryError()).passes


def test_a_store_that_another_process_holds_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_BUSY_SECONDS", 0.05)
    said: list[str] = []
    with open_store(make_project(tmp_path, SQLITE, "path: online.db")) as store:
        store.write_rows(SCHEMA, [row(1)])
        other = sqlite3.connect(tmp_path / "online.db", check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreAway, match="locked"):
            store.write_rows(SCHEMA, [row(2)])
        store.wait_while_away(Patience(threading.Event(), said.append))
        end = threading.Timer(0.4, other.rollback)
        end.start()
        assert store.write_rows(SCHEMA, [row(2)]) == 1
        end.join()
        other.close()
    assert "locked" in said[0] and "answers again" in said[1]


@pytest.mark.skipif(not can_mount(), reason="only root may mount a disk that is small enough to be filled")
def test_a_full_disk_is_waited_for_until_it_has_room(tmp_path: Path) -> None:
    disk, said = tmp_path / "disk", list[str]()
    with small_disk(disk):
        with open_store(make_project(tmp_path, SQLITE, f"path: {disk}/online.db")) as store:
            store.write_rows(SCHEMA, [row(1)])
            store.wait_while_away(Patience(threading.Event(), said.append))
            with full(disk):
                (columns,) = store.read_rows([(SCHEMA, [(1,)])])
                writing = threading.Thread(target=store.write_rows, args=(SCHEMA, [row(2, "x" * 200_000)]))
                writing.start()
                writing.join(0.5)
                assert writing.is_alive()
            writing.join()
            (columns,) = store.read_rows([(SCHEMA, [(1,), (2,)])])
        assert columns.present.tolist() == [True, True]
    assert "answers again" in said[1]
