"""Counts of vectors and labels by version and hour, in a ledger."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from penstock.jobs.ledger.scores import Cell

Counts = npt.NDArray[np.int64]

#: What is counted.
VECTORS, LABELS = "vectors", "labels"

TABLE = """CREATE TABLE IF NOT EXISTS tallies (version TEXT, hour INTEGER, kind TEXT, rows INTEGER NOT NULL,
    counts BLOB NOT NULL, PRIMARY KEY (version, hour, kind)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bins (version TEXT PRIMARY KEY, described BLOB NOT NULL) WITHOUT ROWID;"""


class Counting(Protocol):
    """Counts values in the bins of a version; None where it has no bins."""

    def described(self, version: str) -> bytes | None:
        """Its bins, for whoever reads the counts when the version is gone."""

    def vectors(self, version: str, vectors: list[bytes]) -> Counts | None:
        """Of vectors as JSON."""

    def labels(self, version: str, labels: list[object]) -> Counts | None:
        """Of labels."""


@dataclass(frozen=True)
class Tally:
    """h hours of a version: ``hours`` (h,), rising, in milliseconds; ``rows`` (h,); ``counts`` (h, bins)."""

    hours: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    counts: Counts


def add(db: sqlite3.Connection, cell: Cell, kind: str, rows: int, counts: Counts) -> None:
    """Adds to an hour. Numbers below zero take back."""
    held = db.execute(
        "SELECT rows, counts FROM tallies WHERE version = ? AND hour = ? AND kind = ?", (*cell, kind)
    ).fetchone()
    known, sums = (0, 0) if held is None else (held[0], _unpacked(held[1]))
    db.execute(
        "INSERT OR REPLACE INTO tallies VALUES (?, ?, ?, ?, ?)", (*cell, kind, known + rows, _packed(sums + counts))
    )


def describe(db: sqlite3.Connection, version: str, described: bytes) -> None:
    """Keeps the bins of a version beside its counts."""
    db.execute("INSERT OR IGNORE INTO bins VALUES (?, ?)", (version, described))


def described(db: sqlite3.Connection, version: str) -> bytes:
    """The bins of a version that has counts."""
    data: bytes = db.execute("SELECT described FROM bins WHERE version = ?", (version,)).fetchone()[0]
    return data


def tallies(db: sqlite3.Connection, kind: str, low: int, high: int) -> Iterator[tuple[str, Tally]]:
    """Of each version, its hours that begin in a range."""
    versions = db.execute("SELECT DISTINCT version FROM tallies WHERE kind = ? ORDER BY version", (kind,)).fetchall()
    for (version,) in versions:
        rows = db.execute(
            """SELECT hour, rows, counts FROM tallies
            WHERE version = ? AND kind = ? AND hour >= ? AND hour < ? AND rows > 0 ORDER BY hour""",
            (version, kind, low, high),
        ).fetchall()
        if rows:
            hours, numbers, counts = zip(*rows, strict=True)
            yield version, Tally(np.array(hours), np.array(numbers), np.stack([_unpacked(each) for each in counts]))


def _packed(counts: Counts) -> bytes:
    return zlib.compress(counts.astype("<i8").tobytes(), 1)


def _unpacked(data: bytes) -> Counts:
    return np.frombuffer(zlib.decompress(data), "<i8").astype(np.int64)
