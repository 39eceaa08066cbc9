from __future__ import annotations

from pathlib import Path

from penstock.jobs.process.private import private


def test_a_folder_is_its_users_own(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "state"
    private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_one_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    private(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o750


def test_where_nothing_can_be_made_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    private(tmp_path / "file" / "state")
