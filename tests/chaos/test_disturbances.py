"""One disturbance, and short. All of them: ``make chaos``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.disturbances import FULL, SHORT, disturb_all, possible
from tests.flights import Days, ms

#: A store that is slow, absent or frozen is met in tests/jobs/store/test_patience.py, an orderly end in
#: tests/jobs/process/test_stopping.py.
HERE = (FULL,)
DAYS = Days(ms("2013-10-01"), ms("2013-10-06"), ms("2013-10-08"), ms("2013-10-08T16:00:00"))


@pytest.mark.timeout(600)
def test_every_request_is_answered_once_whatever_disturbs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    can, missing = possible()
    cells = [cell for cell in can if cell in HERE]
    with capsys.disabled():
        print(*missing, sep="\n")
    fates, _ = disturb_all(tmp_path, DAYS, cells, SHORT)
    assert [fate.cell for fate in fates] == cells
