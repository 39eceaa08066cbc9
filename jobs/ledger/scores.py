"""What is known of a version's answers to the requests of one hour: counts and exact sums of losses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from penstock.features.exact_sums import exact_mean
from penstock.jobs.ledger.arrays import Sums, merged
from penstock.jobs.training.metrics import Metrics, of_means

#: Requests are counted by the hour of their event time, in milliseconds.
HOUR_MS = 3_600_000
#: The counts of a score.
COUNTS = ("predictions", "labelled", "awaited", "missing", "null")


class Cell(NamedTuple):
    """The requests of one version and hour. ``hour``: its beginning, in milliseconds."""

    version: str
    hour: int


@dataclass(frozen=True)
class Score:
    """Of ``predictions``: ``labelled`` have their label; of ``missing`` it did not come within the maturity; of
    ``null`` its event came without a label. ``sums``: of the losses of the labelled ones.
    """

    predictions: int = 0
    labelled: int = 0
    missing: int = 0
    null: int = 0
    sums: Sums = field(default_factory=dict)

    @property
    def awaited(self) -> int:
        """Predictions whose label has not come yet."""
        return self.predictions - self.labelled - self.missing - self.null

    @property
    def metrics(self) -> Metrics:
        """The metrics over the labelled ones; none without any."""
        if not self.labelled:
            return {}
        return of_means({name: exact_mean(total, self.labelled) for name, total in self.sums.items()})

    def words(self) -> str:
        """The counts."""
        late = f", {self.missing:,} did not come" if self.missing else ""
        null = f", {self.null:,} are null" if self.null else ""
        return f"{self.labelled:,} of {self.predictions:,} labels, {self.awaited:,} have not come yet{late}{null}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values. Exact sums are texts: they are longer than numbers of JSON may be."""
        counts = {name: getattr(self, name) for name in COUNTS}
        return {**counts, "metrics": self.metrics, "sums": {name: str(total) for name, total in self.sums.items()}}

    def __add__(self, other: Score) -> Score:
        return Score(
            self.predictions + other.predictions,
            self.labelled + other.labelled,
            self.missing + other.missing,
            self.null + other.null,
            merged(self.sums, other.sums),
        )


def total(scores: Iterable[Score]) -> Score:
    """All of them together."""
    whole = Score()
    for score in scores:
        whole = whole + score
    return whole


def by_version(scores: Mapping[Cell, Score]) -> dict[str, Score]:
    """All of each version together, by name."""
    whole: dict[str, Score] = {}
    for cell, score in scores.items():
        whole[cell.version] = whole.get(cell.version, Score()) + score
    return dict(sorted(whole.items()))
