"""What a batch of predictions answers: a model's history, a file of requests, or every key at one time.

Each gives the requests of a part as a table ``requests``: n (0, 1, … in the order of the answers), id, t, the columns
that are read as c_<name>, and its ``own`` columns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import duckdb
import pyarrow as pa

from penstock.features.compilers.duckdb.events import Files, source_query
from penstock.features.compilers.duckdb.types import quote
from penstock.features.errors import UsageError, did_you_mean
from penstock.features.plan import ModelPlan, SourcePlan
from penstock.features.span import Span
from penstock.jobs.batch.coverage import covered_to
from penstock.jobs.batch.database import one_row
from penstock.jobs.batch.history import history_files, read_history, source_rows
from penstock.jobs.console.times import range_words
from penstock.jobs.models.arrays import ARROW_TYPES
from penstock.jobs.project.project import Project
from penstock.jobs.training.point_in_time import column, load_requests, read_columns

_DAY_MS = 86_400_000
#: A part has the requests of whole days, as many days as have together at least so many; or so many keys.
PART = 500_000
_PART = re.compile(r"part-(-?[0-9]+)-(-?[0-9]+)\.parquet")


@dataclass(frozen=True)
class Part:
    """A file of answers: the requests of ``span``; of every key the ``number``-th of ``of`` shares."""

    span: Span
    number: int = 0
    of: int = 1


class Asked(Protocol):
    """Which requests are answered. ``folder``: of their answers, below that of the version."""

    @property
    def folder(self) -> str: ...

    def span(self, db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan) -> Span:
        """The times of the requests. Raises UsageError where there are none."""

    def parts(self, db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan, span: Span) -> dict[str, Part]:
        """The parts by the names of their files."""

    def load(self, db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan, part: Part) -> tuple[int, int]:
        """Makes ``requests``. Returns how many were repeats, and how many bad."""

    def files(self, project: Project, plan: ModelPlan) -> list[str]:
        """The files that the requests are read from."""

    def own(self, plan: ModelPlan) -> dict[str, tuple[pa.DataType, str]]:
        """Columns of the answers that tell requests apart: name → type, and the column of ``requests``."""

    def is_stale(self, name: str, parts: Mapping[str, Part], span: Span) -> bool:
        """Is this file of an earlier run to go?"""


@dataclass(frozen=True)
class InHistory:
    """Every request of a range of the model's history."""

    asked: Span
    folder: str = ""

    def span(self, db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan) -> Span:
        """The range. Raises UsageError for an empty one."""
        if self.asked.from_ms >= self.asked.to_ms:
            raise UsageError(f"the range {range_words(self.asked)} is empty", allowed="--from before --to")
        return self.asked

    def parts(self, db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan, span: Span) -> dict[str, Part]:
        """Stretches of whole days."""
        return by_days(db, source_rows(db, project, plan.on, span), plan.on, span)

    def load(self, db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan, part: Part) -> tuple[int, int]:
        """By time, id and place in the files. A repeat of an id at one time is the same request."""
        return load_requests(db, project, plan, part.span)

    def files(self, project: Project, plan: ModelPlan) -> list[str]:
        """The history."""
        return history_files(plan.on, project.history(plan.on.name))

    def own(self, plan: ModelPlan) -> dict[str, tuple[pa.DataType, str]]:
        """The id."""
        type = plan.on.column(plan.on.id).type if plan.on.id else "string"
        return {"id": (ARROW_TYPES[type], "id")}

    def is_stale(self, name: str, parts: Mapping[str, Part], span: Span) -> bool:
        """A part that the range cuts otherwise."""
        ends = _PART.fullmatch(name)
        overlaps = ends is not None and int(ends[1]) < span.to_ms and int(ends[2]) > span.from_ms
        return overlaps and name not in parts


@dataclass(frozen=True)
class InFile:
    """The rows of a file (Parquet, JSON lines or CSV), each once: its columns are the request's, by their own names and
    in their own types, of which the model must read no other.
    """

    file: Path

    @property
    def folder(self) -> str:
        """Named after the file."""
        return f"of-{self.file.name}"

    def span(self, db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan) -> Span:
        """From the first to the last request."""
        time = quote(plan.on.time_column)
        first, last = one_row(
            db, f"SELECT min({time}), max({time}) FROM ({self._rows(db, plan, None)}) WHERE _bad IS NULL"
        )
        if first is None:
            raise UsageError("there is no request that can be answered", where=str(self.file))
        return Span(first, last + 1)

    def parts(self, db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan, span: Span) -> dict[str, Part]:
        """Stretches of whole days."""
        return by_days(db, self._rows(db, plan, span), plan.on, span)

    def load(self, db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan, part: Part) -> tuple[int, int]:
        """By time and place in the file."""
        db.execute(f"CREATE TABLE read AS {self._rows(db, plan, part.span)}")
        _keep(db, plan, "SELECT *, _row AS row FROM read WHERE _bad IS NULL", quote(plan.on.time_column), "t, row")
        (dead,) = one_row(db, "SELECT count(_bad) FROM read")
        db.execute("DROP TABLE read")
        return 0, int(dead)

    def files(self, project: Project, plan: ModelPlan) -> list[str]:
        """The file."""
        return [str(self.file.resolve())]

    def own(self, plan: ModelPlan) -> dict[str, tuple[pa.DataType, str]]:
        """The place in the file, from 0 on, and the columns that were read."""
        return {"row": (pa.int64(), "row"), **_read(plan)}

    def is_stale(self, name: str, parts: Mapping[str, Part], span: Span) -> bool:
        """Any other part."""
        return name.startswith("part-") and name not in parts

    def _rows(self, db: duckdb.DuckDBPyConnection, plan: ModelPlan, span: Span | None) -> str:
        if not self.file.is_file():
            raise UsageError("there is no such file of requests", where=str(self.file))
        return source_query(*self._source(db, plan), span)

    def _source(self, db: duckdb.DuckDBPyConnection, plan: ModelPlan) -> tuple[SourcePlan, list[Files]]:
        """The columns that are read, as a source of their own, and the file's."""
        names = [plan.on.time_column, *read_columns(plan)]
        typed = plan.on.as_typed()
        columns = tuple(column for column in typed.columns if column.name in names)
        source = replace(typed, id=None, op=None, columns=columns)
        files = read_history(db, source, [str(self.file)])
        for each in files:
            for name in (name for name in names if name not in each.columns):
                raise UsageError(
                    f"the requests lack the column {name!r}",
                    where=str(self.file),
                    allowed=f"the time and all that {plan.name} reads: {', '.join(dict.fromkeys(names))}",
                    hint=did_you_mean(name, list(each.columns)),
                )
        return source, files


@dataclass(frozen=True)
class EveryKey:
    """The newest request of each key, asked again at one time: the keys are all columns that an input is read by.

    ``at``: milliseconds; None: the last moment that all change points cover.
    """

    at: int | None

    @property
    def folder(self) -> str:
        """One for all times: the parts of another time go."""
        return "keys"

    def span(self, db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan) -> Span:
        """The one moment."""
        if self.at is not None:
            return Span(self.at, self.at + 1)
        views = [project.plans[item.view] for item in plan.inputs]
        ends = [covered_to(view, project.change_points(view.name)) for view in views if not view.static]
        if not ends:
            raise UsageError("no change points say up to when there are events", allowed="--at TIME beside --all")
        return Span(min(ends) - 1, min(ends))

    def parts(self, db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan, span: Span) -> dict[str, Part]:
        """Shares of the keys."""
        keys = ", ".join(map(quote, _keys(plan)))
        rows = self._rows(db, project, plan, span)
        (count,) = one_row(db, f"SELECT count(*) FROM (SELECT DISTINCT {keys} FROM ({rows}) WHERE _bad IS NULL)")
        of = -(-int(count) // PART)
        return {f"part-{number}-of-{of}.parquet": Part(span, number, of) for number in range(of)}

    def load(self, db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan, part: Part) -> tuple[int, int]:
        """By the keys."""
        keys, time = ", ".join(map(quote, _keys(plan))), quote(plan.on.time_column)
        order = ", ".join(map(column, _keys(plan)))
        share = f"hash({keys}) % {part.of} = {part.number}"
        rows = f"""SELECT *, 0 AS row FROM ({self._rows(db, project, plan, part.span)}) WHERE _bad IS NULL AND {share}
            QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {time} DESC, _file DESC, _row DESC) = 1"""
        _keep(db, plan, rows, str(part.span.from_ms), order)
        return 0, 0

    def files(self, project: Project, plan: ModelPlan) -> list[str]:
        """The history."""
        return history_files(plan.on, project.history(plan.on.name))

    def own(self, plan: ModelPlan) -> dict[str, tuple[pa.DataType, str]]:
        """The columns that were read."""
        return _read(plan)

    def is_stale(self, name: str, parts: Mapping[str, Part], span: Span) -> bool:
        """Any other part."""
        return name.startswith("part-") and name not in parts

    def _rows(self, db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan, span: Span) -> str:
        if not _keys(plan):
            raise UsageError(f"{plan.name} reads no key", allowed="a model with a view or table among its inputs")
        return f"{source_rows(db, project, plan.on)} WHERE {quote(plan.on.time_column)} < {span.to_ms}"


def by_days(db: duckdb.DuckDBPyConnection, rows: str, source: SourcePlan, span: Span) -> dict[str, Part]:
    """The span in stretches of whole days, each with enough of these rows."""
    time = quote(source.time_column)
    days: list[tuple[int, int]] = db.execute(
        f"SELECT {time} // {_DAY_MS} AS day, count(*) FROM ({rows}) WHERE _bad IS NULL GROUP BY day ORDER BY day"
    ).fetchall()
    cuts, count = [span.from_ms], 0
    for day, number in days:
        start = max(span.from_ms, day * _DAY_MS)
        if count >= PART and start > cuts[-1]:
            cuts.append(start)
            count = 0
        count += number
    spans = [Span(*pair) for pair in zip(cuts, [*cuts[1:], span.to_ms], strict=True)]
    return {f"part-{each.from_ms}-{each.to_ms}.parquet": Part(each) for each in spans}


def _keep(db: duckdb.DuckDBPyConnection, plan: ModelPlan, rows: str, t: str, order: str) -> None:
    """Makes ``requests`` of rows that have ``row``, in this order of its columns; ``t``: the time at which they ask."""
    columns = "".join(f", {quote(name)} AS {column(name)}" for name in read_columns(plan))
    db.execute(
        f"""CREATE TABLE requests AS SELECT row_number() OVER (ORDER BY {order}) - 1 AS n, *
        FROM (SELECT CAST(NULL AS VARCHAR) AS id, CAST({t} AS BIGINT) AS t, CAST(row AS BIGINT) AS row{columns}
        FROM ({rows})) ORDER BY n"""
    )


def _keys(plan: ModelPlan) -> list[str]:
    """The request columns that inputs are read by."""
    return list(dict.fromkeys(asked for item in plan.inputs for _, asked in item.key))


def _read(plan: ModelPlan) -> dict[str, tuple[pa.DataType, str]]:
    return {name: (ARROW_TYPES[plan.on.column(name).type], f"c_{name}") for name in read_columns(plan)}
