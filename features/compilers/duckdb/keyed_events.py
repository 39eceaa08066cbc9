"""A chunk of a slice's rows, parted: events with their key's number, and what lifetimes hold for each key."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from penstock.features.compilers.duckdb.chunks import key_starts
from penstock.features.compilers.duckdb.columns import Bools, column_of, column_of_flags, filled, flags, int64s, valid
from penstock.features.compilers.duckdb.view import BEFORE, Held
from penstock.features.compilers.duckdb.words import Int64s
from penstock.features.plan import ViewPlan


@dataclass(frozen=True, eq=False)
class KeyedEvents:
    """``keys``: the key columns, a row per key. ``key``: the number of each event's key. ``held``: a row per key, null
    where there was nothing before the slice; None when no key holds anything.
    """

    keys: list[pa.Array]
    key: Int64s
    rows: pa.RecordBatch
    held: pa.RecordBatch | None

    @cached_property
    def time(self) -> Int64s:
        """Each event's time in milliseconds."""
        return int64s(self.rows.column("_e"))

    @cached_property
    def ties(self) -> Int64s:
        """Where each time of each key begins, and the number of events at the end."""
        changed = (self.key[1:] != self.key[:-1]) | (self.time[1:] != self.time[:-1])
        first = np.zeros(min(len(self.key), 1), dtype=np.int64)
        return np.concatenate((first, np.flatnonzero(changed) + 1, [len(self.key)]))

    def chosen(self, where: int | None) -> Bools | None:
        """Which events a condition lets take part; None: all."""
        return None if where is None else flags(self.rows.column(f"_w{where}"))

    def value(self, arg: int) -> pa.Array:
        """The argument of each event."""
        return self.rows.column(f"_x{arg}")

    def scaled(self, arg: int) -> Int64s:
        """The integers that are summed, 0 where they are null."""
        return filled(self.rows.column(f"_n{arg}"))

    def present(self, arg: int) -> Bools | None:
        """Which events have the argument; None: all."""
        names = self.rows.schema.names
        if f"_p{arg}" in names:
            return flags(self.rows.column(f"_p{arg}"))
        return valid(self.rows.column(f"_n{arg}" if f"_n{arg}" in names else f"_x{arg}"))

    def before(self, held: Held) -> pa.Array | None:
        """What lifetimes held at the slice's start, a row per key; None: nothing, or no lifetime asks for it."""
        if self.held is None or held.name not in self.held.schema.names:
            return None
        return self.held.column(held.name)


def keyed_events(plan: ViewPlan, rows: pa.RecordBatch) -> KeyedEvents:
    """The parts of rows of ``ViewQuery.rows``, all rows of whole keys."""
    names = [key.name for key in plan.key]
    starts = key_starts(rows, names)
    number = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(rows)))
    keys = [rows.column(name).take(column_of(starts, None, pa.int64())) for name in names]
    before = int64s(rows.column("_e")) == BEFORE
    if not before.any():
        return KeyedEvents(keys, number, rows, None)
    events = rows.filter(column_of_flags(~before))
    held = _per_key(rows.filter(column_of_flags(before)), number[before], len(starts))
    return KeyedEvents(keys, number[~before], events, held)


def _per_key(rows: pa.RecordBatch, keys: Int64s, count: int) -> pa.RecordBatch:
    """A row for each of so many keys, null for those that have none."""
    places = np.zeros(count, dtype=np.int64)
    places[keys] = np.arange(len(keys))
    there = np.zeros(count, dtype=np.bool_)
    there[keys] = True
    return rows.take(column_of(places, there, pa.int64()))
