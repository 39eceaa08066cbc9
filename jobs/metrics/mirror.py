"""What is told of a mirror: how old it is, how large, and who answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric


class MirrorFigures(NamedTuple):
    """``age_s``: seconds behind its topics at most; ``rows``: keys with a row, by view; ``mirrored`` and ``stored``:
    rows looked up in memory, and in the online store.
    """

    age_s: float
    rows: Mapping[str, int]
    mirrored: int
    stored: int


def mirror_families(model: str, figures: MirrorFigures) -> Iterator[Metric]:
    """The families, each whole."""
    age = GaugeMetricFamily("penstock_mirror_age_seconds", "Behind its topics at most.", labels=["model"])
    age.add_metric([model], figures.age_s)
    yield age
    rows = GaugeMetricFamily("penstock_mirror_rows", "Keys with a row in memory.", labels=["model", "view"])
    for view, number in figures.rows.items():
        rows.add_metric([model, view], number)
    yield rows
    reads = CounterMetricFamily("penstock_mirror_reads", "Rows looked up.", labels=["model", "by"])
    reads.add_metric([model, "mirror"], figures.mirrored)
    reads.add_metric([model, "store"], figures.stored)
    yield reads
