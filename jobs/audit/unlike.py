"""Which entries of the vectors that were served differ from those that batch makes, to the bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penstock.features.dimensions import dimensions
from penstock.features.plan import ModelPlan, VectorItem
from penstock.features.vector import Mask, Values, leaf_names, vectors
from penstock.jobs.audit.batch import MOMENTS
from penstock.jobs.models.arrays import array_of, arrow_type, values_of
from penstock.jobs.parity.bits import differing
from penstock.jobs.training.point_in_time import used_features

#: Predictions that are compared together.
BATCH = 50_000


@dataclass(frozen=True)
class Unlike:
    """``entries``: those that rest on features, as their places in the plan's vector. ``masks``: moment → (entries,
    predictions), bool: True where the entry differs, or was not there; ``values``: moment → entry → what batch has.
    """

    entries: tuple[int, ...]
    masks: dict[str, npt.NDArray[np.bool_]]
    values: dict[str, dict[str, pa.ChunkedArray]]

    def value(self, moment: str, entry: str, n: int) -> Any:
        """What batch has for one prediction, timestamps in milliseconds."""
        value = self.values[moment][entry][n]
        return value.value if pa.types.is_timestamp(value.type) else value.as_py()


def rests_on(item: VectorItem) -> list[tuple[str, str]]:
    """The features, as (input, feature), of an entry."""
    names = (str(leaf.name).split(".", 1) for leaf in item.expr.leaves("feature"))
    return list(dict.fromkeys((owner, feature) for owner, feature in names))


def compare(db: duckdb.DuckDBPyConnection, plan: ModelPlan, requests: Mapping[str, pa.Array]) -> Unlike:
    """Compares ``served`` with the tables of ``penstock.jobs.audit.batch``.

    ``requests``: columns that no prediction holds."""
    total = db.execute("SELECT count(*) FROM served").fetchall()[0][0]
    entries = tuple(j for j, item in enumerate(plan.vector) if rests_on(item))
    masks = {moment: np.zeros((len(entries), total), np.bool_) for moment in MOMENTS}
    chunks: dict[str, dict[str, list[pa.Array]]] = {m: {plan.vector[j].name: [] for j in entries} for m in MOMENTS}
    for start in range(0, total, BATCH):
        rows = range(start, min(start + BATCH, total))
        served = _rows(db, "served", rows)
        given = _columns(plan, served, {name: column[rows.start : rows.stop] for name, column in requests.items()})
        absent = served["names"].to_pylist()
        for moment in MOMENTS:
            found = vectors(plan, {**given, **_features(db, plan, moment, rows)}, len(rows))
            for place, j in enumerate(entries):
                item = plan.vector[j]
                here = array_of(found.columns[item.name])
                chunks[moment][item.name].append(here)
                wrong = differing(typed_column(item.type, served[f"v_{j}"]), pa.chunked_array([here]))
                wrong |= found.overflow.get(item.name, False)
                masks[moment][place, rows.start : rows.stop] = wrong | _gone(absent, item.name)
    values = {
        m: {name: pa.chunked_array(parts) for name, parts in named.items() if parts} for m, named in chunks.items()
    }
    return Unlike(entries, masks, values)


def missing_columns(plan: ModelPlan) -> list[str]:
    """Request columns that the vector rests on, and that a prediction's record does not hold."""
    recorded = {str(item.expr.name) for item in plan.vector if item.expr.op == "column"}
    return [name for name in leaf_names(plan, "column") if name not in recorded]


def _rows(db: duckdb.DuckDBPyConnection, table: str, rows: range) -> pa.Table:
    return db.execute(f"SELECT * FROM {table} WHERE n >= {rows.start} AND n < {rows.stop} ORDER BY n").to_arrow_table()


def typed_column(type: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column in Arrow's type for the vector's values of a type."""
    if dimensions(type) is not None:  # by another definition it may have another length
        return column.cast(arrow_type(type))
    return pa.chunked_array([array_of(values_of(type, column))])


def _columns(plan: ModelPlan, served: pa.Table, requests: Mapping[str, pa.Array]) -> dict[str, Values]:
    recorded = {
        str(item.expr.name): values_of(item.type, served[f"v_{j}"])
        for j, item in enumerate(plan.vector)
        if item.expr.op == "column"
    }
    return recorded | {name: values_of(plan.on.column(name).type, column) for name, column in requests.items()}


def _features(db: duckdb.DuckDBPyConnection, plan: ModelPlan, moment: str, rows: range) -> dict[str, Values]:
    leaves = {}
    for i, item in enumerate(plan.inputs):
        types = {name: type for name, type, _ in item.features}
        table = _rows(db, f"{moment}_{i}", rows)
        for name in used_features(plan, item):
            leaves[f"{item.name}.{name}"] = values_of(types[name], table[f"f_{name}"])
    return leaves


def _gone(absent: Sequence[list[str] | None], name: str) -> Mask:
    """Predictions by another definition whose vector has no such entry."""
    return np.fromiter((names is not None and name not in names for names in absent), np.bool_, len(absent))
