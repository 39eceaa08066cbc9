"""What ``penstock infer`` tells: requests, answers, how long they took, and how old their features were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

from numpy.typing import ArrayLike
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from penstock.features.errors import PenstockError
from penstock.jobs.aligned.progress import NEVER
from penstock.jobs.metrics.buckets import AGES, SECONDS, SIZES, Buckets
from penstock.jobs.metrics.lag import GroupProgress, lag_family
from penstock.jobs.metrics.mirror import MirrorFigures, mirror_families

#: Of a version that answers: its part (empty for the rest), its name, its alias, who predicts.
RoleNames = tuple[str, str, str, str]


class InferenceMetrics:
    """Of one model. ``inputs``: the names of those whose features have an age. ``roles``: the versions that answer."""

    def __init__(self, model: str, fingerprint: str, inputs: Sequence[str], roles: Sequence[RoleNames]) -> None:
        self._model, self._fingerprint, self._roles = model, fingerprint, roles
        self._requests, self._stale = 0, 0
        #: Versions that were not fit to take over.
        self.refused_versions = 0
        self._refused: Counter[str] = Counter()
        self._seconds, self._sizes = Buckets(SECONDS), Buckets(SIZES)
        self._ages = {name: Buckets(AGES) for name in inputs}

    def answered(self, requests: int, stale: int, refused: Sequence[str], seconds: ArrayLike) -> None:
        """A transaction was committed: its requests, the reasons of those refused, and what each has taken."""
        self._requests += requests
        self._stale += stale
        self._refused.update(refused)
        self._sizes.observe([requests])
        self._seconds.observe(seconds)

    def set_roles(self, roles: Sequence[RoleNames]) -> None:
        """From now on these versions answer."""
        self._roles = roles

    def aged(self, name: str, seconds: ArrayLike) -> None:
        """How old the rows of an input were at their requests' times."""
        self._ages[name].observe(seconds)

    def collect(self) -> Iterator[Metric]:
        """The families, each whole."""
        refused = sum(self._refused.values())
        yield self._counter("penstock_requests", "Requests answered.", self._requests)
        yield self._counter("penstock_predictions", "Predictions.", self._requests - refused)
        yield self._counter("penstock_stale", "Predictions without the request's own event.", self._stale)
        yield self._counter("penstock_refused_versions", "Versions not taken up.", self.refused_versions)
        reasons = CounterMetricFamily("penstock_refused_requests", "Dead letters.", labels=["model", "reason"])
        for reason, number in self._refused.items():
            reasons.add_metric([self._model, reason], number)
        yield reasons
        yield self._histogram("penstock_prediction_seconds", "From request to committed answer.", self._seconds)
        yield self._histogram("penstock_batch_requests", "Requests in a transaction.", self._sizes)
        ages = HistogramMetricFamily("penstock_feature_age_seconds", "Age of a row.", labels=["model", "input"])
        for name, buckets in self._ages.items():
            buckets.add_to(ages, [self._model, name])
        yield ages
        labels = ["model", "part", "version", "alias", "fingerprint", "runtime"]
        info = GaugeMetricFamily("penstock_model_info", "The versions that answer.", labels=labels)
        for part, version, alias, runtime in self._roles:
            info.add_metric([self._model, part, version, alias, self._fingerprint, runtime], 1)
        yield info

    def _counter(self, name: str, text: str, number: int) -> Metric:
        family = CounterMetricFamily(name, text, labels=["model"])
        family.add_metric([self._model], number)
        return family

    def _histogram(self, name: str, text: str, buckets: Buckets) -> Metric:
        family = HistogramMetricFamily(name, text, labels=["model"])
        buckets.add_to(family, [self._model])
        return family


class JobMetrics(Collector):
    """Of an inference job. ``name``: of its models. ``progress`` gives, by group and topic, how far the job's group is;
    while Kafka does not answer its lag is left out. ``mirror``: its figures, where there is one. ``passed``: where
    requests are aligned, the time up to which each view's change points are complete, in milliseconds.
    """

    def __init__(
        self,
        name: str,
        models: Sequence[InferenceMetrics],
        progress: Callable[[], GroupProgress],
        mirror: Callable[[], MirrorFigures] | None = None,
        passed: Callable[[], Mapping[str, int]] | None = None,
    ) -> None:
        self._name, self._models, self._progress, self._mirror = name, models, progress, mirror
        self._passed = passed
        #: Offsets of requests that were gone before they were read.
        self.lost = 0

    def collect(self) -> Iterator[Metric]:
        """The families, each whole: of all models together."""
        families: dict[str, Metric] = {}
        for model in self._models:
            for family in model.collect():
                families.setdefault(family.name, family)
                if families[family.name] is not family:
                    families[family.name].samples += family.samples
        yield from families.values()
        lost = CounterMetricFamily("penstock_lost_offsets", "Offsets gone before they were read.", labels=["reader"])
        lost.add_metric([self._name], self.lost)
        yield lost
        if self._mirror is not None:
            yield from mirror_families(self._name, self._mirror())
        if self._passed is not None:
            labels = ["model", "view"]
            times = GaugeMetricFamily("penstock_change_points_seconds", "Complete up to this time.", labels=labels)
            for view, t in self._passed().items():
                if t > NEVER:
                    times.add_metric([self._name, view], t / 1000)
            yield times
        with suppress(PenstockError):
            yield lag_family(self._progress())
