"""What Prometheus is told of a model's answers, by version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from penstock.jobs.metrics.drift import FeatureFigures, drift_families


@dataclass(frozen=True)
class VersionFigures:
    """``metrics``: over the newest day that has labels; ``states``: predictions by what became of them."""

    metrics: Mapping[str, float]
    states: Mapping[str, int]


@dataclass(frozen=True)
class QualityFigures:
    """``versions`` by name; ``refused``: records that were left out, by reason; ``lost``: offsets that were gone;
    ``drift`` by version and feature.
    """

    versions: Mapping[str, VersionFigures] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    lost: int = 0
    drift: Mapping[tuple[str, str], FeatureFigures] = field(default_factory=dict)


class QualityMetrics:
    """A collector; ``figures`` may be replaced from another thread."""

    def __init__(self, model: str) -> None:
        self._model = model
        self.figures = QualityFigures()

    def collect(self) -> Iterator[Metric]:
        """The families, each whole."""
        figures = self.figures
        error = GaugeMetricFamily("penstock_quality_error", "Live metrics.", labels=["model", "version", "metric"])
        states = GaugeMetricFamily("penstock_quality_predictions", "By label.", labels=["model", "version", "label"])
        for version, its in figures.versions.items():
            for name, value in its.metrics.items():
                error.add_metric([self._model, version, name], value)
            for name, number in its.states.items():
                states.add_metric([self._model, version, name], number)
        yield error
        yield states
        refused = CounterMetricFamily("penstock_quality_refused", "Records left out.", labels=["model", "reason"])
        for reason, number in figures.refused.items():
            refused.add_metric([self._model, reason], number)
        yield refused
        lost = CounterMetricFamily("penstock_lost_offsets", "Offsets gone before they were read.", labels=["reader"])
        lost.add_metric([f"quality {self._model}"], figures.lost)
        yield lost
        yield from drift_families(self._model, figures.drift)
