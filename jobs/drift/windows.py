"""The windows of a version, each compared with the range that it was trained on.

A window is a block of hours of requests. It is an alarm where its index is above the limit: far above the greatest that
any block of the training range has against the whole range, and above what chance would give; or where half of it is
where no block of the training range has so many.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from penstock.features.span import Span
from penstock.jobs.binning.bins import LABEL, Counts, Doubles, slices_of
from penstock.jobs.binning.blocks import Blocks, blocks_of
from penstock.jobs.binning.statistics import null_share, unseen_share
from penstock.jobs.binning.trained import Trained, TrainedFeature
from penstock.jobs.ledger.tallies import Tally

#: A window's index is an alarm above so many times the greatest one of the training range. On the flights of two months
#: the greatest is 1.06 times that of the nine months before (``tests/benchmarks/bench_drift.py``).
MARGIN = 1.25
#: And above this in any case: the usual bound for a population that has changed (Siddiqi 2006).
LEAST = 0.25
#: A window is an alarm, too, when more than this share of its rows is where no window of training had so many.
#: On the same flights the greatest is 0.35. A storm and a change of units may have one index, and never one excess.
EXCESS = 0.5
#: With fewer blocks in the training range nobody knows how far it strays from itself, and there are no alarms.
BLOCKS = 100
#: Labels of an hour are compared when so many of its predictions have theirs: those that come first differ from others.
COME = 0.9


@dataclass(frozen=True)
class FeatureDrift:
    """``psi`` (k,): of each window; ``limits`` (k,): above it a window is an alarm, infinite where there are none;
    ``limit``: that of a window of many rows; ``excess`` (k,): of each window, the share of its rows where no window of
    training had so many, 0 where there are no alarms. The others are of all windows together: ``whole_psi``; ``ks`` and
    ``wasserstein``, None for texts; ``null``: its share now and in training; ``unseen``: its share now. ``counts`` and
    ``trained_counts``: by bin.
    """

    feature: TrainedFeature
    limit: float
    limits: Doubles
    psi: Doubles
    excess: Doubles
    whole_psi: float
    ks: float | None
    wasserstein: float | None
    null: tuple[float, float]
    unseen: float
    counts: Counts
    trained_counts: Counts

    @property
    def name(self) -> str:
        """Of the feature; ``label`` for the label."""
        return self.feature.name

    @property
    def alarms(self) -> npt.NDArray[np.int64]:
        """The places of the windows that are alarms."""
        return np.flatnonzero((self.psi > self.limits) | (self.excess > EXCESS))


class Alarm(NamedTuple):
    """A window of a feature, its index with the limit, and its excess: one of them is above its limit."""

    window: Span
    feature: str
    psi: float
    limit: float
    excess: float

    def words(self) -> str:
        """Both numbers."""
        beyond = f"{100 * self.excess:.0f} % of its rows where no window of training had so many"
        return f"index {self.psi:.4g}, limit {self.limit:.4g}; {beyond}"


@dataclass(frozen=True)
class VersionDrift:
    """``windows``: of the vectors; ``label_windows``: of those whose labels have come; ``rows``: vectors and labels in
    all.
    """

    version: str
    windows: Blocks
    label_windows: Blocks
    rows: tuple[int, int]
    features: list[FeatureDrift]

    def windows_of(self, feature: FeatureDrift) -> Blocks:
        """Those of a feature's ``psi``."""
        return self.label_windows if feature.name == LABEL else self.windows

    def alarms(self) -> Iterator[Alarm]:
        """By time."""
        found = [
            Alarm(
                Span(int(windows.from_ms[place]), int(windows.to_ms[place])),
                feature.name,
                float(feature.psi[place]),
                float(feature.limits[place]),
                float(feature.excess[place]),
            )
            for feature in self.features
            for windows in (self.windows_of(feature),)
            for place in feature.alarms.tolist()
        ]
        yield from sorted(found)


def drift(version: str, trained: Trained, vectors: Tally, labels: Tally | None) -> VersionDrift:
    """Of what a version has answered. ``labels``: of its answers whose labels have come; None without any."""
    limits = {feature.name: limit_of(feature, trained.blocks) for feature in trained.all}
    windows = blocks_of(vectors.hours, vectors.rows)
    places = slices_of([feature.bins for feature in trained.features])
    found = [
        _feature(feature, limits[feature.name], windows, vectors.counts[:, places[feature.name]])
        for feature in trained.features
    ]
    labels = None if labels is None else _come(vectors, labels)
    if labels is None or not len(labels.hours):
        nothing = np.empty(0, np.int64)
        return VersionDrift(version, windows, blocks_of(nothing, nothing), (int(vectors.rows.sum()), 0), found)
    label_windows = blocks_of(labels.hours, labels.rows)
    found.append(_feature(trained.label, limits[LABEL], label_windows, labels.counts))
    rows = int(vectors.rows.sum()), int(labels.rows.sum())
    return VersionDrift(version, windows, label_windows, rows, found)


def _come(vectors: Tally, labels: Tally) -> Tally:
    """The hours whose labels have nearly all come."""
    asked = dict(zip(vectors.hours.tolist(), vectors.rows.tolist(), strict=True))
    hours = zip(labels.hours.tolist(), labels.rows.tolist(), strict=True)
    whole = np.array([rows >= COME * asked.get(hour, 0) for hour, rows in hours], dtype=np.bool_)
    return Tally(labels.hours[whole], labels.rows[whole], labels.counts[whole])


def limit_of(feature: TrainedFeature, blocks: int) -> float:
    """Above it a window is an alarm. ``blocks``: of the training range."""
    return max(LEAST, MARGIN * feature.psi) if blocks >= BLOCKS else float("inf")


def _feature(feature: TrainedFeature, limit: float, windows: Blocks, of_hours: Counts) -> FeatureDrift:
    reference, counts, of_windows = feature.reference, of_hours.sum(axis=0), windows.counts(of_hours)
    excess = reference.excess(of_windows, np.array(feature.greatest))
    return FeatureDrift(
        feature,
        limit,
        np.maximum(limit, reference.by_chance(windows.rows)),
        reference.psi(of_windows),
        excess if np.isfinite(limit) else np.zeros(len(excess)),
        float(reference.psi(counts[None])[0]),
        reference.ks(counts),
        reference.wasserstein(counts),
        (null_share(counts), null_share(reference.counts)),
        unseen_share(feature.bins, counts),
        counts,
        reference.counts,
    )
