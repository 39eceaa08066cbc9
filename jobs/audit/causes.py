"""A cause for every entry of every prediction that differs from batch, at the row's own time or the request's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import numpy as np

from penstock.features.durations import duration_text
from penstock.features.plan import ModelPlan
from penstock.jobs.audit.doubts import entries_on, load_doubts
from penstock.jobs.audit.findings import Finding, first
from penstock.jobs.audit.known import Known
from penstock.jobs.audit.rows import RowCauses
from penstock.jobs.audit.unlike import Unlike
from penstock.jobs.console.times import time_words
from penstock.jobs.project.project import Project

#: By (place among the entries, n): why the entry differs.
Findings = dict[tuple[int, int], Finding]

#: By n.
_ByPrediction = dict[int, Finding]


def find_causes(
    db: duckdb.DuckDBPyConnection,
    project: Project,
    plan: ModelPlan,
    known: Mapping[str, Mapping[str, Known]],
    unlike: Unlike,
    folder: Path,
) -> Findings:
    """The causes of all that differs. ``folder`` is written into. Raises PenstockError for what Kafka cannot."""
    rows = RowCauses(db, project, plan, known, folder)
    cases = {}
    for name in dict.fromkeys(item.view for item in plan.inputs):
        doubted = load_doubts(db, plan, project.plans[name], unlike)
        cases[name] = rows.of_cases(project.plans[name]) if doubted else {}
    inputs = range(len(plan.inputs))
    content = [_content(db, i, cases[plan.inputs[i].view]) | _no_rows(db, project, plan, rows, i) for i in inputs]
    timing = [_timing(db, i) for i in inputs]
    found: Findings = {}
    for place in range(len(unlike.entries)):
        found |= _of_entry(db, plan, unlike, place, content, timing)
    return found


def _of_entry(
    db: duckdb.DuckDBPyConnection,
    plan: ModelPlan,
    unlike: Unlike,
    place: int,
    content: list[_ByPrediction],
    timing: list[_ByPrediction],
) -> Findings:
    own, asked = unlike.masks["at_row"][place], unlike.masks["at_request"][place]
    inputs = [i for i in range(len(plan.inputs)) if place in entries_on(plan, unlike.entries, i)]
    absent = _absent(db, plan.vector[unlike.entries[place]].name)
    found: Findings = {}
    for n in np.flatnonzero(own | asked).tolist():
        causes = content if own[n] else timing
        found[place, n] = absent.get(n) or first(causes[i][n] for i in inputs if n in causes[i])
    return found


def _absent(db: duckdb.DuckDBPyConnection, name: str) -> _ByPrediction:
    """Predictions by another definition, which had no such entry."""
    rows = db.execute("SELECT n FROM served WHERE NOT list_contains(names, ?)", [name]).fetchall()
    finding = Finding("redefined", "the definition that predicted had no such entry in its vector")
    return {n: finding for (n,) in rows}


def _content(db: duckdb.DuckDBPyConnection, i: int, cases: Mapping[int, Finding]) -> _ByPrediction:
    """Why the row of input i may not be batch's."""
    return {n: cases[case] for n, case in db.execute(f"SELECT n, _case FROM doubted_{i}").fetchall()}


def _no_rows(
    db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan, rows: RowCauses, i: int
) -> _ByPrediction:
    """Predictions that found no row of their key for input i."""
    view = project.plans[plan.inputs[i].view]
    found = db.execute(
        f"SELECT n, fingerprint, t, point FROM doubts_{i} JOIN served USING (n) JOIN at_request_{i} USING (n) "
        f"WHERE t_{i} IS NULL"
    ).fetchall()
    return {n: rows.of_no_row(view, *rest) for n, *rest in found}


def _timing(db: duckdb.DuckDBPyConnection, i: int) -> _ByPrediction:
    """Where input i read another row than the one that holds at the request's time."""
    rows = db.execute(
        f"""SELECT n, asks, t_{i}, r.point, stale FROM served
        JOIN at_row_{i} AS o USING (n) JOIN at_request_{i} AS r USING (n) WHERE o.point IS DISTINCT FROM r.point"""
    ).fetchall()
    return {n: _moved(*rest) for n, *rest in rows}


def _moved(t: int, read: int, point: int | None, stale: bool) -> Finding:
    if read > t:
        return Finding("ahead", f"the row read is {duration_text(read - t)} later than the request")
    since = f", batch has one of {time_words(point)}" if point is not None else ""
    own = "; the request's own event had not come in time" if stale else ""
    return Finding("stale", f"the row read is {duration_text(t - read)} older than the request{since}{own}")
