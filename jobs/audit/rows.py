"""Why batch does not have a row at the row's own time: a finding for each case of a view."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from features.compilers.duckdb.types import quote
from features.plan import ModelPlan, ViewPlan
from jobs.audit.emitted import load_emitted
from jobs.audit.findings import Finding
from jobs.audit.known import Known, reach
from jobs.audit.late import load_late
from jobs.audit.topics import first_offsets
from jobs.audit.unlike import rests_on
from jobs.bits import differing
from jobs.history import history_files
from jobs.models.arrays import array_of, values_of
from jobs.project import Project
from jobs.times import time_words


class _Case(NamedTuple):
    """``at``: the row's time; ``emitted``: its fingerprint, None where its topic has it no longer; ``model``: that of
    the prediction; ``asked``: when it was requested; ``came``: events that came late, the first at partition, offset.
    """

    number: int
    at: int
    emitted: str | None
    model: str
    asked: int
    came: int | None
    partition: int | None
    offset: int | None


class RowCauses:
    """Looks into ``served``, Kafka, and the files of history. ``known``: the events at hand, by view."""

    def __init__(
        self,
        db: duckdb.DuckDBPyConnection,
        project: Project,
        plan: ModelPlan,
        known: Mapping[str, Known],
        folder: Path,
    ) -> None:
        self._db, self._project, self._plan, self._known, self._folder = db, project, plan, known, folder

    def of_cases(self, view: ViewPlan) -> dict[int, Finding]:
        """By the number of a case in ``cases_<view>``. Raises PenstockError for what Kafka or DuckDB cannot."""
        load_emitted(self._db, self._project, view)
        proved = load_late(self._db, self._project, view, self._known[view.name], self._folder)
        explained = self._explained(view) if proved else set()
        return {case.number: self._why(view, case, case.number in explained) for case in self._cases(view)}

    def of_no_row(self, view: ViewPlan, fingerprint: str, t: int, point: int | None) -> Finding:
        """Why a prediction found no row of its key. ``point``: since when batch has one."""
        if fingerprint != self._plan.fingerprint:
            return self._another_model(fingerprint)
        if point is not None:
            since = "" if view.static else f"; batch has one since {time_words(point)}"
            return Finding("stale", f"the store had no row of {view.name} for this key yet{since}")
        nothing = Finding("unexplained", f"neither the store nor batch has a row of {view.name} for this key")
        return self._gap(view, t) or nothing

    def _cases(self, view: ViewPlan) -> list[_Case]:
        cases, emitted, late = (quote(f"{kind}_{view.name}") for kind in ("cases", "emitted", "late"))
        first = "arg_min({'partition': _partition, 'offset': _offset}, _sent)"
        rows = self._db.execute(
            f"""SELECT _case, _at, _fingerprint, s.fingerprint, _asked, came, first."partition", first."offset"
            FROM {cases} AS c LEFT JOIN {emitted} USING (_case) JOIN served AS s ON s.n = c._n
            LEFT JOIN (SELECT _case, count(*) AS came, {first} AS first FROM {late} GROUP BY _case) USING (_case)"""
        ).fetchall()
        return [_Case(*row) for row in rows]

    def _why(self, view: ViewPlan, case: _Case, explained: bool) -> Finding:
        if case.emitted is not None and case.emitted != view.fingerprint:
            words = f"the row is of fingerprint {case.emitted[:12]}, {view.name} is now {view.fingerprint[:12]}"
            return Finding("redefined", words)
        if case.emitted is None and case.model != self._plan.fingerprint:
            return self._another_model(case.model)
        if view.static:
            return self._why_file(view, case)
        if case.came and (explained or view.source.op is not None):
            return self._late(view, case)
        return self._gap(view, case.at) or self._lost_beginning(view, case.at) or _unexplained(case)

    def _late(self, view: ViewPlan, case: _Case) -> Finding:
        events = "1 event" if case.came == 1 else f"{case.came:,} events"
        place = f"{self._project.topic(view.source.name)}-{case.partition}-{case.offset}"
        proof = "" if view.source.op is not None else "; without what came late batch says what was served"
        return Finding("late", f"{events} of the row's time or earlier came after it, first {place}{proof}")

    def _another_model(self, fingerprint: str) -> Finding:
        words = f"predicted by fingerprint {fingerprint[:12]}, {self._plan.name} is now {self._plan.fingerprint[:12]}"
        return Finding("redefined", words)

    def _gap(self, view: ViewPlan, at: int) -> Finding | None:
        """Do the events at hand end before ``at``?"""
        last = self._known[view.name].last
        if view.static or (last is not None and last >= at):
            return None
        held = f"end at {time_words(last)}" if last is not None else "are none"
        words = f"the events of {view.source.name} at hand {held}, the row is of {time_words(at)}"
        return Finding("missing history", words)

    def _lost_beginning(self, view: ViewPlan, at: int) -> Finding | None:
        """Do they begin after what a row may rest on, and has the topic lost what was before them?"""
        begin, needed = self._known[view.name].first, reach(view, at, at)
        if begin is None or needed is None or begin <= needed[0]:
            return None
        topic = self._project.streams[view.source.name].topic
        if topic is not None and not any(first_offsets(self._project, topic).values()):
            return None
        held = f"the events of {view.source.name} at hand begin at {time_words(begin)}"
        return Finding("missing history", f"{held}; the row may rest on earlier ones")

    def _why_file(self, view: ViewPlan, case: _Case) -> Finding:
        """What holds for all time is said by files that say one thing, once."""
        files = history_files(view.source, self._project.history(view.source.name))
        if max(os.stat(file).st_mtime_ns for file in files) // 1_000_000 > case.asked:
            return Finding("late", f"the files of {view.source.name} were written anew after the request")
        words = f"the files of {view.source.name} have other values, and are older than the request"
        return Finding("unexplained", words)

    # -- the proof --------------------------------------------------------------------------------------------------

    def _explained(self, view: ViewPlan) -> set[int]:
        """Cases for which batch says what was served once it leaves out what came late."""
        inputs = [i for i, item in enumerate(self._plan.inputs) if item.view == view.name]
        return {case for i in inputs for case in self._same_without(view, i)}

    def _same_without(self, view: ViewPlan, i: int) -> list[int]:
        entries = self._plain_entries(i)
        read = [f"s.v_{j}, w.{quote(f'f_{name}')} AS w_{j}" for j, name in entries.items()]
        cases, without = quote(f"cases_{view.name}"), quote(f"without_{view.name}")
        table = self._db.execute(
            f"""SELECT {", ".join(["_case", *read])} FROM {cases} AS c JOIN {without} AS w USING (_case)
            JOIN served AS s ON s.n = c._n WHERE c._i = {i}"""
        ).to_arrow_table()
        wrong = np.zeros(table.num_rows, np.bool_)
        for j in entries:
            type = self._plan.vector[j].type
            wrong |= differing(_typed(type, table[f"v_{j}"]), _typed(type, table[f"w_{j}"]))
        return [case for case, bad in zip(table["_case"].to_pylist(), wrong.tolist(), strict=True) if not bad]

    def _plain_entries(self, i: int) -> dict[int, str]:
        """Entries that are a feature of input i as it stands, and which."""
        name = self._plan.inputs[i].name
        plain = {j: rests_on(item)[0] for j, item in enumerate(self._plan.vector) if item.expr.op == "feature"}
        return {j: feature for j, (owner, feature) in plain.items() if owner == name}


def _unexplained(case: _Case) -> Finding:
    if not case.came:
        return Finding("unexplained", f"no event came after the row of {time_words(case.at)}")
    words = f"{case.came:,} events came after the row, but without them batch has another value, too"
    return Finding("unexplained", words)


def _typed(type: str, column: Any) -> pa.ChunkedArray:
    return pa.chunked_array([array_of(values_of(type, column))])
