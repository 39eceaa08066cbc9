"""Two of the losses, with each client. All of them: ``make chaos``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.leaders import CLIENTS, lose
from tests.chaos.matrix import Cell

CELLS = [Cell("predictions", "dies"), Cell("group", "stands still")]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("client", CLIENTS)
def test_every_request_is_answered_once_when_a_leader_is_lost(tmp_path: Path, client: str) -> None:
    assert list(lose(tmp_path, client, CELLS)) == CELLS
