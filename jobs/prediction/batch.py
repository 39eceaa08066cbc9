"""A model's answers to the requests of its history, as Parquet: those that the stream would have given at their times.

``<folder>/<version>/part-<from>-<to>.parquet``, one part for each stretch of days. A part that is there already, and
rests on the same files, stays: a run that was stopped goes on.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.features.canonical import canonical_json
from penstock.features.compilers.duckdb.types import quote
from penstock.features.errors import PenstockError, UsageError
from penstock.features.plan import ModelPlan, ViewPlan
from penstock.features.span import Span
from penstock.features.vector import vectors
from penstock.jobs.batch.coverage import check_coverage
from penstock.jobs.batch.database import explained, one_row, scratch_database
from penstock.jobs.batch.history import history_files, source_rows
from penstock.jobs.batch.parts import FINGERPRINT, FROM, TO, part_files
from penstock.jobs.console.times import range_words
from penstock.jobs.models.arrays import ARROW_TYPES
from penstock.jobs.models.folder import LoadedModel, load_current, load_named
from penstock.jobs.models.kernel.takeover import take_over
from penstock.jobs.parquet.checksums import PLACEHOLDER, add_checksum, check_files
from penstock.jobs.process.whole_file import whole_file
from penstock.jobs.project.project import Project
from penstock.jobs.training.point_in_time import join_input, joined_rows, load_labels, load_requests
from penstock.jobs.training.training_set import BATCH, leaves_of, lost_rows

VERSION, RESTS_ON = b"penstock.version", b"penstock.rests_on"
_DAY_MS = 86_400_000
#: A part has the requests of whole days, as many days as have together at least so many.
PART = 500_000
_PART = re.compile(r"part-(-?[0-9]+)-(-?[0-9]+)\.parquet")


@dataclass
class Predicted:
    """``rows`` are in ``parts``, ``reused`` of which were there already. Not written in this run: ``duplicate``
    repeats of a request, and ``dead`` ones: bad rows, and those whose vector overflows or has no finite answer.
    """

    model: str
    version: str
    folder: str
    rows: int = 0
    parts: int = 0
    reused: int = 0
    duplicate: int = 0
    dead: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def summary(self) -> str:
        """One line."""
        return (
            f"{self.model} {self.version}: {self.rows:,} predictions in {self.parts:,} parts ({self.reused:,} were "
            f"there already; {self.duplicate:,} duplicate, {self.dead:,} dead)"
        )


def predict(
    project: Project,
    model_name: str,
    span: Span,
    folder: Path,
    *,
    version: str | None = None,
    told: Callable[[str], None] = lambda line: None,
    progress: Callable[[int], None] = lambda rows: None,
) -> Predicted:
    """Answers every request of a range, once, with the current version unless another one is named.

    Columns: ``id``, ``t`` (int64, milliseconds), ``value`` (float64, or a struct with a number for each output),
    ``version``, ``fingerprint``. ``progress`` is told the rows so far.

    Raises UsageError for an empty range, a version that is not there, and for history or change points that do not
    cover it; RefusedError for a version or change points of another definition.
    """
    if span.from_ms >= span.to_ms:
        raise UsageError(f"the range {range_words(span)} is empty", allowed="--from before --to")
    plan = project.model(model_name).model_plan
    if plan.by is not None:
        raise UsageError(
            f"{plan.name} has versions for values of {plan.by}", where=model_name, allowed="a model without by="
        )
    models = project.config.models_at
    model = load_current(models, plan) if version is None else load_named(models, plan, version)
    told(take_over(model))
    views = [project.plans[item.view] for item in plan.inputs]
    for view in dict.fromkeys(views):
        check_coverage(project, view, project.change_points(view.name), span)
    own = folder / model.version
    own.mkdir(parents=True, exist_ok=True)
    report = Predicted(str(plan.name), model.version, str(own))
    parts = {own / f"part-{part.from_ms}-{part.to_ms}.parquet": part for part in _parts(project, plan, span, own)}
    _make_room(own, span, parts)
    rests_on = _rests_on(project, plan, views)
    for path, part in parts.items():
        rows = _rows_of(path, rests_on)
        if rows is None:
            rows = _write(project, model, plan, part, path, rests_on, report)
        else:
            report.reused += 1
        report.rows += rows
        report.parts += 1
        progress(report.rows)
    return report


def _parts(project: Project, plan: ModelPlan, span: Span, folder: Path) -> list[Span]:
    """The range in stretches of whole days."""
    days = _days(project, plan, span, folder)
    cuts, rows = [span.from_ms], 0
    for day, number in days:
        start = max(span.from_ms, day * _DAY_MS)
        if rows >= PART and start > cuts[-1]:
            cuts.append(start)
            rows = 0
        rows += number
    return [Span(*pair) for pair in zip(cuts, [*cuts[1:], span.to_ms], strict=True)]


def _days(project: Project, plan: ModelPlan, span: Span, folder: Path) -> list[tuple[int, int]]:
    """Each day that has requests, and how many."""
    time = quote(plan.on.time_column)
    with explained(f"the requests of {plan.name}"), scratch_database(folder, project.config.batch.memory) as db:
        found: list[tuple[int, int]] = db.execute(
            f"""SELECT {time} // {_DAY_MS} AS day, count(*) FROM ({source_rows(db, project, plan.on, span)})
            WHERE _bad IS NULL GROUP BY day ORDER BY day"""
        ).fetchall()
        return found


def _make_room(folder: Path, span: Span, parts: dict[Path, Span]) -> None:
    """Deletes parts of earlier runs that the range cuts otherwise."""
    for path in folder.iterdir():
        name = _PART.fullmatch(path.name)
        if name and path not in parts and int(name[1]) < span.to_ms and int(name[2]) > span.from_ms:
            path.unlink()


def _rests_on(project: Project, plan: ModelPlan, views: Sequence[ViewPlan]) -> bytes:
    """The files that the answers rest on, by size and time."""
    files = history_files(plan.on, project.history(plan.on.name))
    files += [str(file) for view in views for file in part_files(project.change_points(view.name))]
    stats = [[file, (stat := os.stat(file)).st_size, stat.st_mtime_ns] for file in sorted(files)]
    return hashlib.sha256(canonical_json(stats).encode()).hexdigest().encode()


def _rows_of(path: Path, rests_on: bytes) -> int | None:
    """How many rows a part has that was written before; None where it has to be written."""
    if not path.exists():
        return None
    try:
        check_files([path])
    except PenstockError:
        return None
    metadata = pq.read_metadata(path)
    return int(metadata.num_rows) if (metadata.metadata or {}).get(RESTS_ON) == rests_on else None


def _write(
    project: Project,
    model: LoadedModel,
    plan: ModelPlan,
    span: Span,
    path: Path,
    rests_on: bytes,
    report: Predicted,
) -> int:
    """Writes one part, which appears whole or not at all. Returns its rows."""
    # what is for training alone is no part of an answer
    bare = replace(plan, label=None, weight=None, filter=None, group=None)
    rows = 0
    with explained(f"predictions of {plan.name}"), scratch_database(path.parent, project.config.batch.memory) as db:
        duplicate, dead = load_requests(db, project, bare, span)
        report.duplicate += duplicate
        report.dead += dead
        for number, item in enumerate(plan.inputs):
            view = project.plans[item.view]
            join_input(db, bare, number, view, project.change_points(view.name), before=False)
        load_labels(db, project, bare)
        with whole_file(path) as unfinished:
            with pq.ParquetWriter(unfinished, _schema(plan, model, span, rests_on)) as writer:
                for table in _answers(db, bare, model, writer.schema, report):
                    writer.write_table(table)
                    rows += table.num_rows
            add_checksum(unfinished)
    return rows


def _schema(plan: ModelPlan, model: LoadedModel, span: Span, rests_on: bytes) -> pa.Schema:
    id = plan.on.column(plan.on.id).type if plan.on.id else "string"
    outputs = [pa.field(name, pa.float64()) for name in model.metadata.outputs]
    text = pa.dictionary(pa.int32(), pa.string())
    fields = {
        "id": ARROW_TYPES[id],
        "t": pa.int64(),
        "value": pa.struct(outputs) if outputs else pa.float64(),
        "version": text,
        "fingerprint": text,
    }
    metadata = {
        FINGERPRINT: plan.fingerprint.encode(),
        VERSION: model.version.encode(),
        FROM: str(span.from_ms).encode(),
        TO: str(span.to_ms).encode(),
        RESTS_ON: rests_on,
        **PLACEHOLDER,
    }
    return pa.schema([pa.field(name, type) for name, type in fields.items()], metadata=metadata)


def _answers(
    db: duckdb.DuckDBPyConnection, plan: ModelPlan, model: LoadedModel, schema: pa.Schema, report: Predicted
) -> Iterator[pa.Table]:
    for start in range(0, int(one_row(db, "SELECT count(*) FROM requests")[0]), BATCH):
        joined = joined_rows(db, plan, start, start + BATCH)
        found = vectors(plan, leaves_of(plan, joined), joined.num_rows)
        answers = model.predict(found.columns)
        good = ~lost_rows(found, joined.num_rows) & np.isfinite(answers.reshape(joined.num_rows, -1)).all(axis=1)
        report.dead += int((~good).sum())
        columns = [
            joined["id"].cast(schema.field("id").type),
            joined["t"].cast(pa.int64()),
            _value(answers, schema.field("value").type),
            *(_repeated(text, joined.num_rows) for text in (model.version, model.fingerprint)),
        ]
        yield pa.table(columns, schema=schema).filter(pa.array(good))


def _value(answers: Any, type: pa.DataType) -> pa.Array:
    if answers.ndim == 1:
        return pa.array(answers)
    return pa.StructArray.from_arrays([pa.array(column) for column in answers.T], fields=list(type))


def _repeated(text: str, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))
