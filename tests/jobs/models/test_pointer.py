from __future__ import annotations

from pathlib import Path

from penstock.jobs.models.pointer import current_version, set_current


def test_before_training_nothing_is_current(tmp_path: Path) -> None:
    assert current_version(tmp_path, "cost") is None


def test_the_pointer_says_what_it_was_set_to_last_and_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "cost").mkdir()
    for version in ("first", "second"):
        set_current(tmp_path, "cost", version)
        assert current_version(tmp_path, "cost") == version
    assert [path.name for path in (tmp_path / "cost").iterdir()] == ["current"]
