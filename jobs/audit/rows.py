"""Why batch does not have a row at the row's own time: a finding for each case of a view."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np

from penstock.features.compilers.duckdb.types import quote
from penstock.features.plan import ModelPlan, ViewPlan
from penstock.jobs.audit.apart import load_apart
from penstock.jobs.audit.emitted import load_emitted
from penstock.jobs.audit.findings import Finding
from penstock.jobs.audit.known import Known, reach
from penstock.jobs.audit.late import load_late
from penstock.jobs.audit.unlike import rests_on, typed_column
from penstock.jobs.batch.history import history_files
from penstock.jobs.console.times import time_words
from penstock.jobs.kafka.reading import first_offsets
from penstock.jobs.parity.bits import differing
from penstock.jobs.project.project import Project

#: Causes that rest on no proof.
_OPEN = ("missing history", "unexplained")


class _Case(NamedTuple):
    """``at``: the row's time; ``emitted``: its fingerprint, None where its topic has it no longer; ``model``: that of
    the prediction; ``asked``: when it was requested; ``came``: events that came late, the first at ``topic``,
    ``partition``, ``offset``.
    """

    number: int
    at: int
    emitted: str | None
    model: str
    asked: int
    came: int | None
    topic: str | None
    partition: int | None
    offset: int | None


class RowCauses:
    """Looks into ``served``, Kafka, and the files of history. ``known``: the events at hand, by view and source."""

    def __init__(
        self,
        db: duckdb.DuckDBPyConnection,
        project: Project,
        plan: ModelPlan,
        known: Mapping[str, Mapping[str, Known]],
        folder: Path,
    ) -> None:
        self._db, self._project, self._plan, self._known, self._folder = db, project, plan, known, folder

    def of_cases(self, view: ViewPlan) -> dict[int, Finding]:
        """By the number of a case in ``cases_<view>``. Raises PenstockError for what Kafka or DuckDB cannot."""
        load_emitted(self._db, self._project, view)
        proved = load_late(self._db, self._project, view, self._known[view.name], self._folder)
        explained = self._explained(view, "without") if proved else set()
        found = {case.number: self._why(view, case, case.number in explained) for case in self._cases(view)}
        if view.static or all(finding.cause not in _OPEN for finding in found.values()):
            return found
        apart = self._apart(view)
        return {n: apart.get(n, finding) if finding.cause in _OPEN else finding for n, finding in found.items()}

    def of_no_row(self, view: ViewPlan, fingerprint: str, t: int, point: int | None) -> Finding:
        """Why a prediction found no row of its key. ``point``: since when batch has one."""
        if fingerprint != self._plan.fingerprint:
            return self._another_model(fingerprint)
        if point is not None:
            since = "" if view.static else f"; batch has one since {time_words(point)}"
            return Finding("stale", f"the store had no row of {view.name} for this key yet{since}")
        nothing = Finding("unexplained", f"neither the store nor batch has a row of {view.name} for this key")
        return self._gap(view, t) or nothing

    def _apart(self, view: ViewPlan) -> dict[int, Finding]:
        """Cases whose history and topics hold different events, where the topics' say what was served."""
        if not load_apart(self._db, self._project, view, self._known[view.name], self._folder):
            return {}
        first = "arg_min({'topic': _topic, 'partition': _partition, 'offset': _offset}, _offset)"
        rows = self._db.execute(
            f"""SELECT _case, count(*) FILTER (_topic IS NULL), min(_time) FILTER (_topic IS NULL),
            count(_topic), {first} FROM {quote(f"apart_{view.name}")} GROUP BY _case"""
        ).fetchall()
        explained = self._explained(view, "topic")
        return {case: _other_history(*rest) for case, *rest in rows if case in explained}

    def _cases(self, view: ViewPlan) -> list[_Case]:
        cases, emitted, late = (quote(f"{kind}_{view.name}") for kind in ("cases", "emitted", "late"))
        first = "arg_min({'topic': _topic, 'partition': _partition, 'offset': _offset}, _sent)"
        rows = self._db.execute(
            f"""SELECT _case, _at, _fingerprint, s.fingerprint, _asked, came,
              first."topic", first."partition", first."offset"
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
        if case.came and (explained or view.source.changes):
            return self._late(view, case)
        return self._gap(view, case.at) or self._lost_beginning(view, case.at) or _unexplained(case)

    def _late(self, view: ViewPlan, case: _Case) -> Finding:
        events = _events(case.came or 0)
        place = f"{case.topic}-{case.partition}-{case.offset}"
        proof = "" if view.source.changes else "; without what came late batch says what was served"
        return Finding("late", f"{events} of the row's time or earlier came after it, first {place}{proof}")

    def _another_model(self, fingerprint: str) -> Finding:
        words = f"predicted by fingerprint {fingerprint[:12]}, {self._plan.name} is now {self._plan.fingerprint[:12]}"
        return Finding("redefined", words)

    def _gap(self, view: ViewPlan, at: int) -> Finding | None:
        """Do the events at hand end before ``at``? Of a union's streams one may be quiet while another goes on: alone
        it lacks events only if its topic can have lost them.
        """
        if view.static:
            return None
        known = self._known[view.name]
        ended = [name for name, events in known.items() if events.last is None or events.last < at]
        if len(ended) < len(known):
            ended = [name for name in ended if self._can_lack(name)]
        return _ended(ended[0], known[ended[0]].last, at) if ended else None

    def _lost_beginning(self, view: ViewPlan, at: int) -> Finding | None:
        """Do they begin after what a row may rest on, and has the topic lost what was before them?"""
        needed = reach(view, at, at)
        for name, events in self._known[view.name].items():
            begin = events.first
            if begin is not None and needed is not None and begin > needed[0] and self._can_lack(name):
                held = f"the events of {name} at hand begin at {time_words(begin)}"
                return Finding("missing history", f"{held}; the row may rest on earlier ones")
        return None

    def _can_lack(self, source: str) -> bool:
        """Has its topic lost its beginning, or has it none?"""
        topic = self._project.streams[source].topic
        return topic is None or any(first_offsets(self._project, topic).values())

    def _why_file(self, view: ViewPlan, case: _Case) -> Finding:
        """What holds for all time is said by files that say one thing, once."""
        (source,) = view.source.sources
        files = history_files(source, self._project.history(source.name))
        if max(os.stat(file).st_mtime_ns for file in files) // 1_000_000 > case.asked:
            return Finding("late", f"the files of {view.source.name} were written anew after the request")
        words = f"the files of {view.source.name} have other values, and are older than the request"
        return Finding("unexplained", words)

    # -- the proof --------------------------------------------------------------------------------------------------

    def _explained(self, view: ViewPlan, events: str) -> set[int]:
        """Cases for which batch says what was served, of the events that ``<events>_<view>`` rests on."""
        inputs = [i for i, item in enumerate(self._plan.inputs) if item.view == view.name]
        return {case for i in inputs for case in self._same(view, i, events)}

    def _same(self, view: ViewPlan, i: int, events: str) -> list[int]:
        entries = self._plain_entries(i)
        read = [f"s.v_{j}, w.{quote(f'f_{name}')} AS w_{j}" for j, name in entries.items()]
        cases, said = quote(f"cases_{view.name}"), quote(f"{events}_{view.name}")
        table = self._db.execute(
            f"""SELECT {", ".join(["_case", *read])} FROM {cases} AS c JOIN {said} AS w USING (_case)
            JOIN served AS s ON s.n = c._n WHERE c._i = {i}"""
        ).to_arrow_table()
        wrong = np.zeros(table.num_rows, np.bool_)
        for j in entries:
            type = self._plan.vector[j].type
            wrong |= differing(typed_column(type, table[f"v_{j}"]), typed_column(type, table[f"w_{j}"]))
        return [case for case, bad in zip(table["_case"].to_pylist(), wrong.tolist(), strict=True) if not bad]

    def _plain_entries(self, i: int) -> dict[int, str]:
        """Entries that are a feature of input i as it stands, and which."""
        name = self._plan.inputs[i].name
        plain = {j: rests_on(item)[0] for j, item in enumerate(self._plan.vector) if item.expr.op == "feature"}
        return {j: feature for j, (owner, feature) in plain.items() if owner == name}


def _other_history(only_history: int, time: int | None, only_topic: int, place: dict[str, Any] | None) -> Finding:
    parts = []
    if time is not None:
        parts.append(f"history has {_events(only_history)} that the topic never had, first of {time_words(time)}")
    if only_topic and place is not None:
        at = f"{place['topic']}-{place['partition']}-{place['offset']}"
        parts.append(f"the topic has {_events(only_topic)} that history does not have, first {at}")
    return Finding("other history", f"{' and '.join(parts)}; of the topic's events batch says what was served")


def _events(number: int) -> str:
    return "1 event" if number == 1 else f"{number:,} events"


def _ended(source: str, last: int | None, at: int) -> Finding:
    held = f"end at {time_words(last)}" if last is not None else "are none"
    return Finding("missing history", f"the events of {source} at hand {held}, the row is of {time_words(at)}")


def _unexplained(case: _Case) -> Finding:
    if not case.came:
        return Finding("unexplained", f"no event came after the row of {time_words(case.at)}")
    words = f"{case.came:,} events came after the row, but without them batch has another value, too"
    return Finding("unexplained", words)
