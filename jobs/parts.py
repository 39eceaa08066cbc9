"""A view's change points on disk: Parquet parts, each for one range of time, with what made them in their metadata."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.compilers.duckdb.parquet import parquet
from features.plan import ViewPlan
from features.types import list_of

#: Keys of a part's metadata: its plan's fingerprint, its range in milliseconds, what history it was made from, and
#: when the backfill began that made it.
FINGERPRINT, FROM, TO, HISTORY, GENERATION = (
    f"penstock.{name}".encode() for name in ("fingerprint", "from", "to", "history", "generation")
)

#: Of a training set: whether events at exactly the request's time were left out, ``true`` or ``false``.
BEFORE = b"penstock.before"

#: The columns that are there for Feast: a row's time, and its part's generation, by which Feast orders repeats.
FEAST_COLUMNS = ("event_timestamp", "created_timestamp")

#: The generation of parts that a version without generations made: older than any other, later than none.
UNKNOWN_GENERATION = 1

#: Microseconds: what Feast and DuckDB agree on.
TIMESTAMP = pa.timestamp("us", tz="UTC")

#: In a millisecond. By its bytes: pyarrow's own way to a scalar would import pandas.
_MICROSECONDS = pa.Array.from_buffers(pa.int64(), 1, [None, pa.py_buffer(struct.pack("=q", 1000))])[0]

ARROW_TYPES = {
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "bool": pa.bool_(),
    "timestamp": TIMESTAMP,
}
ARROW_TYPES |= {list_of(name): pa.list_(type) for name, type in ARROW_TYPES.items()}


@dataclass(frozen=True)
class Part:
    """One file: the change points with ``from_ms <= t < to_ms``. ``generation``: milliseconds since the epoch."""

    path: Path
    from_ms: int
    to_ms: int
    fingerprint: str
    history: str
    generation: int


def read_part(path: Path) -> Part:
    """What a file's metadata says of it."""
    found = pq.read_schema(path).metadata or {}
    from_ms, to_ms = (int(found.get(name, b"0")) for name in (FROM, TO))
    fingerprint, history = (found.get(name, b"").decode() for name in (FINGERPRINT, HISTORY))
    return Part(path, from_ms, to_ms, fingerprint, history, int(found.get(GENERATION, UNKNOWN_GENERATION)))


def part_schema(plan: ViewPlan) -> pa.Schema:
    """Key columns, ``t`` in milliseconds, Feast's columns, features."""
    keys = [pa.field(key.name, ARROW_TYPES[key.type]) for key in plan.key]
    times = [pa.field("t", pa.int64()), *(pa.field(name, TIMESTAMP) for name in FEAST_COLUMNS)]
    return pa.schema([*keys, *times, *(pa.field(f.name, ARROW_TYPES[f.type]) for f in plan.features)])


def timestamps(milliseconds: pa.Array) -> pa.Array:
    """int64 milliseconds since the epoch as timestamps."""
    return pc.multiply(milliseconds, _MICROSECONDS).cast(TIMESTAMP)


def repeated(ms: int, count: int) -> pa.Array:
    """One time, in milliseconds since the epoch, so many times."""
    return timestamps(pa.array(np.full(count, ms, np.int64)))


def stored(type: str, column: pa.Array) -> pa.Array:
    """A feature's column as its part has it: what is in milliseconds as timestamps."""
    if type == "timestamp":
        return timestamps(column)
    if type == list_of("timestamp"):
        return pa.ListArray.from_arrays(column.offsets, timestamps(column.values))
    return column


def _repeating(schema: pa.Schema) -> list[str]:
    """The columns worth a dictionary. One of numbers costs three times the writing and saves next to nothing."""
    return [field.name for field in schema if pa.types.is_string(field.type)]


def part_rows(folder: Path) -> str:
    """The rows of a view's parts in SQL."""
    return parquet(sorted(folder.glob("part-*.parquet")))


class ViewParts:
    """The parts of one view in their folder."""

    def __init__(self, folder: Path, plan: ViewPlan) -> None:
        self._folder, self._plan = folder, plan

    def path(self, from_ms: int, to_ms: int) -> Path:
        """Where the part of a range lies."""
        return self._folder / f"part-{from_ms}-{to_ms}.parquet"

    def all(self) -> list[Part]:
        """All parts, by name."""
        return [read_part(path) for path in sorted(self._folder.glob("part-*.parquet"))]

    def next_generation(self) -> int:
        """That of a backfill that begins now, later than all that are here."""
        return max([time.time_ns() // 1_000_000, *(part.generation + 1 for part in self.all())])

    def make_room(self, from_ms: int, to_ms: int, slices: Sequence[tuple[int, int]], history: str) -> list[str]:
        """Clears the range for these slices: what they will make anew is deleted, and a part that reaches out of the
        range is cut. A slice that is there already, from the same history, stays. Returns the names of what went.
        """
        gone = []
        for part in self.all():
            foreign = part.fingerprint != self._plan.fingerprint
            apart = not self._plan.static and (part.to_ms <= from_ms or part.from_ms >= to_ms)
            finished = (
                (part.from_ms, part.to_ms) in slices
                and part.history == history
                and part.generation != UNKNOWN_GENERATION
            )
            if foreign or not (apart or finished):
                if not foreign and not self._plan.static:
                    self._cut(part, from_ms, to_ms)
                part.path.unlink()
                gone.append(part.path.name)
        return gone

    def _cut(self, part: Part, from_ms: int, to_ms: int) -> None:
        for a, b in ((part.from_ms, min(part.to_ms, from_ms)), (max(part.from_ms, to_ms), part.to_ms)):
            if a < b:
                rows = pq.read_table(part.path, filters=[("t", ">=", a), ("t", "<", b)])
                if "created_timestamp" not in rows.schema.names:
                    rows = rows.append_column("created_timestamp", repeated(part.generation, rows.num_rows))
                with self.writing(a, b, part.history, part.generation) as writer:
                    writer.write_table(rows.select(part_schema(self._plan).names).cast(writer.schema))

    @contextmanager
    def writing(self, from_ms: int, to_ms: int, history: str, generation: int) -> Iterator[pq.ParquetWriter]:
        """A part that appears whole, at the end, or not at all."""
        metadata = {
            FINGERPRINT: self._plan.fingerprint.encode(),
            FROM: str(from_ms).encode(),
            TO: str(to_ms).encode(),
            HISTORY: history.encode(),
            GENERATION: str(generation).encode(),
        }
        path = self.path(from_ms, to_ms)
        unfinished = path.with_name(f".{path.name}.tmp")
        try:
            schema = part_schema(self._plan).with_metadata(metadata)
            with pq.ParquetWriter(unfinished, schema, use_dictionary=_repeating(schema)) as writer:
                yield writer
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
