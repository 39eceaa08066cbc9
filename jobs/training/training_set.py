"""Training sets: every request of a model's history with its features at that time, and its label.

The features are read from the change points of the views (``penstock.jobs.training.point_in_time``). What the vector
derives from them is computed by ``penstock.features.vector``, as in serving.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.features.errors import UsageError
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.features.vector import Mask, Values, Vectors, evaluate, leaf_names, vectors
from penstock.jobs.batch.coverage import check_coverage
from penstock.jobs.batch.database import explained, one_row, scratch_database
from penstock.jobs.batch.parts import BEFORE, FINGERPRINT, FROM, TO
from penstock.jobs.console.times import range_words
from penstock.jobs.models.arrays import array_of, arrow_type, values_of
from penstock.jobs.parquet.checksums import PLACEHOLDER, add_checksum
from penstock.jobs.process.whole_file import whole_file
from penstock.jobs.project.project import Project
from penstock.jobs.training.future import complete_to, future_points, load_future
from penstock.jobs.training.point_in_time import join_input, joined_rows, load_labels, load_requests, used_features

#: The column that says whether the label's event could have come.
MATURED = "matured"
#: Requests that are evaluated together.
BATCH = 50_000


@dataclass
class TrainingReport:
    """``rows``: requests written, ``labelled`` of them with a label. Not written are ``duplicate`` repeats, ``dead``
    requests (bad rows, and those whose vector or label overflows) and ``filtered`` ones (the model's ``filter`` does
    not hold). ``immature``: written without a label, because its event could still come.
    ``before``: events at a request's time are left out. ``unseen``: by input, requests whose key had no value yet.
    """

    model: str
    from_ms: int
    to_ms: int
    before: bool = False
    rows: int = 0
    labelled: int = 0
    duplicate: int = 0
    dead: int = 0
    filtered: int = 0
    immature: int = 0
    unseen: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def summary(self) -> str:
        """One line."""
        return (
            f"{self.rows:,} requests ({self.labelled:,} with a label, {self.duplicate:,} duplicate, {self.dead:,} dead"
            f"{f', {self.filtered:,} filtered' if self.filtered else ''}"
            f"{f', {self.immature:,} immature' if self.immature else ''})"
        )


def training_set(
    project: Project,
    model_name: str,
    from_ms: int,
    to_ms: int,
    file: Path,
    *,
    before: bool = False,
    progress: Callable[[int], None] = lambda done: None,
    change_points: Path | None = None,
) -> TrainingReport:
    """Writes one row for each request of ``[from, to)``, once, by (time, id, place in the files).

    Columns: ``id``, ``t`` (int64, milliseconds), the vector's items by name, ``label``, ``weight``, ``group`` and
    ``part`` where the model has them, and ``matured`` where its label is known only later; null where there is none. A
    key without a row has the features' values over nothing. ``before``: events at exactly the request's time do not
    count. ``change_points``: folder with one folder of parts for each view; the project's own unless given. The label
    is that of the newest event of its stream with the request's id. ``progress`` is told the rows written so far.

    Raises UsageError for an empty range, missing history or change points that do not cover it, RefusedError for
    change points of another definition.
    """
    plan = project.model(model_name).model_plan
    if from_ms >= to_ms:
        raise UsageError(f"the range {range_words((from_ms, to_ms))} is empty", allowed="--from before --to")
    views = [project.plans[item.view] for item in plan.inputs]
    folders = [change_points / view.name if change_points else project.change_points(view.name) for view in views]
    asked = Span(from_ms - 1, to_ms - 1) if before else Span(from_ms, to_ms)
    for view, folder in dict(zip(views, folders, strict=True)).items():
        check_coverage(project, view, folder, asked)
    report = TrainingReport(plan.name, from_ms, to_ms, before)
    file.parent.mkdir(parents=True, exist_ok=True)
    memory = project.config.batch.memory
    with ExitStack() as opened:
        # before the join: it takes the memory that the join will take
        points = opened.enter_context(_future(project, plan, Span(from_ms, to_ms), file.parent))
        opened.enter_context(explained(f"the training set of {plan.name}"))
        db = opened.enter_context(scratch_database(file.parent, memory))
        wide = plan.training
        report.duplicate, report.dead = load_requests(db, project, wide, Span(from_ms, to_ms))
        for number, (view, folder) in enumerate(zip(views, folders, strict=True)):
            report.unseen[plan.inputs[number].name] = join_input(db, wide, number, view, folder, before=before)
        if points is None:
            load_labels(db, project, wide)
        else:
            _load_future(db, project, wide, points)
        _write(db, plan, file, report, progress)
    return report


@contextmanager
def _future(project: Project, plan: ModelPlan, span: Span, folder: Path) -> Iterator[str | None]:
    """The change points that a label of the time after the request is read from; None for any other label."""
    view = None if plan.label is None else plan.label.view
    if view is None:
        yield None
        return
    histories = {source.name: project.history(source.name) for source in view.source.sources}
    with future_points(view, histories, span, folder, project.config.batch.memory) as points:
        yield points


def _load_future(db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan, points: str) -> None:
    assert plan.label is not None and plan.label.view is not None
    load_future(db, plan.label, plan.label.view, points, complete_to(db, project, plan.label.view))


def _write(
    db: duckdb.DuckDBPyConnection, plan: ModelPlan, file: Path, report: TrainingReport, progress: Callable[[int], None]
) -> None:
    """Evaluates the vectors batch by batch; the file appears whole, at the end, or not at all."""
    total = int(one_row(db, "SELECT count(*) FROM requests")[0])
    with whole_file(file) as unfinished:
        with pq.ParquetWriter(unfinished, _schema(plan, report)) as writer:
            for start in range(0, total, BATCH):
                rows = _rows(plan, joined_rows(db, plan.training, start, start + BATCH), writer.schema, report)
                writer.write_table(rows)
                report.rows += rows.num_rows
                report.labelled += rows.num_rows - rows["label"].null_count
                progress(report.rows)
        add_checksum(unfinished)


def _schema(plan: ModelPlan, report: TrainingReport) -> pa.Schema:
    id = plan.on.column(plan.on.id).type if plan.on.id else "string"
    label = plan.label.type if plan.label else "float64"
    fields = {"id": id, "t": "int64", **{item.name: item.type for item in plan.vector}, "label": label}
    fields |= {item.name: item.type for item in (plan.weight, plan.group, plan.part) if item is not None}
    if plan.label is not None and plan.label.matures:
        fields[MATURED] = "bool"
    metadata = {
        FINGERPRINT: plan.fingerprint.encode(),
        FROM: str(report.from_ms).encode(),
        TO: str(report.to_ms).encode(),
        BEFORE: b"true" if report.before else b"false",
        **PLACEHOLDER,
    }
    return pa.schema([pa.field(name, arrow_type(type)) for name, type in fields.items()], metadata=metadata)


def _rows(plan: ModelPlan, joined: pa.Table, schema: pa.Schema, report: TrainingReport) -> pa.Table:
    """The joined rows as they are written; those whose vector overflows, and those that are filtered, are left out."""
    found = vectors(plan.training, leaves_of(plan.training, joined), joined.num_rows)
    label, overflow = _label(plan, joined)
    lost = lost_rows(found, joined.num_rows) | overflow
    wanted = ~lost if plan.filter is None else ~lost & _holds(found.columns.pop(plan.filter.name))
    report.dead += int(lost.sum())
    report.filtered += int((~lost & ~wanted).sum())
    columns = {name: array_of(column) for name, column in found.columns.items()}
    columns |= {name: joined[name].cast(schema.field(name).type) for name in ("id", "t")}
    columns["label"] = array_of(label)
    if MATURED in schema.names:
        columns[MATURED] = joined[MATURED]
        report.immature += int((wanted & ~np.asarray(joined[MATURED])).sum())
    rows = pa.table([columns[name] for name in schema.names], schema=schema)
    return rows if wanted.all() else rows.filter(pa.array(wanted))


def _label(plan: ModelPlan, joined: pa.Table) -> tuple[Values, Mask]:
    """The label of each row, null without an event and where it has not matured; and where its int64 overflows."""
    rows = joined.num_rows
    if plan.label is None:
        return Values.of("float64", [None] * rows), np.zeros(rows, np.bool_)
    leaves = {str(leaf.name): values_of(leaf.type, joined[f"l_{leaf.name}"]) for leaf in plan.label.leaves}
    label, overflow = evaluate(plan.label.expr, leaves, rows)
    known = np.asarray(joined["came"], dtype=np.bool_)
    if plan.label.matures:
        known = known & np.asarray(joined[MATURED], dtype=np.bool_)
    return Values(label.type, label.values, label.null | ~known), overflow & known


def _holds(condition: Values) -> Mask:
    held: Mask = condition.values & ~condition.null
    return held


def leaves_of(plan: ModelPlan, joined: pa.Table) -> dict[str, Values]:
    """What the vector's expressions read, from rows of ``joined_rows``."""
    leaves = {name: values_of(plan.on.column(name).type, joined[f"c_{name}"]) for name in leaf_names(plan, "column")}
    for item in plan.inputs:
        types = {name: type for name, type, _ in item.features}
        for name in used_features(plan, item):
            leaves[f"{item.name}.{name}"] = values_of(types[name], joined[f"{item.name}.{name}"])
    return leaves


def lost_rows(found: Vectors, rows: int) -> Mask:
    """The rows that an int64 of their vector does not fit. Shape (rows,)."""
    lost = np.zeros(rows, np.bool_)
    for mask in found.overflow.values():
        lost |= mask
    return lost
