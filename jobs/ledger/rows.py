"""The labelled predictions of a ledger, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.features.vector import Values
from penstock.jobs.ledger.arrays import label_array
from penstock.jobs.ledger.ledger import Ledger
from penstock.jobs.models.arrays import Matrix, matrix
from penstock.jobs.models.folder import LoadedModel
from penstock.jobs.training.losses import Losses, losses_of

#: All times.
ALWAYS = Span(-(2**62), 2**62)


@dataclass(frozen=True)
class Rows:
    """n labelled predictions, in the order in which their labels came. ``t``: of the request; ``came``: of the label's
    event; both in milliseconds. ``answers`` and ``vectors``: JSON.
    """

    versions: list[str]
    t: npt.NDArray[np.int64]
    came: npt.NDArray[np.int64]
    answers: list[bytes]
    labels: list[Any]
    vectors: list[bytes]

    def __len__(self) -> int:
        return len(self.versions)

    def at(self, places: Sequence[int] | npt.NDArray[np.int64]) -> Rows:
        """Those at these places."""
        chosen = np.asarray(places, dtype=np.int64)
        lists = (self.versions, self.answers, self.labels, self.vectors)
        versions, answers, labels, vectors = ([values[i] for i in chosen.tolist()] for values in lists)
        return Rows(versions, self.t[chosen], self.came[chosen], answers, labels, vectors)


def labelled_rows(ledger: Ledger, span: Span = ALWAYS, version: str | None = None) -> Rows:
    """Those whose requests are in a range, of one version or of all."""
    own = "" if version is None else "AND version = ?"
    rows = ledger.db.execute(
        f"""SELECT version, t, label_t, answer, label, vector FROM predictions
        WHERE outcome = 'labelled' AND t >= ? AND t < ? {own} ORDER BY label_t, t, id, version""",
        (*span, *([] if version is None else [version])),
    ).fetchall()
    versions, t, came, answers, labels, vectors = [list(column) for column in zip(*rows, strict=True)] or [
        [] for _ in range(6)
    ]
    return Rows(versions, np.array(t, np.int64), np.array(came, np.int64), answers, labels, vectors)


def columns_of(plan: ModelPlan, vectors: Sequence[bytes]) -> dict[str, Values]:
    """Vectors as columns, by name."""
    items = [orjson.loads(vector) for vector in vectors]
    return {item.name: Values.of(item.type, [each[item.name] for each in items]) for item in plan.vector}


def matrix_of(plan: ModelPlan, model: LoadedModel, vectors: Sequence[bytes]) -> Matrix:
    """Vectors as the model takes them."""
    return matrix(model.metadata.features, model.metadata.categories, columns_of(plan, vectors))


def replayed(plan: ModelPlan, model: LoadedModel, rows: Rows) -> Losses:
    """The losses that a version would have had on these vectors."""
    answers = model.predict(columns_of(plan, rows.vectors))
    return losses_of(plan.objective, answers, label_array(plan, model.metadata.outputs, rows.labels))
