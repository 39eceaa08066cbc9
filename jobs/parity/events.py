"""The events that engines are compared on: a file in order of arrival, JSON lines or Parquet."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.features.errors import UsageError, did_you_mean
from penstock.features.ingest import BadEvent, Row, check_row, decode
from penstock.features.oracle import Key
from penstock.features.plan import SOURCE, SourcePlan, UnionPlan, ViewPlan
from penstock.features.records.casts import Unfit
from penstock.features.records.document import Record
from penstock.features.records.spelling import line_record


@dataclass(frozen=True)
class Arrival:
    """One event as it arrived. ``index``: its place in the file; ``row``: its typed values, whether they are good or
    not, or None where the record cannot be read; ``bad``: why its ``source`` refuses it, or None. ``raw``: its line.
    """

    index: int
    raw: bytes
    row: Row | None
    bad: BadEvent | None
    source: SourcePlan

    @property
    def record(self) -> Record:
        """The record that its line is, or one without a key and headers where that cannot be read."""
        try:
            return line_record(self.source, self.raw)
        except Unfit:
            return Record(self.raw)

    @property
    def time(self) -> int | None:
        """Event time in milliseconds; None for a bad event, and for one that holds for all time."""
        if self.row is None or self.bad is not None or self.source.static:
            return None
        time: int = self.row[self.source.time_column]
        return time


def read_events(file: Path, sources: Mapping[str, SourcePlan]) -> dict[str, list[Arrival]]:
    """Source name → its events in order of arrival. Raises UsageError for a file or a source that is not known."""
    if not file.is_file():
        raise UsageError("there is no such file of events", where=str(file), allowed="JSON lines, or Parquet")
    in_parquet = _is_parquet(file)
    for spelled in sources.values():
        if in_parquet and not spelled.plain:
            raise UsageError(
                f"Parquet has no records of {spelled.name}, which has paths or casts",
                where=str(file),
                allowed="JSON lines: records as the topic has them",
            )
    records = _parquet_records(file) if in_parquet else file.read_bytes().split(b"\n")
    arrivals: dict[str, list[Arrival]] = {name: [] for name in sources}
    for index, raw in enumerate(records):
        if raw.strip():
            source = _source(raw, sources, f"{file}:{index + 1}")
            arrivals[source].append(arrival(sources[source], index, raw))
    return arrivals


def _is_parquet(file: Path) -> bool:
    with file.open("rb") as head:
        return head.read(4) == b"PAR1"


def _source(raw: bytes, sources: Mapping[str, SourcePlan], place: str) -> str:
    if len(sources) == 1:
        return next(iter(sources))
    try:
        name = json.loads(raw)[SOURCE]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(
            f"an event does not say its source in {SOURCE!r}", where=place, allowed=", ".join(sources)
        ) from None
    if name not in sources:
        raise UsageError(
            f"there is no source {name!r}",
            where=place,
            allowed=", ".join(sources),
            hint=did_you_mean(str(name), sources),
        )
    return str(name)


def arrival(source: SourcePlan, index: int, raw: bytes) -> Arrival:
    """A record as its source takes it."""
    row = None
    try:
        record = line_record(source, raw)
        row = decode(source, record)
        check_row(source, row, record.timestamp)
    except Unfit as unfit:
        return Arrival(index, raw, None, BadEvent(unfit.code, unfit.what, source=source.name), source)
    except BadEvent as bad:
        return Arrival(index, raw, row, BadEvent(bad.code, bad.detail, source=source.name), source)
    return Arrival(index, raw, row, None, source)


def of_source(source: SourcePlan | UnionPlan, arrivals: Mapping[str, Sequence[Arrival]]) -> list[Arrival]:
    """The events of a view's source, for a union those of its streams together, in order of arrival."""
    return list(merge(*(arrivals[each.name] for each in source.sources), key=lambda arrival: arrival.index))


def key_of(plan: ViewPlan, arrival: Arrival) -> Key | None:
    """The key of a view that an event belongs to; None for one that its source refuses."""
    if arrival.row is None or arrival.bad is not None:
        return None
    return tuple(arrival.row[key.name] for key in plan.key)


def _parquet_records(file: Path) -> Iterator[bytes]:
    """Each row as the record that a producer would send: NaN and infinities null, times in milliseconds."""
    for batch in pq.ParquetFile(file).iter_batches():
        table = pa.table({name: _plain(batch.column(i)) for i, name in enumerate(batch.schema.names)})
        for row in table.to_pylist():
            yield json.dumps({name: _value(value) for name, value in row.items()}, ensure_ascii=False).encode()


def _plain(column: pa.Array) -> pa.Array:
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us"))
    if not pa.types.is_timestamp(column.type):
        return column
    per_second = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[column.type.unit]
    units = column.cast(pa.int64()).to_pylist()
    return pa.array([None if x is None else x * 1000 // per_second for x in units], pa.int64())


def _value(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
