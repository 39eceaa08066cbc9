"""``penstock check --events`` and ``--topic``: real records, read by the definition."""

from __future__ import annotations

import time
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from rich.table import Table as Grid

from penstock.features.errors import UsageError, did_you_mean
from penstock.features.plan import ColumnPlan
from penstock.features.records.columns import origin_text
from penstock.features.records.document import Record
from penstock.jobs.batch.lines import CSV, is_lines, kind, opened
from penstock.jobs.console.visible import visible
from penstock.jobs.kafka.reading import read_records
from penstock.jobs.project.context import Context
from penstock.jobs.project.project import Project
from penstock.jobs.records.look import Look, Seen, look_at_lines

#: How many characters of a value are shown.
_SHOWN = 30


def check_records(context: Context, events: Path | None, topic: str | None, source: str | None, most: int) -> None:
    """Shows what the records of a file or a topic become. Raises UsageError for a source that is not known."""
    project = context.project
    look = Look(project.streams[_source(project, topic, source)].source_plan)
    if events is not None:
        _look_at_file(look, events, most)
    else:
        _look_at_topic(project, look, str(topic), most)
    context.out.print(_grid(look))
    tombstones = f", {look.tombstones:,} tombstones" if look.tombstones else ""
    total = sum(look.dead.values())
    context.out.print(f"{look.good:,} good records{tombstones}, {total:,} would be dead letters")
    for code, count in look.dead.most_common():
        context.out.print(visible(f"{count:,} {code}, the first: {look.why[code]}"))
    context.result(**_json(look))


def _source(project: Project, topic: str | None, source: str | None) -> str:
    if topic is not None:
        names = [name for name, stream in project.streams.items() if stream.topic == topic]
    else:
        names = list(project.streams)
    if source is not None and source in names:
        return source
    if source is None and len(names) == 1:
        return names[0]
    what = "which source?" if source is None else f"there is no source {source!r}"
    if topic is not None and not names:
        what, names = f"no source reads the topic {topic!r}", list(project.streams)
    raise UsageError(
        what, where="--source", allowed=", ".join(names), hint=None if source is None else did_you_mean(source, names)
    )


def _look_at_file(look: Look, file: Path, most: int) -> None:
    if not file.is_file() or not is_lines(str(file)) or kind(str(file)) in CSV:
        raise UsageError(
            "these are no records in JSON lines", where=str(file), allowed="a file .jsonl .ndjson .json, also .gz .zst"
        )
    with opened(str(file)) as lines:
        look_at_lines(look, islice(lines, most), str(file))


def _look_at_topic(project: Project, look: Look, topic: str, most: int) -> None:
    now = int(time.time() * 1000)
    with closing(read_records(project, topic, None)) as records:
        for each in islice(records, most):
            record = Record(each.value, each.timestamp, each.key, each.headers)
            look.add(record, f"{topic}-{each.partition}-{each.offset}", now)


def _grid(look: Look) -> Grid:
    grid = Grid("column", "type", "stands at", "values", "nulls", "such as", title=f"source {look.source.name}")
    for column in look.source.columns:
        seen = look.columns[column.name]
        grid.add_row(
            column.name, column.type, str(column.stands), f"{seen.values:,}", f"{seen.nulls:,}", _such_as(seen)
        )
    return grid


def _such_as(seen: Seen) -> str:
    return visible(", ".join(repr(value)[:_SHOWN] for value in seen.examples))


def _json(look: Look) -> dict[str, Any]:
    columns = {column.name: _column(column, look.columns[column.name]) for column in look.source.columns}
    dead = {code: {"records": count, "first": look.why[code]} for code, count in look.dead.items()}
    return {
        "source": look.source.name,
        "good": look.good,
        "tombstones": look.tombstones,
        "dead": dead,
        "columns": columns,
    }


def _column(column: ColumnPlan, seen: Seen) -> dict[str, Any]:
    return {"type": column.type, "at": origin_text(column.name, column.stands), "values": seen.values,
            "nulls": seen.nulls, "examples": seen.examples}  # fmt: skip
