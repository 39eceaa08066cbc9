from __future__ import annotations

import os
from pathlib import Path

import pytest

from penstock.features.errors import PenstockError
from penstock.jobs.streaming.room import check_room, room
from tests.chaos.disk import can_mount, full, small_disk


def test_there_is_room(tmp_path: Path) -> None:
    check_room(tmp_path)
    assert room(tmp_path).endswith(f"MB are free in {tmp_path}")


@pytest.mark.skipif(not can_mount(), reason="only root may mount a disk of its own")
def test_a_full_disk_is_named_and_what_to_do(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk):
        with full(disk), pytest.raises(PenstockError) as error:
            check_room(disk)
        assert str(error.value).splitlines() == [
            f"no room for the stream's state: 0.0 MB are free in {disk}",
            f"  where: {disk}",
            "  allowed: at least 17 MB",
            "  hint: make room on that disk; the next start goes on from the newest checkpoint",
        ]
        check_room(disk)
    assert not os.path.ismount(disk)
