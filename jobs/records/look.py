"""What each column becomes in real records, and which records would be dead letters, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from penstock.features.ingest import BadEvent, Row, Tombstone, parse
from penstock.features.plan import SourcePlan
from penstock.features.records.casts import Unfit
from penstock.features.records.document import Record
from penstock.features.records.spelling import line_record

#: How many different values of a column are shown.
EXAMPLES = 3


@dataclass
class Seen:
    """A column in the good records. ``examples``: its first different values."""

    values: int = 0
    nulls: int = 0
    examples: list[Any] = field(default_factory=list)

    def add(self, value: Any) -> None:
        """One record's value."""
        if value is None:
            self.nulls += 1
            return
        self.values += 1
        if len(self.examples) < EXAMPLES and value not in self.examples:
            self.examples.append(value)


@dataclass
class Look:
    """A source in its records. ``dead``: code → how many; ``why``: code → what the first such letter would say."""

    source: SourcePlan
    good: int = 0
    tombstones: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    why: dict[str, str] = field(default_factory=dict)
    columns: dict[str, Seen] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.columns = {str(column.name): Seen() for column in self.source.columns}

    def add(self, record: Record, where: str, now_ms: int | None = None) -> None:
        """Reads a record; ``where`` names it."""
        try:
            row = parse(self.source, record.value, record.timestamp, now_ms, key=record.key, headers=record.headers)
        except Tombstone:
            self.tombstones += 1
        except BadEvent as bad:
            self.refuse(bad.code, f"{where}: {bad.detail}")
        else:
            self.take(row)

    def add_line(self, line: bytes, where: str) -> None:
        """Reads a line of a file."""
        try:
            record = line_record(self.source, line)
        except Unfit as unfit:
            self.refuse(unfit.code, f"{where}: {unfit.what}")
        else:
            self.add(record, where)

    def take(self, row: Row) -> None:
        """Counts a good row."""
        self.good += 1
        for name, seen in self.columns.items():
            seen.add(row[name])

    def refuse(self, code: str, detail: str) -> None:
        """Counts a bad one."""
        self.dead[code] += 1
        self.why.setdefault(code, detail)


def look_at_lines(look: Look, lines: Iterable[bytes], file: str) -> None:
    """Reads the lines of a file; empty ones are none."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            look.add_line(line, f"{file}:{number}")
