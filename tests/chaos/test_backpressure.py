"""A small backlog, with the default client. All of it, with both: ``make chaos``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.backpressure import BOUND, measure


@pytest.mark.timeout(600)
def test_memory_does_not_grow_with_the_backlog(tmp_path: Path) -> None:
    assert measure(tmp_path, "confluent", 3_000).ratio < BOUND
