from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from penstock.features.errors import PenstockError
from penstock.jobs.metrics.serve import served
from penstock.jobs.process.ports import HOST


class One(Collector):
    """One number."""

    def collect(self) -> Iterator[Metric]:
        """The number."""
        yield GaugeMetricFamily("penstock_one", "One.", value=1)


def test_a_page_is_there_for_as_long_as_the_block_lasts() -> None:
    with served(One(), HOST, 0) as address, urllib.request.urlopen(address, timeout=10) as answer:
        assert b"\npenstock_one 1.0\n" in answer.read()
    with pytest.raises(OSError):
        urllib.request.urlopen(address, timeout=10)


def test_a_taken_port_is_told() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PenstockError, match="Address already in use") as caught, served(One(), HOST, port):
            pass
    assert caught.value.where == f"{HOST}:{port}"
    assert "--metrics-port" in str(caught.value.hint)
