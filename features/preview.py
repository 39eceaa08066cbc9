"""A view on a few events, in this process: for notebooks and unit tests. The oracle answers, so no engine is needed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.features.errors import UsageError
from penstock.features.ingest import BadEvent, Row, decode
from penstock.features.location import caller
from penstock.features.oracle import Key, Result, batch
from penstock.features.plan import SOURCE, ColumnPlan, SourcePlan, ViewPlan
from penstock.features.records.casts import Unfit
from penstock.features.records.document import Document, Record, value_at
from penstock.features.records.origin import Fields
from penstock.features.records.spelling import Spelled, put, written_time

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Bad events that are put in words; the rest is counted.
_TOLD = 10


def preview(plan: ViewPlan, events: Any, at: int | datetime | None = None) -> list[dict[str, Any]]:
    """All change points of the events, or with ``at`` what holds at that time, a row per key; by key and time.

    ``events``: column → value, in order of arrival; a list of dicts, a DataFrame or an Arrow table. An event of a union
    names its stream in ``_source``. Where the stream has paths or casts, an event is a document as its topic has it;
    headers, the record's key and its timestamp stand beside it under their columns' names. Undeclared columns are
    ignored, an absent one is null, and so are NaN and NaT. A time is a datetime (UTC unless it says otherwise) or a
    number of milliseconds since the epoch, or of the column's unit. A row has the key columns, ``t`` and the features;
    times in it are milliseconds. Raises UsageError with the reason for each bad event.
    """
    given = _events(events)
    result = batch(plan, [_row(_source(plan, index, event), event) for index, event in enumerate(given)])
    if result.dead:
        raise _bad(plan, result, len(given))
    rows = result.rows if at is None else _holding(plan, result, _milliseconds(at))
    names = [*(key.name for key in plan.key), "t", *(feature.name for feature in plan.features)]
    return [dict(zip(names, (*row[0], row[1], *row[3]), strict=True)) for row in rows]


def _events(given: Any) -> list[Mapping[str, Any]]:
    """A list of events, whatever holds them. Raises UsageError for what are none."""
    rows = given
    if hasattr(given, "to_pylist"):  # Arrow
        rows = given.to_pylist()
    elif hasattr(given, "to_dicts"):  # Polars
        rows = given.to_dicts()
    elif hasattr(given, "convert_dtypes") and hasattr(given, "columns"):
        # pandas: whole numbers are doubles there as soon as one is missing
        rows = given.convert_dtypes().astype(object).where(given.notna(), None).to_dict("records")
    if isinstance(rows, Iterable) and not isinstance(rows, (str, bytes, Mapping)):
        events = list(rows)
        if all(isinstance(event, Mapping) for event in events):
            return events
    raise UsageError(
        f"{type(given).__name__} holds no events",
        where=caller(),
        allowed="a list of dicts, column → value; a DataFrame; or an Arrow table",
    )


def _source(plan: ViewPlan, index: int, event: Mapping[str, Any]) -> SourcePlan:
    """The source that an event is from. Raises UsageError where it must say so and does not."""
    if isinstance(plan.source, SourcePlan):
        return plan.source
    named = {source.name: source for source in plan.source.sources}
    if event.get(SOURCE) not in named:
        raise UsageError(
            f"event {index} does not say which stream it is from: {SOURCE} is {event.get(SOURCE)!r}",
            where=caller(),
            allowed=", ".join(named),
        )
    return named[event[SOURCE]]


def _row(source: SourcePlan, event: Mapping[str, Any]) -> Row | BadEvent:
    # through JSON, so that it is read by the rules of every engine's events
    try:
        return {**decode(source, _record(source, event)), SOURCE: source.name}
    except BadEvent as bad:
        return BadEvent(bad.code, bad.detail, source=source.name)
    except TypeError as error:
        return BadEvent("wrong type", str(error), source=source.name)


def _record(source: SourcePlan, event: Mapping[str, Any]) -> Record:
    """The event as the source's record; what is no field of its document stands under its column's name."""
    if source.plain:
        document = {column.name: _value(column, event.get(column.name)) for column in source.columns}
        return Record(json.dumps(document).encode())
    spelled = Spelled(_documented(event))
    for column in source.columns:
        if isinstance(column.stands, Fields):
            _spell_times(spelled.document, column, column.stands)
        elif (value := _plain(event.get(column.name))) is not None:
            put(spelled, column, _spelled_time(column, value))
    return spelled.record


def _documented(value: Any) -> Any:
    """A value with JSON's own types at every level, but for datetimes."""
    if isinstance(value, Mapping):
        return {str(name): _documented(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_documented(item) for item in value]
    return _plain(value)


def _spell_times(document: Document, column: ColumnPlan, fields: Fields) -> None:
    """Writes the datetimes of a column as its records have them."""
    for path in fields.paths:
        try:
            node, value = value_at(document, path[:-1]), value_at(document, path)
        except Unfit:
            continue  # what reads the document says so
        if isinstance(value, datetime):
            node[path[-1]] = _spelled_time(column, value)


def _spelled_time(column: ColumnPlan, value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    return written_time(column.cast.unit, _milliseconds(value))


def _value(column: ColumnPlan, value: Any) -> Any:
    if column.type == "timestamp" and isinstance(value, datetime) and value == value:
        return _milliseconds(value)
    return _plain(value)


def _plain(value: Any) -> Any:
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return None
    return value.item() if hasattr(value, "item") else value  # numpy's own


def _milliseconds(time: int | datetime) -> int:
    if isinstance(time, datetime):
        aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
        return (aware - _EPOCH) // timedelta(milliseconds=1)
    return time


def _holding(plan: ViewPlan, result: Result, at: int) -> list[tuple[Key, int, int, tuple[Any, ...]]]:
    """Each key's newest change point until then; before its first one it has the values over nothing."""
    nothing = tuple(feature.default for feature in plan.features)
    held: dict[Key, tuple[Any, ...]] = {}
    for key, t, _, values in result.rows:
        held[key] = values if t <= at else held.get(key, nothing)
    return [(key, at, 0, values) for key, values in held.items()]


def _bad(plan: ViewPlan, result: Result, given: int) -> UsageError:
    told = [f"event {index}: {bad}" for index, bad in result.dead[:_TOLD]]
    more = [f"and {len(result.dead) - _TOLD} more"] if len(result.dead) > _TOLD else []
    return UsageError(
        f"{len(result.dead)} of {given} events are bad for {plan.name}: " + "; ".join([*told, *more]),
        where=caller(),
        allowed="; ".join(
            ", ".join(f"{column.name} {column.type}" for column in source.columns) for source in plan.source.sources
        ),
    )
