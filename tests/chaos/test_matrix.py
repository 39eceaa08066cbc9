"""A short form of the kill matrix: the parts that have a state of their own. All of it, and what else
can happen to a run: ``make chaos``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.matrix import Cell, kill_all
from tests.flights import Days, ms

CELLS = [
    Cell("inference", "uncommitted"),
    Cell("flink", "checkpoint"),
    Cell("broker", "mid-batch"),
]
DAYS = Days(ms("2013-10-01"), ms("2013-10-06"), ms("2013-10-08"), ms("2013-10-08T16:00:00"))


@pytest.mark.timeout(600)
def test_every_request_is_answered_once_whatever_dies(tmp_path: Path) -> None:
    fates, starts = kill_all(tmp_path, DAYS, CELLS, seed=7)
    assert [fate.cell for fate in fates] == CELLS
    assert {"stream", "inference", "broker"} <= starts.keys()
