"""Two of the losses, with the default client. All of them, with each client: ``make chaos``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.leaders import lose
from tests.chaos.matrix import Cell

CELLS = [Cell("predictions", "dies"), Cell("group", "stands still")]


@pytest.mark.timeout(600)
def test_every_request_is_answered_once_when_a_leader_is_lost(tmp_path: Path) -> None:
    assert list(lose(tmp_path, "confluent", CELLS)) == CELLS
