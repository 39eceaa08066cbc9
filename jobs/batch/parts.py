"""A view's change points on disk: Parquet parts, each for one range of time, with what made them in their metadata."""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from penstock.features.compilers.duckdb.parquet import parquet
from penstock.features.dimensions import VECTORS, kept_as
from penstock.features.errors import PenstockError
from penstock.features.plan import ViewPlan
from penstock.features.span import Span
from penstock.features.types import list_of
from penstock.jobs.parquet.checksums import PLACEHOLDER, add_checksum, check_files, check_metadata
from penstock.jobs.process.whole_file import whole_file

#: Keys of a part's metadata: its plan's fingerprint, its range in milliseconds, what history it was made from, and
#: when the backfill began that made it.
FINGERPRINT, FROM, TO, HISTORY, GENERATION = (
    f"penstock.{name}".encode() for name in ("fingerprint", "from", "to", "history", "generation")
)

#: Of a training set: whether events at exactly the request's time were left out, ``true`` or ``false``.
BEFORE = b"penstock.before"

#: The columns that are there for Feast: a row's time, and its part's generation, by which Feast orders repeats.
FEAST_COLUMNS = ("event_timestamp", "created_timestamp")

#: A part's name: times may be below zero.
_NAME = re.compile(r"part-(-?[0-9]+)-(-?[0-9]+)\.parquet")

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
ARROW_TYPES[VECTORS] = pa.list_(pa.float32())

#: The same with times as whole milliseconds, which may be beyond Arrow's own type.
PLAIN_TYPES = {**ARROW_TYPES, "timestamp": pa.int64(), list_of("timestamp"): pa.list_(pa.int64())}


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
    """What a file's metadata says of it. Raises PenstockError for a damaged one."""
    check_metadata(path)
    found = pq.read_schema(path).metadata or {}
    from_ms, to_ms = (int(found.get(name, b"0")) for name in (FROM, TO))
    fingerprint, history = (found.get(name, b"").decode() for name in (FINGERPRINT, HISTORY))
    return Part(path, from_ms, to_ms, fingerprint, history, int(found[GENERATION]))


def part_schema(plan: ViewPlan) -> pa.Schema:
    """Key columns, ``t`` in milliseconds, Feast's columns, features."""
    keys = [pa.field(key.name, ARROW_TYPES[key.type]) for key in plan.key]
    times = [pa.field("t", pa.int64()), *(pa.field(name, TIMESTAMP) for name in FEAST_COLUMNS)]
    return pa.schema([*keys, *times, *(pa.field(f.name, ARROW_TYPES[kept_as(f.type)]) for f in plan.features)])


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


def part_files(folder: Path) -> list[Path]:
    """The parts of a view, in the order of their ranges."""
    return sorted(folder.glob("part-*.parquet"))


def part_rows(folder: Path) -> str:
    """The rows of a view's parts in SQL. Raises PenstockError for a damaged one."""
    return parquet(check_files(part_files(folder)))


def _range(path: Path) -> tuple[int, int]:
    """The range in a part's name."""
    found = _NAME.fullmatch(path.name)
    return (int(found[1]), int(found[2])) if found else (0, 0)


class ViewParts:
    """The parts of one view in their folder."""

    def __init__(self, folder: Path, plan: ViewPlan) -> None:
        self._folder, self._plan = folder, plan

    def path(self, from_ms: int, to_ms: int) -> Path:
        """Where the part of a range lies."""
        return self._folder / f"part-{from_ms}-{to_ms}.parquet"

    def all(self) -> list[Part]:
        """All parts, by name."""
        return [read_part(path) for path in self._paths()]

    def _paths(self) -> list[Path]:
        return part_files(self._folder)

    def next_generation(self) -> int:
        """That of a backfill that begins now, later than all that can be read here."""
        return max([time.time_ns() // 1_000_000, *(part.generation + 1 for part in self._sound())])

    def _sound(self) -> Iterator[Part]:
        for path in self._paths():
            with suppress(PenstockError):
                yield read_part(path)

    def make_room(self, from_ms: int, to_ms: int, slices: Sequence[tuple[int, int]], history: str) -> list[str]:
        """Clears the range for these slices: what they will make anew is deleted, and a part that reaches out of the
        range is cut. A slice that is there already, whole and from the same history, stays. Returns the names of what
        went.
        """
        gone = []
        for path in self._paths():
            if not self._stays(path, Span(from_ms, to_ms), slices, history):
                path.unlink()
                gone.append(path.name)
        return gone

    def _stays(self, path: Path, span: Span, slices: Sequence[tuple[int, int]], history: str) -> bool:
        start, end = _range(path)
        apart = not self._plan.static and (end <= span.from_ms or start >= span.to_ms)
        try:
            part = read_part(path) if apart else read_part(*check_files([path]))
        except PenstockError:
            # whoever reads it is told; what is in the range is made anew
            return apart
        if part.fingerprint != self._plan.fingerprint:
            return False
        if apart or ((start, end) in slices and part.history == history):
            return True
        if not self._plan.static:
            self._cut(part, *span)
        return False

    def _cut(self, part: Part, from_ms: int, to_ms: int) -> None:
        for a, b in ((part.from_ms, min(part.to_ms, from_ms)), (max(part.from_ms, to_ms), part.to_ms)):
            if a < b:
                rows = pq.read_table(part.path, partitioning=None, filters=[("t", ">=", a), ("t", "<", b)])
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
            **PLACEHOLDER,
        }
        with whole_file(self.path(from_ms, to_ms)) as unfinished:
            schema = part_schema(self._plan).with_metadata(metadata)
            with pq.ParquetWriter(unfinished, schema, use_dictionary=_repeating(schema)) as writer:
                yield writer
            add_checksum(unfinished)
