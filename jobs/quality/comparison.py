"""Two versions on the same matured requests, and whether their errors differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penstock.features.exact_sums import exact_mean, exact_sum
from penstock.features.objectives import Objective
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.jobs.ledger.arrays import losses
from penstock.jobs.ledger.ledger import Ledger
from penstock.jobs.ledger.rows import ALWAYS, labelled_rows, replayed
from penstock.jobs.models.folder import LoadedModel
from penstock.jobs.quality.sequence import Sequence, confidence_sequence
from penstock.jobs.training.losses import SQUARED
from penstock.jobs.training.metrics import main_metric

Doubles = npt.NDArray[np.float64]

_COMMON = """SELECT a.answer, b.answer, a.label, a.label_t
    FROM predictions AS a JOIN predictions AS b ON a.id = b.id AND a.event = b.event AND a.t = b.t
    WHERE a.version = ? AND b.version = ? AND a.outcome = 'labelled' AND b.outcome = 'labelled'
    AND a.t >= ? AND a.t < ? ORDER BY a.label_t, a.t, a.id"""


@dataclass(frozen=True)
class Comparison:
    """``first`` and ``second``: versions; ``loss``: by which they are compared, on ``rows`` requests. ``difference``:
    the mean loss of the second one less that of the first. ``sequence``: its bounds by the labels that came; ``came``
    (n,): when each came, in milliseconds. ``replayed``: the second one answered the vectors of the first one's requests
    now.
    """

    first: str
    second: str
    loss: str
    rows: int
    first_loss: float | None
    second_loss: float | None
    sequence: Sequence
    came: npt.NDArray[np.int64]
    replayed: bool = False

    @property
    def difference(self) -> float | None:
        """None without a common request."""
        if self.first_loss is None or self.second_loss is None:
            return None
        return self.second_loss - self.first_loss

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The newest ones; None where too few labels have come."""
        return (float(self.sequence.low[-1]), float(self.sequence.high[-1])) if len(self.sequence.low) else None

    @property
    def better(self) -> str | None:
        """The version with the lesser error, None while that is not known."""
        if self.bounds is None:
            return None
        return self.first if self.bounds[0] > 0 else self.second if self.bounds[1] < 0 else None


def main_loss(objective: Objective) -> str:
    """The loss that the objective makes small."""
    name = main_metric(objective)
    return SQUARED if name == "rmse" else name


def compared(ledger: Ledger, plan: ModelPlan, first: str, second: str, span: Span = ALWAYS) -> Comparison:
    """By what both have answered."""
    rows = ledger.db.execute(_COMMON, (first, second, *span)).fetchall()
    one, other, labels, came = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [], [])
    name = main_loss(plan.objective)
    lost = [losses(plan, answers, labels)[name] if rows else np.empty(0) for answers in (one, other)]
    return comparison((first, second), name, lost[0], lost[1], np.array(came, np.int64))


def compared_with(ledger: Ledger, plan: ModelPlan, first: str, model: LoadedModel, span: Span = ALWAYS) -> Comparison:
    """By what ``first`` has answered, and what the other version says of the same vectors."""
    rows, name = labelled_rows(ledger, span, first), main_loss(plan.objective)
    one = losses(plan, rows.answers, rows.labels)[name] if len(rows) else np.empty(0)
    other = replayed(plan, model, rows)[name] if len(rows) else np.empty(0)
    return comparison((first, model.version), name, one, other, rows.came, replayed=True)


def comparison(
    versions: tuple[str, str],
    loss: str,
    first: Doubles,
    second: Doubles,
    came: npt.NDArray[np.int64],
    *,
    replayed: bool = False,
) -> Comparison:
    """Of the losses of the same requests, in the order of their labels. All of shape (n,)."""
    means = [exact_mean(exact_sum(each), len(each)) if len(each) else None for each in (first, second)]
    sequence = confidence_sequence(second - first)
    return Comparison(*versions, loss, len(first), means[0], means[1], sequence, came, replayed)
