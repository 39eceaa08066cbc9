"""Files that appear whole or not at all."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from penstock.jobs.process.whole_file import whole_file, write_whole


def test_the_file_is_there_when_the_block_ends(tmp_path: Path) -> None:
    file = tmp_path / "it's [1] 100% ü"
    file.write_text("old")
    with whole_file(file) as unfinished:
        unfinished.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("old")
    with pytest.raises(ValueError), whole_file(file) as unfinished:
        unfinished.write_text("new")
        raise ValueError
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_what_a_killed_writer_left_behind_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / ".a.tmp").write_text("half of a long text")
    write_whole(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "new"
    assert not (tmp_path / ".a.tmp").exists()


def test_writers_wait_for_each_other(tmp_path: Path) -> None:
    file, texts = tmp_path / "a", [str(n) * 50_000 for n in range(8)]

    def write(text: str) -> None:
        for _ in range(20):
            write_whole(file, text)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert not file.exists() or file.read_text() in texts
    assert list(tmp_path.iterdir()) == [file]
