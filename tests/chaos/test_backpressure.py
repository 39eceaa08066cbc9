"""A small backlog, with each client. All of it: ``make chaos``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.backpressure import BOUND, CLIENTS, measure


@pytest.mark.timeout(600)
@pytest.mark.parametrize("client", CLIENTS)
def test_memory_does_not_grow_with_the_backlog(tmp_path: Path, client: str) -> None:
    assert measure(tmp_path, client, 3_000).ratio < BOUND
