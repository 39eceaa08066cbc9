"""A view's change points in a slice of time, as one SQL query over its events (``events.py``).

Sums go up when an event enters a window and down when it leaves: each event is a mark at its own time and one at
each window's end, and a value is the running sum of the marks, exact because the numbers are integers. What is
compared and not added (min, max, first, last) is taken over the window's frame instead. Before the slice stand the
events that are still alive in it, and, for a lifetime, one row per key that sums up all that came before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from features.compilers.duckdb.types import quote
from features.ingest import TIME_MIN
from features.plan import FeaturePlan, ViewPlan
from features.windows import Window

#: The place of what came before a slice: before every event.
BEFORE = TIME_MIN - 1

_ORDERED = ("min", "max", "first", "last")
_SQUARED = ("var", "std")

#: Within one time the least value is the first and the greatest the last: (of one time, of earlier times, in a frame).
_ORDERED_SQL = {
    "min": ("min({x})", "min({x})", "min({x})"),
    "max": ("max({x})", "max({x})", "max({x})"),
    "first": ("min({x})", "arg_min({x}, {{'e': _e, 'x': {x}}})", "first_value({x} IGNORE NULLS)"),
    "last": ("max({x})", "arg_max({x}, {{'e': _e, 'x': {x}}})", "last_value({x} IGNORE NULLS)"),
}


@dataclass(frozen=True)
class Sum:
    """A running sum over one window. ``part``: c (count), n (values), q and r (squares: high and low 64 bits)."""

    part: str
    arg: int | None
    where: int | None
    window: int

    @property
    def name(self) -> str:
        """Its column."""
        return _name(self.part, self.arg, self.where, self.window)

    @property
    def of_event(self) -> str:
        """What an event adds."""
        conditions = [f"_w{self.where}"] if self.where is not None else []
        conditions += [f"_x{self.arg} IS NOT NULL"] if self.arg is not None else []
        added = _ADDED[self.part].format(n=f"_n{self.arg}")
        return f"CASE WHEN {' AND '.join(conditions)} THEN {added} ELSE 0 END" if conditions else added


_ADDED = {
    "c": "1",
    "n": "{n}",
    # squares of int64 need 126 bits and their sums more: two halves, each far from the end of HUGEINT
    "q": "CAST({n} AS HUGEINT) * {n} // 18446744073709551616",
    "r": "CAST({n} AS HUGEINT) * {n} % 18446744073709551616",
}


@dataclass(frozen=True)
class Ordered:
    """A value that is compared: min, max, first or last of an argument over one window."""

    aggregate: str
    arg: int
    where: int | None
    window: int

    @property
    def name(self) -> str:
        """Its column."""
        return _name(self.aggregate, self.arg, self.where, self.window)

    @property
    def of_event(self) -> str:
        """The event's value, null where it does not take part."""
        return f"_x{self.arg}" if self.where is None else f"CASE WHEN _w{self.where} THEN _x{self.arg} END"


def _name(part: str, arg: int | None, where: int | None, window: int) -> str:
    return f"_{part}{'' if arg is None else arg}{'' if where is None else f'_w{where}'}_in{window}"


def sums_of(feature: FeaturePlan) -> tuple[Sum, ...]:
    """The running sums that a feature is made of; none for one that is compared."""
    if feature.aggregate in (*_ORDERED, "latest"):
        return ()
    parts = "c" if feature.aggregate == "count" else "cn" if feature.aggregate in ("sum", "mean") else "cnqr"
    return tuple(Sum(part, feature.arg, feature.where, feature.window) for part in parts)


@dataclass(frozen=True)
class ViewQuery:
    """The queries of one view. ``events`` names the table of its events."""

    plan: ViewPlan
    events: str = "events"

    @cached_property
    def sums(self) -> tuple[Sum, ...]:
        """Every running sum, once."""
        return tuple(dict.fromkeys(part for feature in self.plan.features for part in sums_of(feature)))

    @cached_property
    def ordered(self) -> tuple[Ordered, ...]:
        """Every compared value, once."""
        found = (
            Ordered(f.aggregate, f.arg, f.where, f.window)
            for f in self.plan.features
            if f.aggregate in _ORDERED and f.arg is not None
        )
        return tuple(dict.fromkeys(found))

    @property
    def lookback_ms(self) -> int:
        """How far before a slice an event can be and still be alive in it (lifetimes apart)."""
        return max((window.size_ms + window.step_ms for window in self.plan.windows), default=0)

    @property
    def lifelong(self) -> bool:
        """Does an event count for ever in some window?"""
        return any(window.kind == "lifetime" for window in self.plan.windows)

    @property
    def _keys(self) -> list[str]:
        return [quote(key.name) for key in self.plan.key]

    def rows(self, start: int, end: int) -> str:
        """The rows of all change points in ``[start, end)`` by key and time: key columns, ``t``, and for each feature
        either its value under its own name or the sums that ``sums_of`` names.
        """
        if self.plan.kind == "table":
            return self._latest(start, end)
        keys = ", ".join(self._keys)
        marks = "\n  UNION ALL BY NAME\n  ".join(self._marks(start, end))
        return (
            f"WITH marks AS (\n  {marks}\n),\n"
            f"points AS (\n  SELECT {keys}, t,\n    {_lines(self._pointed())}\n"
            f"  FROM marks GROUP BY {keys}, t\n),\n"
            f"running AS (\n  SELECT {keys}, t,\n    {_lines(self._running())}\n"
            f"  FROM points\n  WINDOW {self._frames()}\n)\n"
            f"SELECT {keys}, t,\n  {_lines(self._values(), '  ')}\n"
            f"FROM running WHERE t >= {start}\nORDER BY {keys}, t"
        )

    def _latest(self, start: int, end: int) -> str:
        """A table's row at a time is the greatest of that time, null below every value."""
        keys = ", ".join(self._keys)
        values = [f"_x{f.arg} AS {quote(f.name)}" for f in self.plan.features]
        order = ", ".join(f"_x{i} DESC NULLS LAST" for i in range(len(self.plan.args)))
        during = "" if self.plan.static else f"WHERE _e >= {start} AND _e < {end}\n"
        return (
            f"SELECT {keys}, _e AS t,\n  {_lines(values, '  ')}\nFROM {self.events}\n{during}"
            f"QUALIFY row_number() OVER (PARTITION BY {keys}, _e ORDER BY {order}) = 1\nORDER BY {keys}, t"
        )

    # -- marks ---------------------------------------------------------------------------------------------------

    def _marks(self, start: int, end: int) -> Iterator[str]:
        yield self._enters(start, end)
        for index, window in enumerate(self.plan.windows):
            if window.kind != "lifetime":
                yield self._leaves(index, window, start, end)
        if self.lifelong:
            yield self._before(start)

    def _enters(self, start: int, end: int) -> str:
        columns = [f"{self._entering(part, start)} AS {part.name}" for part in self.sums]
        columns += [f"{value.of_event} AS {value.name}" for value in self.ordered]
        return self._select("_e", columns, f"_e >= {start - self.lookback_ms} AND _e < {end}")

    def _entering(self, part: Sum, start: int) -> str:
        """An event before the slice is in the sum only if it has not left, or is not summed up already."""
        window = self.plan.windows[part.window]
        alive = f"_e >= {start}" if window.kind == "lifetime" else f"{leave(window)} >= {start}"
        return f"CASE WHEN {alive} THEN {part.of_event} ELSE 0 END"

    def _leaves(self, index: int, window: Window, start: int, end: int) -> str:
        columns = [f"-{self._wide(part)} AS {part.name}" for part in self.sums if part.window == index]
        t = leave(window)
        return self._select(t, columns, f"{t} >= {start} AND {t} < {end}")

    def _wide(self, part: Sum) -> str:
        """What an event adds, with room for the negative of the least int64."""
        int64 = part.part == "n" and part.arg is not None and self.plan.args[part.arg].type == "int64"
        return f"CAST({part.of_event} AS HUGEINT)" if int64 else f"({part.of_event})"

    def _before(self, start: int) -> str:
        """One row per key for all that came before, for the windows that nothing leaves."""
        lifetimes = [i for i, window in enumerate(self.plan.windows) if window.kind == "lifetime"]
        columns = [f"sum({part.of_event}) AS {part.name}" for part in self.sums if part.window in lifetimes]
        columns += [
            f"{_ORDERED_SQL[value.aggregate][1].format(x=f'({value.of_event})')} AS {value.name}"
            for value in self.ordered
            if value.window in lifetimes
        ]
        return self._select(f"{BEFORE}", columns, f"_e < {start}") + f"\n    GROUP BY {', '.join(self._keys)}"

    def _select(self, t: str, columns: list[str], where: str) -> str:
        listed = _lines([*self._keys, f"CAST({t} AS BIGINT) AS t", *columns], "      ")
        return f"SELECT {listed}\n    FROM {self.events} WHERE {where}"

    # -- points, frames, values ----------------------------------------------------------------------------------

    def _pointed(self) -> list[str]:
        summed = [f"sum({part.name}) AS {part.name}" for part in self.sums]
        return summed + [
            f"{_ORDERED_SQL[value.aggregate][0].format(x=value.name)} AS {value.name}" for value in self.ordered
        ]

    def _running(self) -> list[str]:
        summed = [f"coalesce(sum({part.name}) OVER so_far, 0) AS {part.name}" for part in self.sums]
        return summed + [
            f"{_ORDERED_SQL[value.aggregate][2].format(x=value.name)} OVER {self._frame(value.window)} AS {value.name}"
            for value in self.ordered
        ]

    def _frame(self, window: int) -> str:
        return "so_far" if self.plan.windows[window].kind == "lifetime" else f"in{window}"

    def _frames(self) -> str:
        by = f"PARTITION BY {', '.join(self._keys)} ORDER BY t"
        frames = {"so_far": f"({by} ROWS UNBOUNDED PRECEDING)"}
        for value in self.ordered:
            name, window = self._frame(value.window), self.plan.windows[value.window]
            frames.setdefault(name, f"({by} RANGE BETWEEN {_reach(window)} PRECEDING AND CURRENT ROW)")
        return ",\n    ".join(f"{name} AS {frame}" for name, frame in frames.items())

    def _values(self) -> list[str]:
        columns: dict[str, str] = {}
        for feature in self.plan.features:
            columns.update(self._value(feature))
        return [f"{sql} AS {name}" for name, sql in columns.items()]

    def _value(self, feature: FeaturePlan) -> dict[str, str]:
        sums = sums_of(feature)
        if not sums:
            assert feature.arg is not None
            held = Ordered(feature.aggregate, feature.arg, feature.where, feature.window)
            return {quote(feature.name): held.name}
        if feature.aggregate == "count":
            return {quote(feature.name): f"CAST({sums[0].name} AS BIGINT)"}
        return {part.name: part.name for part in sums}


def leave(window: Window) -> str:
    """When an event leaves a window."""
    tail = f"ceil_to(_e, {window.step_ms})" if window.step_ms else "_e"
    return f"{tail} + {window.size_ms + window.delay_ms}"


def _reach(window: Window) -> str:
    """How far back from ``t`` the oldest event that is alive can be: the inverse of ``leave``."""
    if not window.step_ms:
        return f"{window.size_ms - 1}"
    return f"(t - floor_to(t - {window.size_ms}, {window.step_ms}) - 1)"


def _lines(parts: list[str], indent: str = "    ") -> str:
    return f",\n{indent}".join(parts)
