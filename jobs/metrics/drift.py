"""What Prometheus is told of drift, by version and feature."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric


class FeatureFigures(NamedTuple):
    """``psi``: the index of the newest window; ``limit``: above it a window is an alarm; ``excess``: the
    share of its rows where no window of training had so many; ``null`` and ``unseen``:
    shares of the newest hours.
    """

    psi: float
    limit: float
    excess: float
    null: float
    unseen: float


def drift_families(model: str, figures: Mapping[tuple[str, str], FeatureFigures]) -> Iterator[Metric]:
    """The families, each whole."""
    words = {
        "psi": "How far the newest window is from training.",
        "limit": "Above it a window is an alarm.",
        "excess": "Share of rows where no window of training had so many.",
        "null": "Share of nulls.",
        "unseen": "Share of texts that training did not have.",
    }
    for place, (name, text) in enumerate(words.items()):
        family = GaugeMetricFamily(f"penstock_drift_{name}", text, labels=["model", "version", "feature"])
        for (version, feature), its in figures.items():
            family.add_metric([model, version, feature], its[place])
        yield family
