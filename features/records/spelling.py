"""Rows written as the records that a source reads: what reading them gives the same rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from penstock.features.plan import ColumnPlan, SourcePlan
from penstock.features.records.casts import Cast, Unfit
from penstock.features.records.document import Document, Record, read_object
from penstock.features.records.origin import Fields, Header, RecordKey
from penstock.features.records.path import Path
from penstock.features.records.times import ISO, UNITS, iso_text

#: In a line of a file, beside the document's own fields: the parts of the record that are not in its document.
KEY, TIMESTAMP, HEADERS = "_key", "_timestamp", "_headers"


@dataclass
class Spelled:
    """A record to be written. ``key``: text, or a document; ``headers``: by name."""

    document: Document = field(default_factory=dict)
    key: str | Document | None = None
    timestamp: int | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def record(self) -> Record:
        """As it lies on a topic."""
        key = self.key if self.key is None or isinstance(self.key, str) else _json(self.key)
        headers = [(name, value.encode()) for name, value in self.headers.items()]
        return Record(_json(self.document).encode(), self.timestamp, None if key is None else key.encode(), headers)

    def line(self, beside: Mapping[str, Any]) -> bytes:
        """As a line of a file, with more fields ``beside`` its own."""
        parts = {KEY: self.key, TIMESTAMP: self.timestamp, HEADERS: self.headers or None}
        parts = {name: value for name, value in parts.items() if value is not None}
        return _json({**beside, **parts, **self.document}).encode()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def uses_parts(source: SourcePlan) -> bool:
    """Does the source read more of a record than its document?"""
    return any(not isinstance(column.stands, Fields) for column in source.columns)


def line_record(source: SourcePlan, line: bytes) -> Record:
    """The record that a line of a file is. Raises Unfit for parts that are none."""
    if not uses_parts(source):
        return Record(line)
    document = read_object(line)
    key, timestamp, headers = document.get(KEY), document.get(TIMESTAMP), document.get(HEADERS)
    if timestamp is not None and type(timestamp) is not int:
        raise Unfit("wrong type", f"{TIMESTAMP} is not a whole number of milliseconds")
    if headers is not None and not isinstance(headers, dict):
        raise Unfit("wrong type", f"{HEADERS} is not an object of texts")
    pairs = [(name, None if value is None else _part(value)) for name, value in (headers or {}).items()]
    return Record(line, timestamp, None if key is None else _part(key), pairs)


def _part(value: Any) -> bytes:
    return (value if isinstance(value, str) else _json(value)).encode("utf-8", "surrogatepass")


def spell(source: SourcePlan, row: Mapping[str, Any]) -> Spelled:
    """A good row of the source as a record."""
    spelled = Spelled()
    for column in source.columns:
        if row[column.name] is not None:
            put(spelled, column, _written(column.type, column.cast, row[column.name]))
    return spelled


def put(spelled: Spelled, column: ColumnPlan, written: Any) -> None:
    """Puts a value, as it is written, where the column stands."""
    origin = column.stands
    if isinstance(origin, Fields):
        _set(spelled.document, origin.paths[0], written)
    elif isinstance(origin, Header):
        spelled.headers[origin.name] = _as_text(written)
    elif not isinstance(origin, RecordKey):
        spelled.timestamp = written
    elif origin.path is None:
        spelled.key = _as_text(written)
    else:
        if not isinstance(spelled.key, dict):
            spelled.key = {}
        _set(spelled.key, origin.path, written)


def _as_text(written: Any) -> str:
    return written if isinstance(written, str) else _json(written)


def _written(type: str, cast: Cast, value: Any) -> Any:
    if type == "timestamp":
        return written_time(cast.unit, value)
    if cast.values is not None:
        return next(text for text, meant in cast.values if meant == value)
    return value


def written_time(unit: str, ms: int) -> Any:
    """A time in whole milliseconds as a column of this unit has it."""
    if unit == ISO:
        return iso_text(ms)
    if unit != "s":
        return int(ms * 10 ** -UNITS[unit])
    # fifteen digits at most, which a double's own text keeps
    return ms // 1000 if ms % 1000 == 0 else ms / 1000


def _set(document: Document, path: Path, value: Any) -> None:
    node: Any = document
    for step, after in pairwise(path):
        node = _entered(node, step, [] if isinstance(after, int) else {})
    _entered(node, path[-1], value)


def _entered(node: Any, step: str | int, fresh: Any) -> Any:
    """What stands at a step, ``fresh`` where nothing does."""
    if isinstance(step, int):
        node.extend([None] * (step + 1 - len(node)))
        if node[step] is None:
            node[step] = fresh
        return node[step]
    return node.setdefault(step, fresh)
