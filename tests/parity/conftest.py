"""One JVM with the job's operators for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock.features.compilers.flink.driver import HarnessDriver


@pytest.fixture(scope="session")
def driver() -> Iterator[HarnessDriver]:
    with HarnessDriver() as started:
        yield started
