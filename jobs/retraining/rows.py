"""The rows to learn from: the training set of before, and served vectors whose labels have come.

A served vector is what the model was given, in the bits that it was given. So no backfill stands between a label and a
model that knows it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.features.errors import RefusedError, UsageError
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.features.vector import Values
from penstock.jobs.batch.parts import BEFORE, FINGERPRINT
from penstock.jobs.ledger.ledger import Ledger
from penstock.jobs.ledger.rows import columns_of
from penstock.jobs.models.arrays import array_of
from penstock.jobs.parquet.checksums import check_files

_LABELLED = (
    "SELECT n, t, label FROM predictions WHERE outcome = 'labelled' AND t >= ? AND t < ? ORDER BY t, id, version"
)


def check_plan(plan: ModelPlan) -> None:
    """Raises UsageError for a model whose training reads more than a vector and a label."""
    if plan.by is not None:
        raise UsageError(
            f"{plan.name} has versions for values of {plan.by}", where=plan.name, allowed="a model without by="
        )
    if plan.by is not None:
        raise UsageError(
            f"{plan.name} has by=, and each value of {plan.by} has versions of its own",
            where=plan.name,
            allowed="a model without by=",
            hint=f"'penstock train {plan.name} --part' trains the version of one value",
        )
    for item in (plan.weight, plan.filter):
        if item is not None:
            raise UsageError(
                f"{plan.name} has {item.name}=, and a prediction has only the vector to learn from",
                where=plan.name,
                allowed="a model without weight= and filter=",
                hint="'penstock training-set' and 'penstock train' evaluate both",
            )


class ServedRows:
    """The labelled predictions of a ledger as a training set has them: each request once. Vectors are read once."""

    def __init__(self, plan: ModelPlan) -> None:
        self._plan = plan
        self._numbers = np.empty(0, np.int64)
        self._vectors: pa.Table | None = None

    def read(self, ledger: Ledger, span: Span) -> pa.Table:
        """Columns ``t``, ``label`` and the vector's, of the requests of a range, by time."""
        rows = ledger.db.execute(_LABELLED, span).fetchall()
        numbers, t, labels = (np.array([row[0] for row in rows], np.int64), [r[1] for r in rows], [r[2] for r in rows])
        self._add(ledger, numbers[~np.isin(numbers, self._numbers)])
        own = {"t": pa.array(t, pa.int64()), "label": array_of(self._labels(labels))}
        if self._vectors is None:
            return pa.table({**own, **{item.name: array_of(Values.of(item.type, [])) for item in self._plan.vector}})
        order = np.argsort(self._numbers, kind="stable")
        places = order[np.searchsorted(self._numbers, numbers, sorter=order)]
        vectors = self._vectors.take(pa.array(places))
        whole = pa.table({**own, **{name: vectors[name] for name in vectors.column_names}})
        return whole.filter(pa.array(self._first(ledger, numbers)))

    def _add(self, ledger: Ledger, numbers: npt.NDArray[np.int64]) -> None:
        """Reads the vectors of these predictions."""
        if not len(numbers):
            return
        wanted = ledger.db.execute(
            "SELECT n, vector FROM predictions WHERE n >= ? AND n <= ?", (int(numbers.min()), int(numbers.max()))
        )
        new = set(numbers.tolist())
        found = [(n, vector) for n, vector in wanted if n in new]
        columns = columns_of(self._plan, [vector for _, vector in found])
        table = pa.table({name: array_of(column) for name, column in columns.items()})
        self._vectors = table if self._vectors is None else pa.concat_tables([self._vectors, table]).combine_chunks()
        self._numbers = np.concatenate([self._numbers, np.array([n for n, _ in found], np.int64)])

    @staticmethod
    def _first(ledger: Ledger, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Of the answers of several versions to one request, one."""
        firsts = {n for (n,) in ledger.db.execute("SELECT min(n) FROM predictions GROUP BY id, event, t")}
        return np.array([n in firsts for n in numbers.tolist()], dtype=np.bool_)

    def _labels(self, labels: list[Any]) -> Values:
        assert self._plan.label is not None
        # SQLite has no bools
        typed = [bool(label) for label in labels] if self._plan.label.type == "bool" else labels
        return Values.of(self._plan.label.type, typed)


def rows_before(file: Path, plan: ModelPlan, span: Span) -> pa.Table | None:
    """The rows of a training set in a range, with the same columns; None where there is no file.

    Raises RefusedError for a training set of another definition, or without the events at a request's time.
    """
    if not file.exists():
        return None
    check_files([file])
    metadata = pq.read_schema(file).metadata or {}
    again = f"run 'penstock training-set {plan.name}' again"
    if metadata.get(FINGERPRINT) != plan.fingerprint.encode():
        raise RefusedError(
            f"the training set of {plan.name} was made by another definition", where=str(file), hint=again
        )
    if metadata.get(BEFORE) == b"true":
        raise RefusedError(
            f"the training set of {plan.name} was made with --before, and served vectors are not",
            where=str(file),
            hint=again,
        )
    names = ["t", "label", *(item.name for item in plan.vector)]
    table = pq.read_table(file, partitioning=None, columns=names)
    t = np.asarray(table["t"])
    return table.filter(pa.array((t >= span.from_ms) & (t < span.to_ms)))
