"""What ``penstock serve`` tells: requests, answers, how long they took, and how old their features were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from penstock.jobs.metrics.buckets import AGES, SECONDS, SIZES, Buckets
from penstock.jobs.metrics.mirror import MirrorFigures, mirror_families

#: Values that are kept until they are counted into a histogram: for one value at a time that costs more than it tells.
_KEPT = 1_000


class Version(NamedTuple):
    """What answers for a model; ``refused``: versions that were not fit to take over."""

    model: str
    version: str
    fingerprint: str
    runtime: str
    refused: int


class _Kept:
    """A histogram that counts many values at once."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._buckets, self._values = Buckets(bounds), list[float]()

    def observe(self, values: Sequence[float]) -> None:
        self._values += values
        if len(self._values) >= _KEPT:
            self._count()

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str]) -> None:
        self._count()
        self._buckets.add_to(family, labels)

    def _count(self) -> None:
        values, self._values = self._values, []
        if values:
            self._buckets.observe(values)


class ServeMetrics(Collector):
    """Of all models of a server. ``versions``: what answers now; ``inputs``: their names, by model; ``mirror``: its
    figures, where there is one.
    """

    def __init__(
        self,
        versions: Callable[[], Sequence[Version]],
        inputs: Mapping[str, Sequence[str]],
        mirror: Callable[[], MirrorFigures] | None = None,
    ) -> None:
        self._versions, self._mirror = versions, mirror
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in ("requests", "predictions", "stale")}
        self._refused: Counter[tuple[str, str]] = Counter()
        self._responses: Counter[tuple[str, str]] = Counter()
        self._held: Counter[tuple[str, str]] = Counter()
        self._seconds = {model: _Kept(SECONDS) for model in inputs}
        self._sizes = {model: _Kept(SIZES) for model in inputs}
        self._ages = {(model, name): _Kept(AGES) for model, names in inputs.items() for name in names}

    def answered(self, model: str, requests: int, refused: Sequence[str], stale: int, seconds: Sequence[float]) -> None:
        """A batch was computed: its requests, why some are bad, and how long each body has waited for its answer."""
        for name, number in (("requests", requests), ("predictions", requests - len(refused)), ("stale", stale)):
            self._counts[name][model] += number
        self._refused.update((model, reason) for reason in refused)
        self._sizes[model].observe([requests])
        self._seconds[model].observe(seconds)

    def aged(self, model: str, input: str, seconds: Sequence[float]) -> None:
        """How old the rows of an input were at their requests' times."""
        self._ages[model, input].observe(seconds)

    def held(self, model: str, ready: int, computed: int) -> None:
        """Of a turn, the answers that were ready, and those that were not."""
        self._held[model, "ahead"] += ready
        self._held[model, "now"] += computed

    def responded(self, path: str, status: int) -> None:
        """An answer was sent; ``path``: as the application knows it."""
        self._responses[path, str(status)] += 1

    def collect(self) -> Iterator[Metric]:
        """The families, each whole."""
        for name, text in _COUNTERS.items():
            family = CounterMetricFamily(f"penstock_{name}", text, labels=["model"])
            for model in self._seconds:
                family.add_metric([model], self._counts[name][model])
            yield family
        yield _counters("penstock_refused_requests", "Bad requests.", ("model", "reason"), self._refused)
        yield _counters("penstock_answers_computed", "Answers by when.", ("model", "computed"), self._held)
        yield _counters("penstock_http_responses", "Answers sent.", ("path", "status"), self._responses)
        yield _histograms("penstock_answer_seconds", "From a body to its answer.", ("model",), self._seconds)
        yield _histograms("penstock_batch_requests", "Requests computed at once.", ("model",), self._sizes)
        yield _histograms("penstock_feature_age_seconds", "Age of a row.", ("model", "input"), self._ages)
        refused = CounterMetricFamily("penstock_refused_versions", "Versions not taken up.", labels=["model"])
        info = GaugeMetricFamily("penstock_model_info", "The version.", labels=Version._fields[:-1])
        for version in self._versions():
            refused.add_metric([version.model], version.refused)
            info.add_metric(version[:-1], 1)
        yield refused
        yield info
        if self._mirror is not None:
            # one mirror has the views of all models
            yield from mirror_families(",".join(self._seconds), self._mirror())


_COUNTERS = {
    "requests": "Requests answered.",
    "predictions": "Predictions.",
    "stale": "Predictions without the request's own event.",
}


def _counters(name: str, text: str, labels: Sequence[str], counts: Mapping[tuple[str, str], int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, number in list(counts.items()):
        family.add_metric(values, number)
    return family


def _histograms(
    name: str, text: str, labels: Sequence[str], kept: Mapping[str, _Kept] | Mapping[tuple[str, str], _Kept]
) -> Metric:
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, each in kept.items():
        each.add_to(family, [values] if isinstance(values, str) else list(values))
    return family
