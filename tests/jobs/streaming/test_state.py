from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.features.compilers.flink.config import JobSettings
from penstock.features.errors import RefusedError
from penstock.jobs.streaming.state import (
    check_identity,
    check_place,
    date_back,
    forget_older,
    newest_state,
    write_identity,
)


@pytest.fixture
def settings(tmp_path: Path) -> JobSettings:
    made = JobSettings(tmp_path / "a job", 4711, 5_000)
    made.make_folders()
    return made


def take(folder: Path, age_s: int) -> Path:
    """A complete state, so many seconds old."""
    folder.mkdir(parents=True)
    (folder / "_metadata").touch()
    os.utime(folder / "_metadata", (1_000_000 - age_s, 1_000_000 - age_s))
    return folder


def checkpoint(settings: JobSettings, job: str, number: int, age_s: int) -> Path:
    return take(settings.checkpoints / job / f"chk-{number}", age_s)


def savepoint(settings: JobSettings, name: str, age_s: int) -> Path:
    return take(settings.savepoints / name, age_s)


def test_a_job_without_a_state_begins_anew(settings: JobSettings) -> None:
    assert newest_state(settings) is None


def test_after_the_clock_has_gone_back_the_next_state_is_the_newest(settings: JobSettings) -> None:
    older = checkpoint(settings, "first", 7, 0)
    newest = savepoint(settings, "stopped", 0)
    tomorrow = time.time() + 86_400
    os.utime(older / "_metadata", (tomorrow - 60, tomorrow - 60))
    os.utime(newest / "_metadata", (tomorrow, tomorrow))
    date_back(settings)
    assert newest_state(settings) == newest
    ages = [state.joinpath("_metadata").stat().st_mtime for state in (older, newest)]
    assert ages[1] - ages[0] == pytest.approx(60)
    since = checkpoint(settings, "second", 1, 0)
    now = time.time_ns()  # without a time of ours the file system's would do, which lags by some milliseconds
    os.utime(since / "_metadata", ns=(now, now))
    assert newest_state(settings) == since


def test_states_of_the_past_keep_their_time(settings: JobSettings) -> None:
    taken = checkpoint(settings, "first", 7, 60)
    date_back(settings)
    assert taken.joinpath("_metadata").stat().st_mtime == 1_000_000 - 60


def test_the_newest_is_taken_whichever_kind_it_is(settings: JobSettings) -> None:
    older = checkpoint(settings, "one", 7, age_s=30)
    assert newest_state(settings) == older
    saved = savepoint(settings, "savepoint-1", age_s=20)
    assert newest_state(settings) == saved
    newer = checkpoint(settings, "two", 1, age_s=10)
    assert newest_state(settings) == newer


def test_a_savepoint_that_is_not_complete_does_not_count(settings: JobSettings) -> None:
    (settings.savepoints / "savepoint-1").mkdir(parents=True)
    assert newest_state(settings) is None


def test_states_of_earlier_runs_go_but_for_the_one_restored(settings: JobSettings) -> None:
    old, restored = checkpoint(settings, "one", 1, age_s=50), checkpoint(settings, "two", 2, age_s=40)
    beside = checkpoint(settings, "two", 1, age_s=45)
    saved, own = savepoint(settings, "savepoint-1", age_s=60), checkpoint(settings, "three", 3, age_s=10)
    forget_older(settings, restored, "three")
    assert not old.exists() and not saved.exists()
    assert restored.exists() and beside.exists() and own.exists()


def test_a_restored_savepoint_stays(settings: JobSettings) -> None:
    old, restored = savepoint(settings, "savepoint-1", age_s=60), savepoint(settings, "savepoint-2", age_s=50)
    checkpoint(settings, "one", 1, age_s=55)
    forget_older(settings, restored, "two")
    assert not old.exists() and restored.exists()
    assert list(settings.checkpoints.iterdir()) == []


def test_the_same_definitions_go_on(settings: JobSettings) -> None:
    write_identity(settings, {"view v": "f1"})
    assert check_identity(settings, checkpoint(settings, "one", 1, age_s=1), {"view v": "f1"}) == []


def test_without_a_state_any_definitions_may_begin(settings: JobSettings) -> None:
    write_identity(settings, {"view v": "f1"})
    assert check_identity(settings, None, {"view v": "f2"}) == []


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"view v": "f2", "topic of s": "t 1"}, ("view v: f1", "view v: f2")),
        ({"view v": "f1", "topic of s": "u 1"}, ("topic of s: t 1", "topic of s: u 1")),
        ({"view v": "f2", "topic of s": "t 2"}, ("topic of s: t 1", "topic of s: t 2")),
        ({"view v": "f1", "topic of s": "t 1", "view w": "f3"}, ("view w: none", "view w: f3")),
        ({"topic of s": "t 1"}, ("view v: f1", "view v: none")),
    ],
)
def test_a_state_of_other_definitions_or_topics_is_refused(
    settings: JobSettings, changed: dict[str, str], named: tuple[str, str]
) -> None:
    restored = checkpoint(settings, "one", 1, age_s=1)
    write_identity(settings, {"view v": "f1", "topic of s": "t 1"})
    with pytest.raises(RefusedError, match="other definitions or topics") as caught:
        check_identity(settings, restored, changed)
    assert named[0] in caught.value.what and named[1] in str(caught.value.allowed)
    assert caught.value.where == str(restored)


def test_topics_that_were_made_anew_are_named(settings: JobSettings) -> None:
    restored = checkpoint(settings, "one", 1, age_s=1)
    write_identity(settings, {"view v": "f1", "topic of s": "t 1", "rows of v": "r 1"})
    now = {"view v": "f1", "topic of s": "t 2", "rows of v": "r 2"}
    assert check_identity(settings, restored, now) == ["rows of v", "topic of s"]


def test_a_state_that_does_not_name_the_topics_of_its_rows_goes_on(settings: JobSettings) -> None:
    write_identity(settings, {"view v": "f1"})
    now = {"view v": "f1", "rows of v": "r 1"}
    assert check_identity(settings, checkpoint(settings, "one", 1, age_s=1), now) == []


def test_a_state_without_a_note_of_what_it_belongs_to_is_refused(settings: JobSettings) -> None:
    with pytest.raises(RefusedError, match="view v: none"):
        check_identity(settings, checkpoint(settings, "one", 1, age_s=1), {"view v": "f1"})


def test_a_state_that_would_be_left_behind_is_refused(settings: JobSettings, tmp_path: Path) -> None:
    """On the way into a cluster, and on the way back."""
    there = replace(settings, storage=tmp_path / "storage")
    there.make_folders()
    for before, after in ((settings, there), (there, settings)):
        check_place(before)
        state = savepoint(before, "stopped", 0)
        with pytest.raises(RefusedError, match="another folder is configured") as refused:
            check_place(after)
        assert str(before.kept) in refused.value.what and refused.value.where == str(after.kept)
        after.savepoints.mkdir(exist_ok=True)
        state.rename(after.savepoints / "stopped")
        check_place(after)
        (after.savepoints / "stopped" / "_metadata").unlink()
        (after.savepoints / "stopped").rmdir()
