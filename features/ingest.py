"""One raw Kafka record to one typed row, or the reason why not: the rules every engine's parser follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.features.plan import ColumnPlan, SourcePlan
from penstock.features.records import casts
from penstock.features.records.casts import Unfit, typed
from penstock.features.records.columns import origin_text
from penstock.features.records.document import Document, Record, fields_there, read_object, read_value, shown_value

#: Timestamps are those of the years 1 to 9999, in milliseconds since the epoch.
TIME_MIN, TIME_MAX = casts.TIME_MIN, casts.TIME_MAX

#: What a row can do to its event; a null is an insert.
OPS = ("insert", "update", "delete")

#: What can become of an event; each is of one class.
CLASSES = ("applied", "too_late", "duplicate", "dead")

#: What every reader of a Kafka topic reads: records of transactions that were aborted are no events.
ISOLATION = "read_committed"

Row = dict[str, Any]


class BadEvent(Exception):
    """An event that cannot be applied. ``code`` is one of ``CODES``, ``view`` is set when only that view refuses it.

    ``source``: of a union's streams the one that it is from.
    """

    def __init__(self, code: str, detail: str, view: str | None = None, source: str | None = None) -> None:
        assert code in CODES, code
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.view, self.source = code, detail, view, source


class Tombstone(Exception):
    """A record without a value, of a stream whose tombstones are no events."""


CODES = (
    "not json",
    "wrong type",
    "out of range",
    "missing time",
    "missing value",
    "missing key",
    "too far ahead",
    "overflow",
    "too long",
    "unreadable",
    "no answer",
)


def parse(
    source: SourcePlan,
    raw: bytes | None,
    kafka_ms: int | None = None,
    now_ms: int | None = None,
    *,
    key: bytes | None = None,
    headers: Sequence[tuple[str, bytes | None]] = (),
) -> Row:
    """The typed and checked row of one JSON record. ``kafka_ms``: the record's own timestamp; ``now_ms``: the wall
    clock when it is read. None, or a negative timestamp: not known, and ``max_ahead`` is not held against it.

    Raises BadEvent, and Tombstone for a record that is no event.
    """
    row = decode(source, Record(raw, kafka_ms, key, headers))
    try:
        check_row(source, row, kafka_ms, now_ms)
    except BadEvent as bad:
        raise _with_fields(bad, raw) if bad.code.startswith("missing") else bad from None
    return row


def decode(source: SourcePlan, record: Record) -> Row:
    """The typed row of one JSON record, before ``check_row``.

    Fields that are not declared are ignored, absent ones are null. Raises BadEvent, and Tombstone.
    """
    if record.value is None and source.tombstones:
        raise Tombstone
    try:
        document = read_object(record.value)
        return {column.name: _value(column, document, record) for column in source.columns}
    except Unfit as unfit:
        raise BadEvent(unfit.code, unfit.what) from None
    except _Misfit as misfit:
        raise _with_fields(misfit.bad, record.value) from None


def _value(column: ColumnPlan, document: Document, record: Record) -> Any:
    value, text = None, False
    try:
        value, text = read_value(column.stands, document, record)
        return typed(column.type, column.cast, value, text=text)
    except Unfit as unfit:
        where = origin_text(column.name, column.stands)
        shown = "" if value is None else f" {shown_value(value)},"
        raise _Misfit(BadEvent(unfit.code, f"{where} is{shown} {unfit.what}")) from None


class _Misfit(Exception):
    """A bad event whose letter names the fields that the record has."""

    def __init__(self, bad: BadEvent) -> None:
        super().__init__(bad)
        self.bad = bad


def _with_fields(bad: BadEvent, raw: bytes | None) -> BadEvent:
    return BadEvent(bad.code, f"{bad.detail}; the record has {fields_there(read_object(raw))}")


def check_row(source: SourcePlan, row: Row, kafka_ms: int | None = None, now_ms: int | None = None) -> None:
    """The rules that need no parsing: nulls, the range of timestamps, ``max_ahead``. Raises BadEvent."""
    for column in source.columns:
        if column.type == "timestamp" and row[column.name] is not None:
            _in_years(column.name, row[column.name])
    if source.time is not None:
        time = row[source.time]
        if time is None:
            raise BadEvent("missing time", f"{source.time} is null")
        for what, latest in (("its record", kafka_ms), ("the wall clock", now_ms)):
            if latest is not None and latest >= 0 and time > latest + source.max_ahead_ms:
                raise BadEvent(
                    "too far ahead", f"{source.time} {time} is later than {what} by over {source.max_ahead_ms} ms"
                )
    for column in source.columns:
        if not column.nullable and row[column.name] is None:
            raise BadEvent("missing value", f"{column.name} is null")
    if source.op is not None:
        _check_op(source, row)


def _check_op(source: SourcePlan, row: Row) -> None:
    op = row[source.op_column]
    if op not in (None, *OPS):
        raise BadEvent("wrong type", f"{source.op} is {op[:20]!r}, one of {' '.join(OPS)} is wanted")
    if op in ("update", "delete") and row[source.id_column] is None:
        raise BadEvent("missing value", f"{source.id} is null, and {op} names its event by it")


def _in_years(name: str, time: int) -> None:
    if not TIME_MIN <= time <= TIME_MAX:
        raise BadEvent("out of range", f"{name} {time} is outside the years 1 to 9999")
