"""How good each version was: in all, over time, by slice, and against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa

from penstock.features.dimensions import dimensions
from penstock.features.errors import UsageError, did_you_mean
from penstock.features.exact_sums import exact_mean
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.jobs.ledger.arrays import losses, sums_of
from penstock.jobs.ledger.ledger import Ledger
from penstock.jobs.ledger.rows import ALWAYS, Rows, columns_of, labelled_rows
from penstock.jobs.ledger.scores import HOUR_MS, Cell, Score, by_version
from penstock.jobs.models.arrays import array_of
from penstock.jobs.models.folder import LoadedModel
from penstock.jobs.quality.comparison import Comparison, compared, compared_with
from penstock.jobs.training.metrics import Metrics, main_metric, of_means
from penstock.jobs.training.report.slices import parts

_DAY_MS = 24 * HOUR_MS
#: Of so many hours and less each hour has a point of its own; of more each day.
HOURLY = 72


@dataclass(frozen=True)
class Part:
    """The labelled rows of a slice: ``value``, what they have in common."""

    value: str
    rows: int
    metrics: Metrics


@dataclass(frozen=True)
class Report:
    """``versions``: all of each; ``over_time``: by version and the beginning of its hour or day, ``step_ms``.
    ``slices``: by column and version; ``comparisons``: of versions that have answered the same requests.
    """

    model: str
    main: str
    step_ms: int
    versions: dict[str, Score]
    over_time: dict[Cell, Score]
    slices: dict[str, dict[str, list[Part]]]
    comparisons: list[Comparison]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "versions": {version: score.to_dict() for version, score in self.versions.items()},
            "over_time": [{**cell._asdict(), **score.to_dict()} for cell, score in self.over_time.items()],
            "slices": {
                name: {version: [asdict(part) for part in each] for version, each in its.items()}
                for name, its in self.slices.items()
            },
            "comparisons": [_comparison_dict(each) for each in self.comparisons],
        }


def _comparison_dict(found: Comparison) -> dict[str, Any]:
    names = ("first", "second", "loss", "rows", "first_loss", "second_loss", "difference", "bounds", "better")
    return {**{name: getattr(found, name) for name in names}, "replayed": found.replayed}


def report(
    ledger: Ledger,
    plan: ModelPlan,
    span: Span = ALWAYS,
    slices: Sequence[str] = (),
    against: Sequence[LoadedModel] = (),
) -> Report:
    """Of the requests of a range, whole hours. ``slices``: entries of the vector, or ``t``; ``against``: versions that
    answer the vectors of each other version's requests now.

    Raises UsageError for a slice that is neither.
    """
    _check_slices(plan, slices)
    scores = ledger.scores(*span)
    versions = by_version(scores)
    pairs = [compared(ledger, plan, first, second, span) for first, second in combinations(versions, 2)]
    others = [
        compared_with(ledger, plan, version, model, span)
        for model in against
        for version in versions
        if version != model.version
    ]
    hours = [cell.hour for cell in scores]
    step = HOUR_MS if not hours or max(hours) - min(hours) < HOURLY * HOUR_MS else _DAY_MS
    rows = labelled_rows(ledger, span) if slices else None
    return Report(
        str(plan.name),
        main_metric(plan.objective),
        step,
        versions,
        _by_step(scores, step),
        {} if rows is None else {name: _sliced(plan, rows, name) for name in slices},
        [each for each in (*pairs, *others) if each.rows],
    )


def _check_slices(plan: ModelPlan, slices: Sequence[str]) -> None:
    known = ["t", *(item.name for item in plan.vector if dimensions(item.type) is None)]
    for name in slices:
        if name not in known:
            raise UsageError(
                f"predictions of {plan.name} have no {name!r}",
                where="--slice",
                allowed=", ".join(known),
                hint=did_you_mean(name, known),
            )


def _by_step(scores: dict[Cell, Score], step: int) -> dict[Cell, Score]:
    found: dict[Cell, Score] = {}
    for cell, score in scores.items():
        wider = Cell(cell.version, cell.hour - cell.hour % step)
        found[wider] = found.get(wider, Score()) + score
    return found


def _sliced(plan: ModelPlan, rows: Rows, name: str) -> dict[str, list[Part]]:
    """By version. The parts are those of all rows, so that versions can be compared."""
    if not len(rows):
        return {}
    column = pa.array(rows.t) if name == "t" else array_of(columns_of(plan, rows.vectors)[name])
    versions = np.array(rows.versions)
    found: dict[str, list[Part]] = {version: [] for version in sorted(set(rows.versions))}
    for value, places in parts(pa.chunked_array([column]), times=name == "t"):
        for version in found:
            own = rows.at(places[versions[places] == version])
            if len(own):
                sums = sums_of(losses(plan, own.answers, own.labels))
                means = {loss: exact_mean(total, len(own)) for loss, total in sums.items()}
                found[version].append(Part(value, len(own), of_means(means)))
    return found
