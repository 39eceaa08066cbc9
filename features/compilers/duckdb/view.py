"""What a view reads of its events (``events.py``) for a slice of time, as SQL: sorted by key and time.

The rows are the events that enter in the slice or are still alive at its start. For windows that nothing leaves, one
row per key sums up all that came before; it stands before every event. Where a lifetime's aggregate has no such sum,
the rows are all events before the slice's end. A table needs no more than SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, assert_never

from penstock.features.aggregates import (
    AnyAggregate,
    Argmax,
    Argmin,
    Count,
    Decayed,
    Extreme,
    Histogram,
    Kurtosis,
    Latest,
    Listed,
    Mean,
    Rank,
    Skew,
    Std,
    Sum,
    Var,
)
from penstock.features.compilers.duckdb.types import quote
from penstock.features.ingest import TIME_MIN
from penstock.features.plan import FeaturePlan, ViewPlan

#: The time of what came before a slice: before every event.
BEFORE = TIME_MIN - 1

#: A count, a sum, squares (high and low 64 bits), or the best value until then.
Part = Literal["c", "n", "q", "r"] | Extreme

_SUMMED_SQL: dict[Part, str] = {
    "c": "1",
    "n": "{n}",
    # squares of int64 need 126 bits and their sums more: two halves, each far from the end of HUGEINT
    "q": "CAST({n} AS HUGEINT) * {n} // 18446744073709551616",
    "r": "CAST({n} AS HUGEINT) * {n} % 18446744073709551616",
}


@dataclass(frozen=True)
class Held:
    """A part of what a lifetime holds for a key."""

    part: Part
    arg: int | None
    where: int | None

    @property
    def name(self) -> str:
        """Its column."""
        where = "" if self.where is None else f"_w{self.where}"
        part = self.part.name if isinstance(self.part, Extreme) else self.part
        return f"_held_{part}{'' if self.arg is None else self.arg}{where}"

    @property
    def sql(self) -> str:
        """The aggregate over a key's events."""
        if isinstance(self.part, Extreme):
            return self._best(self.part)
        conditions = [f"_w{self.where}"] if self.where is not None else []
        conditions += [f"_x{self.arg} IS NOT NULL"] if self.arg is not None else []
        added = _SUMMED_SQL[self.part].format(n=f"_n{self.arg}")
        return f"sum(CASE WHEN {' AND '.join(conditions)} THEN {added} ELSE 0 END)" if conditions else f"sum({added})"

    def _best(self, extreme: Extreme) -> str:
        x = f"_x{self.arg}" if self.where is None else f"(CASE WHEN _w{self.where} THEN _x{self.arg} END)"
        best = "max" if extreme.greatest else "min"
        return f"arg_{best}({x}, {{'e': _e, 'x': {x}}})" if extreme.by_time else f"{best}({x})"


def held_of(feature: FeaturePlan) -> tuple[Held, ...]:
    """What a lifetime holds for a feature; nothing where one row cannot sum up what came before a slice."""
    return tuple(Held(part, feature.arg, feature.where) for part in _parts(feature.aggregate))


def _parts(aggregate: AnyAggregate) -> tuple[Part, ...]:
    match aggregate:
        case Count():
            return ("c",)
        case Sum():
            return ("n",)
        case Mean():
            return ("c", "n")
        case Var() | Std():
            return ("c", "n", "q", "r")
        case Extreme():
            return (aggregate,)
        case Skew() | Kurtosis() | Decayed() | Argmax() | Argmin() | Rank() | Listed() | Histogram() | Latest():
            return ()
        case _:
            assert_never(aggregate)


@dataclass(frozen=True)
class ViewQuery:
    """The queries of one view. ``events`` names the table of its events."""

    plan: ViewPlan
    events: str = "events"

    @property
    def lookback_ms(self) -> int:
        """How far before a slice an event can be and still be alive in it (sessions and lifetimes apart)."""
        return max((window.reach_ms for window in self.plan.windows), default=0)

    @property
    def endless(self) -> bool:
        """Has a slice need of events from any time before it?"""
        return any(window.endless for window in self.plan.windows)

    @property
    def session_gap_ms(self) -> int | None:
        """The longest gap of a session: what is alive in any session is alive in one of that gap."""
        return max((window.size_ms for window in self.plan.windows if window.kind == "session"), default=None)

    def session_ends(self) -> str:
        """The statement that adds to the events, in ``_until``, when each leaves the longest session.

        Of events of one time any may be the first: the default frame counts all of them at once.
        """
        keys = ", ".join(self._keys)
        return f"""CREATE OR REPLACE TABLE {self.events} AS
WITH begun AS (
  SELECT *, coalesce(_e - lag(_e) OVER (PARTITION BY {keys} ORDER BY _e) >= {self.session_gap_ms}, TRUE) AS _begins
  FROM {self.events}
), numbered AS (
  SELECT *, count_if(_begins) OVER (PARTITION BY {keys} ORDER BY _e) AS _session FROM begun
)
SELECT * EXCLUDE (_begins, _session),
  max(_e) OVER (PARTITION BY {keys}, _session) + {self.session_gap_ms} AS _until
FROM numbered"""

    @cached_property
    def whole(self) -> bool:
        """Does a slice read all events before its end, because a lifetime's aggregate cannot be held?"""
        return not all(map(held_of, self._lifetimes))

    @cached_property
    def held(self) -> tuple[Held, ...]:
        """All that lifetimes hold, once; nothing where a slice reads all."""
        if self.whole:
            return ()
        return tuple(dict.fromkeys(held for feature in self._lifetimes for held in held_of(feature)))

    @property
    def _lifetimes(self) -> list[FeaturePlan]:
        return [f for f in self.plan.features if self.plan.windows[f.window].kind == "lifetime"]

    @cached_property
    def columns(self) -> dict[str, str]:
        """The columns of an event: name → SQL. ``_p<i>`` tells whether an argument that is only counted is there."""
        columns = {"_e": "_e"}
        for feature in self.plan.features:
            columns |= {f"_w{feature.where}": f"_w{feature.where}"} if feature.where is not None else {}
            columns |= _argument(feature)
        return columns

    @property
    def _keys(self) -> list[str]:
        return [quote(key.name) for key in self.plan.key]

    def rows(self, start: int, end: int) -> str:
        """The rows of a slice ``[start, end)``, by key and time.

        For a view its events: key columns and ``columns``, or (``_e`` is ``BEFORE``) key columns and ``held``, null
        what a row does not have. For a table all change points: key columns, ``t`` and features.
        """
        if self.plan.kind == "table":
            return self._latest(start, end)
        keys = ", ".join(self._keys)
        selects = [self._alive(start, end), *([self._before(start)] if self.held else [])]
        return "\nUNION ALL BY NAME\n".join(selects) + f"\nORDER BY {keys}, _e"

    def _alive(self, start: int, end: int) -> str:
        columns = [sql if sql == name else f"{sql} AS {name}" for name, sql in self.columns.items()]
        return self._select(columns, f"{self._reach(start)}_e < {end}")

    def _reach(self, start: int) -> str:
        """The condition for events before a slice that it needs, and an AND behind it."""
        if self.whole:
            return ""
        alive = f"_e >= {start - self.lookback_ms}"
        return f"{alive} AND " if self.session_gap_ms is None else f"({alive} OR _until >= {start}) AND "

    def _before(self, start: int) -> str:
        columns = [f"CAST({BEFORE} AS BIGINT) AS _e", *(f"{held.sql} AS {held.name}" for held in self.held)]
        return self._select(columns, f"_e < {start}") + f"\nGROUP BY {', '.join(self._keys)}"

    def _select(self, columns: list[str], where: str) -> str:
        return f"SELECT {_lines([*self._keys, *columns])}\nFROM {self.events} WHERE {where}"

    def _latest(self, start: int, end: int) -> str:
        """A table's row at a time is the greatest of that time, null below every value."""
        keys = ", ".join(self._keys)
        values = [f"_x{f.arg} AS {quote(f.name)}" for f in self.plan.features]
        order = ", ".join(f"_x{i} DESC NULLS LAST" for i in range(len(self.plan.args)))
        during = "" if self.plan.static else f"WHERE _e >= {start} AND _e < {end}\n"
        return (
            f"SELECT {keys}, _e AS t,\n  {_lines(values)}\nFROM {self.events}\n{during}"
            f"QUALIFY row_number() OVER (PARTITION BY {keys}, _e ORDER BY {order}) = 1\nORDER BY {keys}, t"
        )


def _argument(feature: FeaturePlan) -> dict[str, str]:
    """What an aggregate needs of an event's argument."""
    if feature.arg is None:
        return {}
    if isinstance(feature.aggregate, Count):
        return {f"_p{feature.arg}": f"_x{feature.arg} IS NOT NULL"}
    names = [f"_n{feature.arg}" if feature.aggregate.scaled else f"_x{feature.arg}"]
    names += [f"_x{feature.by}"] if feature.by is not None else []
    return {name: name for name in names}


def _lines(parts: list[str]) -> str:
    return ",\n  ".join(parts)
