"""Two answers side by side: every row, every bit, every count, every bad event."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.features.plan import ViewPlan
from penstock.jobs.parity.bits import differing
from penstock.jobs.parity.engines import Answer

#: Differences that are put in words; the rest is counted.
SAMPLES = 5


@dataclass(frozen=True)
class Unlike:
    """One value that differs: its feature, its row's key columns and ``t`` or ``seq``, the values of both sides."""

    feature: str
    place: dict[str, Any]
    values: tuple[Any, Any]


@dataclass
class Comparison:
    """``values`` compared in ``rows`` rows; ``differences`` counts unlike values, rows without a counterpart, unlike
    counts and unlike bad events; ``samples`` says some of them in words, ``unlike`` is the first unlike value.
    """

    rows: int = 0
    values: int = 0
    differences: int = 0
    samples: list[str] = field(default_factory=list)
    unlike: Unlike | None = None

    def differ(self, words: str, times: int = 1) -> None:
        """Counts a difference."""
        self.differences += times
        if len(self.samples) < SAMPLES:
            self.samples.append(words)


def compare_answers(plan: ViewPlan, left: Answer, right: Answer, names: tuple[str, str]) -> Comparison:
    """Rows by key and place (``seq`` in streams, else ``t``), classes and bad events of two answers of one kind."""
    result = compare_rows(plan, left.rows, right.rows, names)
    for a, b in ((left.counts, right.counts), (left.of_sources, right.of_sources)):
        if a != b:
            result.differ(f"counts: {names[0]} {a}, {names[1]} {b}")
    if sorted(left.dead) != sorted(right.dead):
        unlike = sorted(set(left.dead) ^ set(right.dead))
        result.differ(f"bad events (index, reason) of one side only: {unlike[:SAMPLES]}")
    return result


def compare_rows(plan: ViewPlan, left: pa.Table, right: pa.Table, names: tuple[str, str]) -> Comparison:
    """Two tables with the same columns, whose rows are named by key and ``seq`` or ``t``."""
    place = [*(key.name for key in plan.key), "seq" if "seq" in left.schema.names else "t"]
    both, result = _paired(left, right, place, names)
    result.rows = both.num_rows
    for name in (column for column in left.schema.names if column not in place):
        a, b = both[name], both[f"{name}__right"]
        unlike = np.flatnonzero(differing(a, b))
        result.values += both.num_rows
        if len(unlike):
            i = int(unlike[0])
            row = {column: both[column][i].as_py() for column in place}
            at = ", ".join(f"{column}={value!r}" for column, value in row.items())
            words = f"{plan.name}.{name} at {at}: {names[0]} {a[i].as_py()!r}, {names[1]} {b[i].as_py()!r}"
            result.differ(words, len(unlike))
            result.unlike = result.unlike or Unlike(name, row, (a[i].as_py(), b[i].as_py()))
    return result


def _paired(left: pa.Table, right: pa.Table, place: list[str], names: tuple[str, str]) -> tuple[pa.Table, Comparison]:
    """The rows that both have, side by side, and the count of those that only one has."""
    result = Comparison()
    lost = _without(left, right, place), _without(right, left, place)
    for name, rows in zip(names, lost, strict=True):
        if rows.num_rows:
            first = {column: rows[column][0].as_py() for column in place}
            result.differ(f"only {name} has {rows.num_rows} rows, the first at {first}", rows.num_rows)
    a = _without(left, lost[0], place)
    b = _without(right, lost[1], place)
    order = [(name, "ascending") for name in place]
    a, b = a.take(pc.sort_indices(a, order)), b.take(pc.sort_indices(b, order))
    columns = {name: a[name] for name in a.schema.names}
    return pa.table({**columns, **{f"{name}__right": b[name] for name in b.schema.names if name not in place}}), result


def _without(left: pa.Table, right: pa.Table, place: list[str]) -> pa.Table:
    """The rows of ``left`` whose place ``right`` has not."""
    known = set(zip(*(right[name].to_pylist() for name in place), strict=True))
    mask = [row not in known for row in zip(*(left[name].to_pylist() for name in place), strict=True)]
    return left.filter(pa.array(mask, pa.bool_()))


def as_of(plan: ViewPlan, batch: pa.Table, places: pa.Table) -> pa.Table:
    """``batch``, and rows at ``places`` (key columns and ``t``) where it has none: what holds there."""
    keys = [key.name for key in plan.key]
    held: dict[tuple[object, ...], list[dict[str, object]]] = {}
    for row in batch.sort_by("t").to_pylist():
        held.setdefault(tuple(row[name] for name in keys), []).append(row)
    nothing = {feature.name: feature.default for feature in plan.features}
    added = []
    for place in _without(places, batch, [*keys, "t"]).to_pylist():
        rows = held.get(tuple(place[name] for name in keys), [])
        before = bisect_right(rows, place["t"], key=lambda row: row["t"])
        added.append({**(rows[before - 1] if before else nothing), **{name: place[name] for name in (*keys, "t")}})
    return pa.concat_tables([batch, pa.Table.from_pylist(added, batch.schema)])


def in_the_end(plan: ViewPlan, batch: pa.Table, stream: pa.Table) -> tuple[pa.Table, pa.Table]:
    """What batch and a stream hold for every key once all time has passed: equal after any order of arrival."""
    keys = [key.name for key in plan.key]
    last = last_rows(stream, keys)
    return last_rows(as_of(plan, batch, last) if plan.off_points else batch, keys), last


def rows_at(rows: pa.Table, places: Sequence[pa.Table], by: list[str]) -> pa.Table:
    """The rows whose ``by`` one of these tables has."""
    known = {place for table in places for place in zip(*(table[name].to_pylist() for name in by), strict=True)}
    mask = [row in known for row in zip(*(rows[name].to_pylist() for name in by), strict=True)]
    return rows.filter(pa.array(mask, pa.bool_()))


def last_rows(rows: pa.Table, by: list[str]) -> pa.Table:
    """The last row for each combination of ``by``, without its ``seq``."""
    order = [(name, "ascending") for name in ("t", "seq") if name in rows.schema.names]
    ordered = rows.take(pc.sort_indices(rows, order))
    last = {place: i for i, place in enumerate(zip(*(ordered[name].to_pylist() for name in by), strict=True))}
    kept = ordered.take(pa.array(last.values(), pa.int64()))
    return kept.drop_columns(["seq"]) if "seq" in kept.schema.names else kept
