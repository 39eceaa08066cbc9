"""Predictions against batch, from records to causes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.jobs.audit.batch import recompute
from penstock.jobs.audit.causes import Findings, find_causes
from penstock.jobs.audit.requests import read_requests
from penstock.jobs.audit.served import load_served
from penstock.jobs.audit.unlike import Unlike, compare, missing_columns
from penstock.jobs.batch.database import explained, one_row, scratch_database
from penstock.jobs.batch.parts import PLAIN_TYPES
from penstock.jobs.models.folder import versions_before
from penstock.jobs.project.project import Project


@dataclass(frozen=True)
class Checked:
    """``db``: the tables of ``penstock.jobs.audit``; ``unlike`` and ``findings``: what differs from batch, and why.
    ``timeless``: names of the inputs that hold for all time.
    """

    db: duckdb.DuckDBPyConnection
    plan: ModelPlan
    timeless: frozenset[str]
    predictions: int
    unlike: Unlike
    findings: Findings


@contextmanager
def checked(project: Project, plan: ModelPlan, file: Path, span: Span | None = None) -> Iterator[Checked]:
    """Checks the predictions in ``file`` (one JSON record a line) with ``span.from_ms <= t < span.to_ms`` (None: all).

    What it writes lies beside the file. The tables last until the end of the block. Raises UsageError for a history
    that is missing or does not fit, PenstockError for what DuckDB or Kafka cannot.
    """
    with explained(f"the check of {plan.name}"), scratch_database(file.parent, project.config.batch.memory) as db:
        before = versions_before(project.config.models_at, plan.name)
        load_served(db, plan, project.plans, file, span, before)
        total = int(one_row(db, "SELECT count(*) FROM served")[0])
        timeless = frozenset(str(item.name) for item in plan.inputs if project.plans[item.view].static)
        if not total:
            yield Checked(db, plan, timeless, 0, Unlike((), {}, {}), {})
            return
        known = recompute(db, project, plan, file.parent)
        unlike = compare(db, plan, _request_columns(db, project, plan))
        findings = find_causes(db, project, plan, known, unlike, file.parent)
        yield Checked(db, plan, timeless, total, unlike, findings)


def _request_columns(db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan) -> dict[str, pa.Array]:
    """What entries rest on and no prediction holds, from the requests themselves; null where they are gone."""
    names = missing_columns(plan)
    if not names:
        return {}
    ids = [id for (id,) in db.execute("SELECT id FROM served ORDER BY n").fetchall()]
    rows = read_requests(project, plan, ids)
    return {
        name: pa.array([rows.get(id, {}).get(name) for id in ids], PLAIN_TYPES[plan.on.column(name).type])
        for name in names
    }
