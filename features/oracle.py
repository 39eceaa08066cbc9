"""The meaning, as naive and obviously correct Python: plain loops, exact integers and fractions.

Two functions say it all: ``batch`` gives the rows of all change points, ``stream`` the exact sequence of
rows for an order of arrival. Nothing here is fast, and nothing here is clever.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any, assert_never

from penstock.features.aggregates import (
    AnyDecayed,
    AnyList,
    AnyMoment,
    Chosen,
    Count,
    Decayed,
    DecayedMean,
    DecayedSum,
    Distinct,
    End,
    Extreme,
    Histogram,
    Kurtosis,
    Latest,
    Listed,
    Mean,
    Moment,
    Percentile,
    Skew,
    Std,
    Sum,
    TopK,
    Var,
)
from penstock.features.expressions import INT64_MAX, INT64_MIN, Expr
from penstock.features.ingest import BadEvent, Row, check_row
from penstock.features.plan import SOURCE, ArgPlan, FeaturePlan, UnionPlan, ViewPlan
from penstock.features.scalars import SCALARS, local
from penstock.features.windows import Window

Key = tuple[Any, ...]
Values = tuple[Any, ...]


@dataclass(frozen=True)
class Event:
    """An event as a view sees it. ``args`` and ``wheres`` follow the plan's; ``scaled`` are the summed integers. The
    ``id`` of an event of a union begins with its stream: equal ids of two streams are two events.

    ``gone``: it was deleted, or is left out by the view's filter, and is only remembered.
    """

    key: Key
    time: int
    id: Any
    args: Values
    scaled: tuple[int | None, ...]
    wheres: tuple[bool | None, ...]
    op: str = "insert"
    gone: bool = False


@dataclass
class Counts:
    """``in = applied + too_late + duplicate + dead``, always."""

    applied: int = 0
    too_late: int = 0
    duplicate: int = 0
    dead: int = 0

    @property
    def in_(self) -> int:
        """All events that came in."""
        return self.applied + self.too_late + self.duplicate + self.dead


# --- expressions -------------------------------------------------------------------------------------------


def evaluate(expr: Expr, row: Row) -> Any:
    """The expression's value for a row; None is null. Raises BadEvent when an int64 overflows anywhere."""
    if expr.op == "column":
        return row[str(expr.name)]
    if expr.op == "literal":
        return expr.value
    values = [evaluate(arg, row) for arg in expr.args]
    if expr.op == "is_null":
        return values[0] is None
    if expr.op == "coalesce":
        return next((value for value in values if value is not None), None)
    if expr.op == "when":
        cases = zip(values[:-1:2], values[1::2], strict=True)
        return next((value for condition, value in cases if condition is True), values[-1])
    if expr.op in ("and", "or"):
        return _three_valued(expr.op, values)
    if None in values:
        return None
    if expr.zone is not None:
        return local(expr.zone, values[0])
    return _checked(expr, _APPLY[expr.op](*values))


def _three_valued(op: str, values: list[Any]) -> bool | None:
    decides = op == "or"
    if decides in values:
        return decides
    return None if None in values else not decides


def _checked(expr: Expr, value: Any) -> Any:
    if expr.type == "int64" and value is not None and not INT64_MIN <= value <= INT64_MAX:
        raise BadEvent("overflow", f"{expr.op} does not fit int64")
    if expr.type == "float64":
        return value + 0.0 if value is not None and math.isfinite(value) else None
    return value


def _divide(a: float, b: float) -> float | None:
    try:
        return a / b
    except ZeroDivisionError:
        return None


_APPLY: dict[str, Any] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": _divide,
    "negate": lambda a: -a,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "not": lambda a: not a,
    **SCALARS,
}


# --- one row to one event ----------------------------------------------------------------------------------


def view_event(plan: ViewPlan, row: Row) -> Event | None:
    """The event that a checked row is for this view; None when its filter leaves it out. Raises BadEvent.

    Where events change, what is left out may have been in before: it is an event, and gone.
    """
    source = plan.source.of(row)
    op = "insert" if source.op is None else row[source.op] or "insert"
    try:
        if op == "delete":
            return _gone(plan, _key(plan, row), row, op)
        if plan.filter is not None and evaluate(plan.filter, row) is not True:
            return _gone(plan, _key(plan, row), row, op) if source.op is not None and _has_key(plan, row) else None
        key = _key(plan, row)
        args = tuple(evaluate(arg.expr, row) for arg in plan.args)
        wheres = tuple(evaluate(where, row) for where in plan.wheres)
        scaled = tuple(_scaled(arg, x) for arg, x in zip(plan.args, args, strict=True))
        _check_lengths(plan, [args[i] for i in plan.text_args])
    except BadEvent as bad:
        raise BadEvent(bad.code, bad.detail, plan.name) from None
    return Event(key, *_named(plan, row), args, scaled, wheres, op)


def _key(plan: ViewPlan, row: Row) -> Key:
    key = tuple(row[column.name] for column in plan.key)
    if None in key:
        raise BadEvent("missing key", ", ".join(c.name for c in plan.key if row[c.name] is None))
    _check_lengths(plan, key)
    return key


def _has_key(plan: ViewPlan, row: Row) -> bool:
    try:
        _key(plan, row)
    except BadEvent:
        return False
    return True


def _check_lengths(plan: ViewPlan, values: Iterable[Any]) -> None:
    """What would stand in the view's rows: they must fit into a record."""
    for text in values:
        if isinstance(text, str) and (size := len(text.encode())) > plan.text_limit:
            raise BadEvent("too long", f"a text of {size} bytes, {plan.text_limit} have room in a row")


def _named(plan: ViewPlan, row: Row) -> tuple[int, Any]:
    """The event's time and id."""
    source = plan.source.of(row)
    time = row[source.time] if source.time is not None else 0
    id = row[source.id] if source.id else None
    return time, id if id is None or source is plan.source else (source.name, id)


def _gone(plan: ViewPlan, key: Key, row: Row, op: str) -> Event:
    return Event(key, *_named(plan, row), (), (), (), op, gone=True)


def _scaled(arg: ArgPlan, x: Any) -> int | None:
    """Section 3: ``rint(x * 10**places)``, an IEEE product rounded half to even."""
    if x is None or arg.places is None:
        return None
    if arg.type == "int64":
        return int(x)
    product: float = x * float(10**arg.places)
    if not abs(product) < 2**53 or abs(round(product)) >= 2**53:
        raise BadEvent("out of range", f"{x!r} with {arg.places} places is not below 2**53")
    return round(product)


# --- values ------------------------------------------------------------------------------------------------


def feature_value(plan: ViewPlan, feature: FeaturePlan, alive: Sequence[Event], t: int) -> Any:
    """Section 4: one aggregate over the events that are alive at ``t``."""
    chosen = [e for e in alive if feature.where is None or e.wheres[feature.where] is True]
    if feature.arg is None:  # only a count has none
        return len(chosen)
    if isinstance(feature.aggregate, Latest):
        newest = max(alive, key=lambda e: (e.time, [(x is not None, x) for x in e.args]), default=None)
        return None if newest is None else newest.args[feature.arg]
    chosen = [e for e in chosen if e.args[feature.arg] is not None]
    arg = plan.args[feature.arg]
    timed = [(e.time, e.args[feature.arg]) for e in chosen]
    values = [value for _, value in timed]
    scaled = [(t - e.time, n) for e in chosen if (n := e.scaled[feature.arg]) is not None]
    match feature.aggregate:
        case Count():
            return len(values)
        case Moment() as moment:
            return _moment(moment, arg, [n for _, n in scaled])
        case Decayed() as decayed:
            return _decayed(decayed, scaled, 10 ** (arg.places or 0))
        case Extreme() as extreme:
            return _extreme(extreme, timed, values)
        case Chosen() as picked:
            assert feature.by is not None
            return _chosen(picked, [(e.args[feature.by], e.time, e.args[feature.arg]) for e in chosen])
        case Distinct():
            return len(set(values))
        case Percentile() as percentile:
            return _percentile(percentile, sorted(values))
        case Listed() as listed:
            return _list(listed, timed, values)
        case Histogram() as histogram:
            return [len([x for x in values if a <= x < b]) for a, b in pairwise(histogram.edges)]
        case _:
            assert_never(feature.aggregate)


def _decayed(aggregate: AnyDecayed, aged: list[tuple[int, int]], scale: int) -> float | None:
    """Of ``(age, scaled integer)``: each weighs half as much after each half-life."""
    weighed = [(Fraction(1, 2 ** (age // aggregate.half_life_ms)), n) for age, n in aged]
    total = sum(weight * n for weight, n in weighed)
    match aggregate:
        case DecayedSum():
            return float(Fraction(total, scale))
        case DecayedMean():
            return float(Fraction(total, scale * sum(weight for weight, _ in weighed))) if weighed else None
        case _:
            assert_never(aggregate)


def _list(aggregate: AnyList, timed: list[tuple[int, Any]], values: list[Any]) -> list[Any]:
    match aggregate:
        case TopK():
            ordered = sorted(set(values), key=lambda value: (-values.count(value), value))
        case End():
            ordered = [value for _, value in sorted(timed, reverse=aggregate.newest)]
        case _:
            assert_never(aggregate)
    return ordered[: aggregate.k]


def _chosen(aggregate: Chosen, rows: list[tuple[Any, int, Any]]) -> Any:
    """argmax and argmin of ``(by, time, x)``."""
    known = [row for row in rows if row[0] is not None]
    if not known:
        return None
    return (max(known) if aggregate.greatest else min(known))[2]


def _extreme(aggregate: Extreme, timed: list[tuple[int, Any]], values: list[Any]) -> Any:
    if not values:
        return None
    best = max if aggregate.greatest else min
    return best(timed)[1] if aggregate.by_time else best(values)


def _percentile(aggregate: Percentile, ordered: list[Any]) -> Any:
    """Nearest rank, in exact arithmetic."""
    rank = max(1, math.ceil(Fraction(*aggregate.share) * len(ordered)))
    return ordered[rank - 1] if ordered else None


def _moment(aggregate: AnyMoment, arg: ArgPlan, numbers: list[int]) -> Any:
    scale = 10 ** (arg.places or 0)
    match aggregate:
        case Sum():
            total = sum(numbers)
            if arg.type == "float64":
                return float(Fraction(total, scale))
            return total if INT64_MIN <= total <= INT64_MAX else None
        case Mean():
            return float(Fraction(sum(numbers), len(numbers) * scale)) if numbers else None
        case Var():
            return _variance(numbers, scale)
        case Std():
            variance = _variance(numbers, scale)
            return None if variance is None else math.sqrt(variance)
        case Skew():
            return _skewness(numbers)
        case Kurtosis():
            return _kurtosis(numbers)
        case _:
            assert_never(aggregate)


def _powers(numbers: list[int], most: int) -> list[int]:
    return [sum(x**power for x in numbers) for power in range(1, most + 1)]


def _variance(numbers: list[int], scale: int) -> float | None:
    n, (s1, s2) = len(numbers), _powers(numbers, 2)
    return float(Fraction(n * s2 - s1 * s1, n * (n - 1) * scale * scale)) if n >= 2 else None


def _skewness(numbers: list[int]) -> float | None:
    """It does not depend on the scale: the places cancel."""
    n, (s1, s2, s3) = len(numbers), _powers(numbers, 3)
    a = n * s2 - s1**2
    if n < 3 or a == 0:
        return None
    b = n**2 * s3 - 3 * n * s1 * s2 + 2 * s1**3
    size = math.sqrt(float(Fraction(b**2 * n * (n - 1), a**3 * (n - 2) ** 2)))
    return -size if b < 0 else size


def _kurtosis(numbers: list[int]) -> float | None:
    """It does not depend on the scale either."""
    n, (s1, s2, s3, s4) = len(numbers), _powers(numbers, 4)
    a = n * s2 - s1**2
    if n < 4 or a == 0:
        return None
    c = n**3 * s4 - 4 * n**2 * s1 * s3 + 6 * n * s1**2 * s2 - 3 * s1**4
    return float(Fraction((n - 1) * ((n + 1) * c - 3 * (n - 1) * a**2), (n - 2) * (n - 3) * a**2))


#: An event, and by index the windows that it entered.
Entered = tuple[Event, frozenset[int]]


def lives(window: Window, index: int, events: Sequence[Entered]) -> list[tuple[Event, int, int | None]]:
    """One key's events that entered the window (by index in the plan), each with when it enters and leaves."""
    there = [event for event, entered in events if index in entered and not event.gone]
    inside = sorted(there, key=lambda event: event.time)
    leaves = window.leaves([event.time for event in inside])
    return [(event, window.enter(event.time), leave) for event, leave in zip(inside, leaves, strict=True)]


def value(plan: ViewPlan, events: Sequence[Entered], t: int) -> Values:
    """``value(key, t)`` over one key's events."""

    def alive(index: int, window: Window) -> list[Event]:
        return [e for e, enter, leave in lives(window, index, events) if enter <= t and (leave is None or t < leave)]

    by_window = [alive(index, window) for index, window in enumerate(plan.windows)]
    return tuple(feature_value(plan, feature, by_window[feature.window], t) for feature in plan.features)


def changes(plan: ViewPlan, events: Sequence[Entered]) -> list[int]:
    """The change points of one key's events, in order: when they enter and when they leave."""
    spans = [span for index, window in enumerate(plan.windows) for span in lives(window, index, events)]
    return sorted({t for _, enter, leave in spans for t in (enter, leave) if t is not None})


# --- batch -------------------------------------------------------------------------------------------------


@dataclass
class Result:
    """``rows``: ``(key, t, seq, values)`` as emitted; batch has seq 0. ``dead``: (index of the input, reason).

    ``of_sources``: the counts of each stream of a union. ``before_cut``: events of a stream from the time that history
    owns, which their ids do not show to be new.
    """

    rows: list[tuple[Key, int, int, Values]] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    of_sources: dict[str, Counts] = field(default_factory=dict)
    dead: list[tuple[int, BadEvent]] = field(default_factory=list)
    before_cut: int = 0


def batch(plan: ViewPlan, rows: Iterable[Row | BadEvent]) -> Result:
    """All change points of all keys, sorted by key and time. Of repeats the first in ``rows`` counts; of an event that
    changes, its last version. For a union each row names its stream in ``_source``.
    """
    result = Result()
    events = _events_by_key(plan, rows, result)
    everywhere = frozenset(range(len(plan.windows)))
    for key in sorted(events):
        entered = [(event, everywhere) for event in events[key]]
        result.rows += [(key, t, 0, value(plan, entered, t)) for t in changes(plan, entered)]
    return result


def _events_by_key(plan: ViewPlan, rows: Iterable[Row | BadEvent], result: Result) -> dict[Key, list[Event]]:
    """What batch knows of each key. Bad rows, and all classes, are put down in ``result``."""
    events: dict[Key, list[Event]] = {}
    for index, row in enumerate(rows):
        event = _admit(plan, row, index, result)
        if event is not None:
            _count(plan, row, result, _take(event, events.setdefault(event.key, [])))
    return events


def _count(plan: ViewPlan, row: Row | BadEvent, result: Result, name: str) -> None:
    """Counts a row in its class, and where its source is one of several in that one's."""
    counts = [result.counts]
    if isinstance(plan.source, UnionPlan):
        source = row.source if isinstance(row, BadEvent) else row[SOURCE]
        counts.append(result.of_sources.setdefault(str(source), Counts()))
    for each in counts:
        setattr(each, name, getattr(each, name) + 1)


def _take(event: Event, events: list[Event]) -> str:
    """Puts an event among its key's, or in the place of its former version. Returns its class."""
    place = _find(event, events)
    if place is None:
        if not _is_nothing(event):
            events.append(event)
    elif _changes_nothing(event, events[place]):
        return "duplicate"
    else:
        events[place] = event
    return "applied"


def _find(event: Event, events: Sequence[Event]) -> int | None:
    """Where a version of the event is."""
    same = (place for place, e in enumerate(events) if (e.time, e.id) == (event.time, event.id))
    return None if event.id is None else next(same, None)


def _is_nothing(event: Event) -> bool:
    """Is there nothing to remember of an event of which nothing was known?"""
    return event.gone and event.op != "delete"


def _changes_nothing(event: Event, known: Event) -> bool:
    return event.op == "insert" or (event.op == "delete" and known.gone)


def _admit(plan: ViewPlan, row: Row | BadEvent, index: int, result: Result) -> Event | None:
    """The row's event, or None when it is dead or left out (which is counted here)."""
    try:
        if isinstance(row, BadEvent):
            raise row
        check_row(plan.source.of(row), row)
        event = view_event(plan, row)
    except BadEvent as bad:
        _count(plan, row, result, "dead")
        result.dead.append((index, bad))
        return None
    if event is None:
        _count(plan, row, result, "applied")
    return event


# --- labels of the time after a request --------------------------------------------------------------------


def future(plan: ViewPlan, rows: Iterable[Row | BadEvent], key: Key, t: int) -> Values:
    """The features of a Future for a request of this key at ``t``: each over the events with ``t < time <= t + size``.

    ``rows``: all that history has; ``size``: that of the feature's window.
    """
    events = [event for event in _events_by_key(plan, rows, Result()).get(key, []) if not event.gone]

    def after(size: int) -> list[Event]:
        return [event for event in events if t < event.time <= t + size]

    sizes = [plan.windows[feature.window].size_ms for feature in plan.features]
    return tuple(
        feature_value(plan, feature, after(size), t + size) for feature, size in zip(plan.features, sizes, strict=True)
    )


def matured(plan: ViewPlan, rows: Sequence[Row | BadEvent], t: int, size: int) -> bool:
    """Is a Future's window of that size over, for a request at ``t``? Each of its streams has a good row that is later
    than the window's end by more than the stream's ``disorder``.
    """
    complete = dict.fromkeys((source.name for source in plan.source.sources), -math.inf)
    for row in rows:
        if not isinstance(row, BadEvent) and _is_good(plan, row):
            source = plan.source.of(row)
            complete[source.name] = max(complete[source.name], row[source.time_column] - source.disorder_ms)
    return all(t + size < time for time in complete.values())


def _is_good(plan: ViewPlan, row: Row) -> bool:
    try:
        check_row(plan.source.of(row), row)
    except BadEvent:
        return False
    return True


# --- stream ------------------------------------------------------------------------------------------------


@dataclass
class _KeyState:
    clock: int | None = None
    seq: int = 0
    entered: list[Entered] = field(default_factory=list)


@dataclass(frozen=True)
class Watermark:
    """In a stream's input: every partition of every topic has reached ``time`` (milliseconds). All change points up to
    it are due, and an event is late by how far it lies behind it.
    """

    time: int


@dataclass(frozen=True)
class Past:
    """In a stream's input: a row of history."""

    row: Row


@dataclass(frozen=True)
class CutOver:
    """The time (milliseconds) before which the history of the ``owned`` sources has their events."""

    time: int
    owned: frozenset[str]


Arriving = Row | BadEvent | Past | Watermark


def stream(plan: ViewPlan, items: Iterable[Arriving], cut: CutOver | None = None) -> Result:
    """The exact rows that the stream emits for rows and watermarks in this order of arrival.

    With a cut-over, nothing is emitted until the watermark has reached the moment before it, and what is not history's
    waits for that.
    """
    result, waiting = Result(), list[tuple[int, Row | BadEvent]]()
    states: dict[Key, _KeyState] = {}
    reached = -math.inf
    for index, item in enumerate(items):
        building = cut is not None and reached < cut.time - 1
        if isinstance(item, Watermark):
            reached = max(reached, item.time)
            if cut is not None and building and reached >= cut.time - 1:
                _hand_over(plan, states, cut, result)
                for place, row in waiting:
                    _receive(plan, row, place, states, cut.time - 1, result, cut)
            for key in sorted(states):
                _fire(plan, key, states[key], item.time, result)
        elif isinstance(item, Past):
            _receive(plan, item.row, index, states, reached, result, None)
        elif cut is not None and building and _follows(plan, item, cut):
            waiting.append((index, item))
        else:
            _receive(plan, item, index, states, reached, result, cut)
        if cut is not None and reached < cut.time - 1:
            result.rows.clear()
    return result


def _receive(
    plan: ViewPlan,
    row: Row | BadEvent,
    index: int,
    states: dict[Key, _KeyState],
    reached: float,
    result: Result,
    cut: CutOver | None,
) -> None:
    event = _admit(plan, row, index, result)
    if event is None:
        return
    state = states.setdefault(event.key, _KeyState())
    if cut is not None and not isinstance(row, BadEvent) and _is_overlap(plan, row, event.time, cut):
        clock = -math.inf if state.clock is None else state.clock
        if event.id is None or not _remembered(plan, event, max(min(clock, reached), cut.time - 1)):
            result.before_cut += 1
            return
    _count(plan, row, result, _arrive(plan, event, state, reached, result))


def _is_overlap(plan: ViewPlan, row: Row, time: int, cut: CutOver) -> bool:
    return time < cut.time and plan.source.of(row).name in cut.owned


def _follows(plan: ViewPlan, row: Row | BadEvent, cut: CutOver) -> bool:
    """Does the row wait until history has been read?"""
    if isinstance(row, BadEvent):
        return False
    source = plan.source.of(row)
    time = row[source.time_column]
    return time is not None and (time >= cut.time or source.name in cut.owned)


def _hand_over(plan: ViewPlan, states: dict[Key, _KeyState], cut: CutOver, result: Result) -> None:
    """Each key that history has reached emits its value at the moment before the cut-over."""
    result.rows.clear()
    for key in sorted(states):
        state = states[key]
        if state.clock is not None:
            state.clock = cut.time - 1
            state.seq += 1
            result.rows.append((key, state.clock, state.seq, value(plan, state.entered, state.clock)))


def _arrive(plan: ViewPlan, event: Event, state: _KeyState, watermark: float, result: Result) -> str:
    """Takes an event in and emits the row that it brings. Returns its class."""
    clock = event.time if state.clock is None else max(state.clock, event.time)
    known = _known(plan, event, state, watermark)
    if known is not None and _changes_nothing(event, state.entered[known][0]):
        return "duplicate"
    if known is None and _is_nothing(event):
        return "applied"
    horizon = min(clock, watermark)
    if known is None and not any(_takes(plan, window, event, horizon) for window in plan.windows):
        return "too_late"
    state.clock = clock
    state.seq += 1
    if known is None:
        entered = frozenset(i for i, window in enumerate(plan.windows) if _enters(plan, window, event, clock, horizon))
        state.entered.append((event, entered))
    else:
        state.entered[known] = (event, state.entered[known][1])
    result.rows.append((event.key, clock, state.seq, value(plan, state.entered, clock)))
    return "applied"


def _takes(plan: ViewPlan, window: Window, event: Event, horizon: float) -> bool:
    """Is the event early enough for the window? ``horizon``: the watermark, or the key's clock where that is less."""
    leave = window.leave(event.time)
    if window.kind == "session" or (leave is None and plan.source.named):
        return horizon - event.time <= plan.source.lateness_ms
    return leave is None or leave > horizon


def _enters(plan: ViewPlan, window: Window, event: Event, clock: int, horizon: float) -> bool:
    """Does the event count in the window, now or later? One that has left at the key's clock no longer does."""
    leave = None if window.endless else window.leave(event.time)
    return _takes(plan, window, event, horizon) and (leave is None or leave > clock)


def _known(plan: ViewPlan, event: Event, state: _KeyState, watermark: float) -> int | None:
    """Where a version of the event is that is still remembered, before this one arrived."""
    place = _find(event, [e for e, _ in state.entered])
    if place is None or state.clock is None:
        return None
    return place if _remembered(plan, event, min(state.clock, watermark)) else None


def _remembered(plan: ViewPlan, event: Event, horizon: float) -> bool:
    if any(_takes(plan, window, event, horizon) for window in plan.windows if not window.endless):
        return True
    endless = any(window.endless for window in plan.windows)
    return endless and horizon - event.time <= plan.source.lateness_ms


def _fire(plan: ViewPlan, key: Key, state: _KeyState, watermark: int, result: Result) -> None:
    """Every change point after the key's clock that the watermark has passed, in order, one row each."""
    if state.clock is None:  # nothing of this key has been in the view
        return
    for t in [t for t in changes(plan, state.entered) if state.clock < t <= watermark]:
        state.clock = t
        state.seq += 1
        result.rows.append((key, t, state.seq, value(plan, state.entered, t)))
