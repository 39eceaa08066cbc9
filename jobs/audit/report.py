"""What an audit found, in numbers: by feature, by cause, over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from penstock.features.span import Span
from penstock.jobs.audit.batch import MOMENTS
from penstock.jobs.audit.check import Checked
from penstock.jobs.audit.findings import CAUSES
from penstock.jobs.audit.unlike import rests_on
from penstock.jobs.batch.database import one_row

#: Samples that are told for each cause.
SAMPLES = 5
#: Columns of a plot over time, about.
STEPS = 60


@dataclass(frozen=True)
class Differences:
    """Values that are not batch's at one moment, by cause."""

    by_cause: dict[str, int]

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.by_cause.values())


@dataclass(frozen=True)
class FeatureReport:
    """One entry of the vector, ``values`` of which were served. ``at_row``: not what batch has at the time of the row
    that was read; ``at_request``: not what it has at the time of the request.
    """

    name: str
    inputs: tuple[str, ...]
    values: int
    at_row: Differences
    at_request: Differences


@dataclass(frozen=True)
class Step:
    """Values served for requests with ``from_ms <= t`` until the next step, and how many of them differ."""

    from_ms: int
    values: int
    at_row: int
    at_request: int


@dataclass(frozen=True)
class Age:
    """How old the rows of an input were when they were read, in milliseconds: the request's time less the row's.

    Least, quartiles and greatest; below zero the row is later than the request. ``none``: predictions without a row.
    """

    input: str
    rows: int
    none: int
    quartiles: tuple[float, ...]


@dataclass(frozen=True)
class Sample:
    """A value that differs. ``batch``: what batch has at that ``moment``, ``at_row`` or ``at_request``."""

    id: str
    feature: str
    served: Any
    batch: Any
    moment: str
    cause: str
    words: str


@dataclass(frozen=True)
class Answered:
    """Predictions of a version. ``alias``: None where they do not say it; ``part``: of a model with ``by=``."""

    version: str
    alias: str | None
    part: str | None
    predictions: int


@dataclass(frozen=True)
class Report:
    """``features`` that are served for ``predictions`` of requests with ``from_ms <= t < to_ms``.

    ``ahead``: predictions with a row that was later than the request. ``before``: predictions by versions that were
    trained without the events at the request's time. ``answered``: the versions, as which alias.
    """

    model: str
    fingerprint: str
    from_ms: int
    to_ms: int
    predictions: int
    ahead: int
    features: tuple[FeatureReport, ...]
    steps: tuple[Step, ...]
    ages: tuple[Age, ...]
    samples: tuple[Sample, ...]
    before: int = 0
    answered: tuple[Answered, ...] = ()

    @property
    def values(self) -> int:
        """Values served."""
        return sum(feature.values for feature in self.features)

    def different(self, moment: str) -> int:
        """Values that are not batch's at a moment."""
        return sum(getattr(feature, moment).count for feature in self.features)

    def share(self, moment: str) -> float:
        """Of all values those that are batch's at a moment, 0 to 1."""
        return 1 - self.different(moment) / self.values if self.values else 1.0

    def causes(self, moment: str) -> dict[str, int]:
        """Differences at a moment by cause."""
        total: Counter[str] = Counter()
        for feature in self.features:
            total.update(getattr(feature, moment).by_cause)
        return {cause: total[cause] for cause in CAUSES if total[cause]}

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        totals = {moment: {"different": self.different(moment), "causes": self.causes(moment)} for moment in MOMENTS}
        return {**asdict(self), "values": self.values, **totals}


def make_report(found: Checked, span: Span) -> Report:
    """Counts what a check found."""
    causes = _causes(found)
    features = tuple(
        FeatureReport(
            item.name,
            tuple(dict.fromkeys(owner for owner, _ in rests_on(item))),
            found.predictions,
            *(Differences(_ordered(causes[moment][place])) for moment in MOMENTS),
        )
        for place, item in enumerate(found.plan.vector[j] for j in found.unlike.entries)
    )
    name, fingerprint = found.plan.name, found.plan.fingerprint
    if not found.predictions:
        return Report(name, fingerprint, *span, 0, 0, features, (), (), ())
    steps, ages, samples = _steps(found), _ages(found), _samples(found)
    counted = "SELECT count(*) FILTER (asks < t), count(*) FILTER (ahead_ms > 0) FROM served"
    before, ahead = map(int, one_row(found.db, counted))
    return Report(
        name, fingerprint, *span, found.predictions, ahead, features, steps, ages, samples, before, _answered(found)
    )


def _answered(found: Checked) -> tuple[Answered, ...]:
    rows = found.db.execute("SELECT version, alias, part, count(*) FROM served GROUP BY ALL ORDER BY ALL").fetchall()
    return tuple(Answered(*row) for row in rows)


def _causes(found: Checked) -> dict[str, dict[int, Counter[str]]]:
    """Moment → place → cause → values."""
    counted = {moment: {p: Counter[str]() for p in range(len(found.unlike.entries))} for moment in MOMENTS}
    for (place, n), finding in found.findings.items():
        for moment in MOMENTS:
            if found.unlike.masks[moment][place, n]:
                counted[moment][place][finding.cause] += 1
    return counted


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    return {cause: counts[cause] for cause in CAUSES if counts.get(cause)}


def _steps(found: Checked) -> tuple[Step, ...]:
    times = found.db.execute("SELECT t FROM served ORDER BY n").fetchnumpy()["t"]
    width = max(1, -(-int(times[-1] - times[0] + 1) // STEPS))
    places = (times - times[0]) // width
    entries = len(found.unlike.entries)
    served = np.bincount(places) * entries
    wrong = {m: np.bincount(places, found.unlike.masks[m].sum(axis=0)).astype(int) for m in MOMENTS}
    return tuple(
        Step(int(times[0]) + i * width, int(values), int(wrong["at_row"][i]), int(wrong["at_request"][i]))
        for i, values in enumerate(served)
    )


def _ages(found: Checked) -> tuple[Age, ...]:
    ages = []
    for i, item in enumerate(found.plan.inputs):
        if item.name in found.timeless:
            continue
        rows, none, quartiles = found.db.execute(
            f"""SELECT count(t_{i}), count(*) - count(t_{i}), quantile_cont(t - t_{i}, [0, 0.25, 0.5, 0.75, 1])
            FROM served"""
        ).fetchall()[0]
        ages.append(Age(str(item.name), rows, none, tuple(quartiles or ())))
    return tuple(ages)


def _samples(found: Checked) -> tuple[Sample, ...]:
    told: Counter[tuple[str, str]] = Counter()
    chosen = []
    for (place, n), finding in found.findings.items():
        moment = next(m for m in MOMENTS if found.unlike.masks[m][place, n])
        told[moment, finding.cause] += 1
        if told[moment, finding.cause] <= SAMPLES:
            chosen.append((place, n, moment))
    order = {(m, c): i for i, (c, m) in enumerate((c, m) for m in MOMENTS for c in reversed(CAUSES))}
    chosen.sort(key=lambda one: order[one[2], found.findings[one[0], one[1]].cause])
    return tuple(_sample(found, *one) for one in chosen)


def _sample(found: Checked, place: int, n: int, moment: str) -> Sample:
    j, finding = found.unlike.entries[place], found.findings[place, n]
    name = found.plan.vector[j].name
    id, served = found.db.execute(f"SELECT id, v_{j} FROM served WHERE n = {n}").fetchall()[0]
    batch = found.unlike.value(moment, name, n)
    return Sample(id, name, served, batch, moment, finding.cause, finding.words)
