"""The rows of many records at once. What is plainly good is checked and typed by columns; everything else is read one
by one by ``penstock.features.ingest``, whose rules these are and which says what is wrong.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from types import NoneType
from typing import Any

import orjson

from penstock.features.expressions import INT64_MAX, INT64_MIN
from penstock.features.ingest import TIME_MAX, TIME_MIN, BadEvent, Row, parse
from penstock.features.plan import ColumnPlan, SourcePlan
from penstock.features.records.casts import PLAIN, Unfit, typed
from penstock.features.records.document import may_be_deep, read_value, value_at
from penstock.features.records.origin import Fields, own_name
from penstock.features.records.path import Path

#: What orjson makes of each type's plain values. A number with a fraction or an exponent is a float to it, as is an
#: integer beyond 64 bits: neither is plain in an int64 column.
_PLAIN: dict[str, frozenset[type]] = {
    "int64": frozenset({int}),
    "float64": frozenset({int, float}),
    "timestamp": frozenset({int, float}),
    "string": frozenset({str}),
    "bool": frozenset({bool}),
}
_BOUNDS = {"int64": (INT64_MIN, INT64_MAX), "timestamp": (TIME_MIN, TIME_MAX)}

#: A column's values in n records, None for null.
Column = list[Any]


class Parser:
    """Reads the records of one source."""

    def __init__(self, source: SourcePlan, clock: Callable[[], float] = time.time) -> None:
        """``clock``: the wall clock, in seconds."""
        self._clock = clock
        self._source = source
        self._names = [str(column.name) for column in source.columns]
        self._types = [column.type for column in source.columns]
        self._readers = [_reader(column) for column in source.columns]
        self._plain = [_plain_types(column) for column in source.columns]
        #: The column of the event time.
        self.time = source.time_column
        self._op = None if source.op is None else self._names.index(source.op_column)

    def rows(self, records: Sequence[Any]) -> list[Row | BadEvent]:
        """What ``penstock.features.ingest.parse`` gives for each record, or raises. ``records``: with ``value`` and
        ``timestamp``; a negative timestamp is none of their own.
        """
        now = int(self._clock() * 1000)
        plain = self._plain_rows(records, now)
        return [plain[place] if place in plain else self._one(record, now) for place, record in enumerate(records)]

    def _one(self, record: Any, now: int) -> Row | BadEvent:
        try:
            return parse(self._source, record.value, record.timestamp, now, key=record.key, headers=record.headers)
        except BadEvent as bad:
            return bad

    def _plain_rows(self, records: Sequence[Any], now: int) -> dict[int, Row]:
        """The rows of plain records by their place."""
        documents = {place: document for place, document in enumerate(map(_document, records)) if document is not None}
        columns = [
            [document.get(name) for document in documents.values()]
            if read is None
            else [read(document, records[place]) for place, document in documents.items()]
            for name, read in zip(self._names, self._readers, strict=True)
        ]
        strange = set(self._strange_types(columns))
        if not strange:
            columns = [_typed(type, column) for type, column in zip(self._types, columns, strict=True)]
            stamps = [records[place].timestamp for place in documents]
            strange.update(self._strange_values(columns, [now if ms < 0 else min(ms, now) for ms in stamps]))
        if strange:
            return self._without(records, documents, strange, now)
        names = self._names
        rows = (dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True))
        return dict(zip(documents, rows, strict=True))

    def _without(
        self, records: Sequence[Any], documents: dict[int, Any], strange: set[int], now: int
    ) -> dict[int, Row]:
        """The plain rows of the others."""
        kept = [place for number, place in enumerate(documents) if number not in strange]
        rows = self._plain_rows([records[place] for place in kept], now)
        return {kept[number]: row for number, row in rows.items()}

    def _strange_types(self, columns: Sequence[Column]) -> Iterator[int]:
        for wanted, plain, column in zip(self._types, self._plain, columns, strict=True):
            types = set(map(type, column))
            if not plain.issuperset(types):
                yield from (number for number, value in enumerate(column) if type(value) not in plain)
            if wanted == "timestamp" and float in types:
                yield from _rounded(column)

    def _strange_values(self, columns: Sequence[Column], latest: Sequence[int]) -> Iterator[int]:
        for type, column in zip(self._types, columns, strict=True):
            if type in _BOUNDS:
                yield from _beyond(column, *_BOUNDS[type])
        ahead = self._source.max_ahead_ms
        for number, (at, least) in enumerate(zip(columns[self._names.index(self.time)], latest, strict=True)):
            if least < at - ahead:
                yield number
        if self._op is not None:
            yield from (number for number, op in enumerate(columns[self._op]) if op not in (None, "insert"))


class _Strange:
    """A value of no plain type."""


_STRANGE = _Strange()

#: From what orjson makes of a record, and the record itself, to a column's value; ``_STRANGE`` where it is not plain.
Reader = Callable[[dict[str, Any], Any], Any]


def _reader(column: ColumnPlan) -> Reader | None:
    """None for a column that stands under its own name, in its own type."""
    origin, cast = column.stands, column.cast
    if cast == PLAIN and origin == own_name(column.name):
        return None
    names = origin.paths[0] if isinstance(origin, Fields) and len(origin.paths) == 1 else (0,)
    if cast == PLAIN and all(isinstance(step, str) for step in names):
        return _by_names(names)

    def read(document: dict[str, Any], record: Any) -> Any:
        try:
            value, text = read_value(origin, document, record)
            # of a number with a fraction the text would be needed
            as_read = cast == PLAIN and not text
            return (
                value if as_read else _STRANGE if type(value) is float else typed(column.type, cast, value, text=text)
            )
        except Unfit:
            return _STRANGE

    return read


def _by_names(path: Path) -> Reader:
    def read(document: dict[str, Any], record: Any) -> Any:
        node: Any = document
        try:
            for name in path:
                node = node[name]
        except (KeyError, TypeError):
            # absent, or in what has no fields
            try:
                return value_at(document, path)
            except Unfit:
                return _STRANGE
        return node

    return read


def _plain_types(column: ColumnPlan) -> frozenset[type]:
    return _PLAIN[column.type] | ({NoneType} if column.nullable else set())


def _document(record: Any) -> dict[str, Any] | None:
    """None for what is no JSON object, or none to orjson, which takes nothing that ``json`` refuses."""
    if may_be_deep(record.value or b""):
        return None
    try:
        document = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        return None
    return document if type(document) is dict else None


def _typed(type: str, column: Column) -> Column:
    if type == "float64":
        # adding zero makes a float of an integer, and 0.0 of -0.0
        return [None if value is None else value + 0.0 for value in column]
    if type == "timestamp":
        return [None if value is None else math.floor(value) for value in column]
    return column


def _rounded(column: Column) -> Iterator[int]:
    """Whole doubles: a number just below may have been rounded to one, and is floored by its text."""
    return (number for number, value in enumerate(column) if type(value) is float and value.is_integer())


def _beyond(column: Column, least: int, most: int) -> Iterator[int]:
    return (number for number, value in enumerate(column) if value is not None and not least <= value <= most)
