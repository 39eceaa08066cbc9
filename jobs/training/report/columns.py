"""Columns by which evaluated rows are sliced: of the training set, or of the requests themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.features.errors import UsageError, did_you_mean
from penstock.features.expressions import Expr
from penstock.features.plan import ModelPlan, VectorItem
from penstock.features.span import Span
from penstock.jobs.batch.database import explained, scratch_database
from penstock.jobs.project.project import Project
from penstock.jobs.training.point_in_time import column, load_requests


@dataclass(frozen=True)
class SliceColumn:
    """``values`` of the evaluated rows, in their order; ``times``: whole numbers among them are milliseconds."""

    values: pa.ChunkedArray
    times: bool


def slice_columns(
    project: Project, plan: ModelPlan, file: Path, names: Sequence[str], span: Span
) -> dict[str, SliceColumn]:
    """The columns, by name, of the labelled rows of a range of a training set.

    Raises UsageError for what is neither a column of the training set nor of the requests, and where the history no
    longer has the training set's requests.
    """
    if not names or not file.exists():  # that there is no training set is told by the training
        return {}
    own = [field.name for field in pq.read_schema(file) if field.name != "id" and not pa.types.is_list(field.type)]
    asked = {column.name: column.type for column in plan.on.columns}
    for name in names:
        if name not in own and name not in asked:
            raise UsageError(
                f"there is no column {name!r}",
                where="--slice",
                allowed=", ".join(dict.fromkeys([*own, *asked])),
                hint=did_you_mean(name, [*own, *asked]),
            )
    rows = _labelled(file, [name for name in names if name in own], span)
    found = {name: SliceColumn(rows[name], name == "t") for name in names if name in own}
    others = {name: asked[name] for name in names if name not in own}
    if others:
        table = _of_requests(project, plan, others, rows, span)
        found |= {name: SliceColumn(table[name], type == "timestamp") for name, type in others.items()}
    return {name: found[name] for name in names}


def _labelled(file: Path, names: Sequence[str], span: Span) -> pa.Table:
    table = pq.read_table(file, partitioning=None, columns=list(dict.fromkeys(["id", "t", "label", *names])))
    times = np.asarray(table["t"])
    labelled = np.asarray(table["label"].is_valid())
    return table.filter(pa.array((times >= span.from_ms) & (times < span.to_ms) & labelled))


def _of_requests(project: Project, plan: ModelPlan, columns: dict[str, str], rows: pa.Table, span: Span) -> pa.Table:
    """Columns of the requests' history, for rows of the training set."""
    if plan.on.id is None:
        raise UsageError(
            f"{', '.join(columns)} is not in the training set, and {plan.on.name} has no id to find it by",
            where="--slice",
            allowed="columns of the training set",
        )
    items = tuple(VectorItem(name, type, Expr("column", type, name=name)) for name, type in columns.items())
    wanted = ", ".join(f'r.{column(name)} AS "{name}"' for name in columns)
    given = pa.table({"place": np.arange(len(rows)), "id": rows["id"], "t": rows["t"]})
    with (
        explained(f"the slices of {plan.name}"),
        scratch_database(project.config.state, project.config.batch.memory) as db,
    ):
        load_requests(db, project, replace(plan, vector=(*plan.vector, *items)), span)
        db.register("given", given)
        table = db.execute(
            f"SELECT r.n IS NULL AS gone, {wanted} FROM given g LEFT JOIN requests r USING (id, t) ORDER BY g.place"
        ).to_arrow_table()
    gone = int(np.asarray(table["gone"]).sum())
    if gone:
        raise UsageError(
            f"the history of {plan.on.name} has no longer {gone:,} requests of the training set",
            where="--slice",
            hint=f"run 'penstock training-set {plan.name}' again",
        )
    return table
