"""A model's answers to many requests, as Parquet: those that the stream would have given at their times.

``<folder>/<version>/part-<from>-<to>.parquet`` for a history, one part for each stretch of days; for what else is
asked in a folder of its own there. A part that is there already, and rests on the same files, stays: a run that was
stopped goes on.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.features.canonical import canonical_json
from penstock.features.errors import PenstockError, UsageError
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.features.vector import vectors
from penstock.jobs.batch.coverage import check_coverage
from penstock.jobs.batch.database import explained, one_row, scratch_database
from penstock.jobs.batch.parts import FINGERPRINT, FROM, TO, part_files
from penstock.jobs.models.folder import LoadedModel, load_current, load_named
from penstock.jobs.models.kernel.takeover import take_over
from penstock.jobs.parquet.checksums import PLACEHOLDER, add_checksum, check_files
from penstock.jobs.prediction.asked import Asked, Part
from penstock.jobs.process.whole_file import whole_file
from penstock.jobs.project.project import Project
from penstock.jobs.training.point_in_time import join_input, joined_rows, load_labels
from penstock.jobs.training.training_set import BATCH, leaves_of, lost_rows

VERSION, RESTS_ON = b"penstock.version", b"penstock.rests_on"

Own = dict[str, tuple[pa.DataType, str]]


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
    asked: Asked,
    folder: Path,
    *,
    version: str | None = None,
    told: Callable[[str], None] = lambda line: None,
    progress: Callable[[int], None] = lambda rows: None,
) -> Predicted:
    """Answers the requests that are asked for, once each, with the current version unless another one is named.

    Columns: those that tell requests apart (``Asked.own``), ``t`` (int64, milliseconds), ``value`` (float64, or a
    struct with a number for each output), ``version``, ``fingerprint``. ``progress`` is told the rows so far.

    Raises UsageError for an empty range, a version that is not there, requests that lack a column, and for history or
    change points that do not cover their times; RefusedError for a version or change points of another definition.
    """
    whole = project.model(model_name).model_plan
    if whole.by is not None:
        raise UsageError(
            f"{whole.name} has versions for values of {whole.by}", where=model_name, allowed="a model without by="
        )
    models = project.config.models_at
    model = load_current(models, whole) if version is None else load_named(models, whole, version)
    told(take_over(model))
    # what is for training alone is no part of an answer
    plan = replace(whole, label=None, weight=None, filter=None, group=None)
    own = folder / model.version / asked.folder
    own.mkdir(parents=True, exist_ok=True)
    parts = _parts(project, plan, asked, own)
    report = Predicted(str(plan.name), model.version, str(own))
    rests_on = _rests_on(project, plan, asked)
    for path, part in parts.items():
        rows = _rows_of(path, rests_on)
        if rows is None:
            rows = _write(project, model, plan, asked, part, path, rests_on, report)
        else:
            report.reused += 1
        report.rows += rows
        report.parts += 1
        progress(report.rows)
    return report


def _parts(project: Project, plan: ModelPlan, asked: Asked, folder: Path) -> dict[Path, Part]:
    """The parts by their files, once change points cover all times. Those of earlier runs that do not fit go."""
    with explained(f"the requests of {plan.name}"), scratch_database(folder, project.config.batch.memory) as db:
        span = asked.span(db, project, plan)
        for view in dict.fromkeys(project.plans[item.view] for item in plan.inputs):
            check_coverage(project, view, project.change_points(view.name), span)
        parts = asked.parts(db, project, plan, span)
    for path in [path for path in folder.iterdir() if asked.is_stale(path.name, parts, span)]:
        path.unlink()
    return {folder / name: part for name, part in parts.items()}


def _rests_on(project: Project, plan: ModelPlan, asked: Asked) -> bytes:
    """The files that the answers rest on, by size and time."""
    views = [project.plans[item.view] for item in plan.inputs]
    files = asked.files(project, plan)
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
    asked: Asked,
    part: Part,
    path: Path,
    rests_on: bytes,
    report: Predicted,
) -> int:
    """Writes one part, which appears whole or not at all. Returns its rows."""
    rows = 0
    with explained(f"predictions of {plan.name}"), scratch_database(path.parent, project.config.batch.memory) as db:
        duplicate, dead = asked.load(db, project, plan, part)
        report.duplicate += duplicate
        report.dead += dead
        for number, item in enumerate(plan.inputs):
            view = project.plans[item.view]
            join_input(db, plan, number, view, project.change_points(view.name), before=False)
        load_labels(db, project, plan)
        own = asked.own(plan)
        with whole_file(path) as unfinished:
            schema = _schema(plan, model, own, part.span, rests_on)
            with pq.ParquetWriter(unfinished, schema) as writer:
                for table in _answers(db, plan, model, own, schema, report):
                    writer.write_table(table)
                    rows += table.num_rows
            add_checksum(unfinished)
    return rows


def _schema(plan: ModelPlan, model: LoadedModel, own: Own, span: Span, rests_on: bytes) -> pa.Schema:
    outputs = [pa.field(name, pa.float64()) for name in model.metadata.outputs]
    text = pa.dictionary(pa.int32(), pa.string())
    fields = [pa.field(name, type) for name, (type, _) in own.items()]
    fields += [pa.field("t", pa.int64()), pa.field("value", pa.struct(outputs) if outputs else pa.float64())]
    fields += [pa.field("version", text), pa.field("fingerprint", text)]
    metadata = {
        FINGERPRINT: model.fingerprint.encode(),
        VERSION: model.version.encode(),
        FROM: str(span.from_ms).encode(),
        TO: str(span.to_ms).encode(),
        RESTS_ON: rests_on,
        **PLACEHOLDER,
    }
    return pa.schema(fields, metadata=metadata)


def _answers(
    db: duckdb.DuckDBPyConnection, plan: ModelPlan, model: LoadedModel, own: Own, schema: pa.Schema, report: Predicted
) -> Iterator[pa.Table]:
    for start in range(0, int(one_row(db, "SELECT count(*) FROM requests")[0]), BATCH):
        joined = joined_rows(db, plan, start, start + BATCH)
        found = vectors(plan, leaves_of(plan, joined), joined.num_rows)
        answers = model.predict(found.columns)
        good = ~lost_rows(found, joined.num_rows) & np.isfinite(answers.reshape(joined.num_rows, -1)).all(axis=1)
        report.dead += int((~good).sum())
        columns = [
            *(_as_is(joined[column], type) for type, column in own.values()),
            joined["t"].cast(pa.int64()),
            _value(answers, schema.field(len(own) + 1).type),
            *(_repeated(text, joined.num_rows) for text in (model.version, model.fingerprint)),
        ]
        yield pa.table(columns, schema=schema).filter(pa.array(good))


def _as_is(column: pa.ChunkedArray, type: pa.DataType) -> pa.ChunkedArray:
    """Of times the table has milliseconds."""
    return column.cast(pa.int64()).cast(type) if pa.types.is_timestamp(type) else column.cast(type)


def _value(answers: Any, type: pa.DataType) -> pa.Array:
    if answers.ndim == 1:
        return pa.array(answers)
    return pa.StructArray.from_arrays([pa.array(column) for column in answers.T], fields=list(type))


def _repeated(text: str, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))
