"""The shared behaviour suite, as data: small views, small streams, and the values that the meaning gives by hand.

Each case runs on the oracle, on DuckDB and on the Flink job's operators. ``rows`` are all change points of batch in
order of key and time, ``(key…, t, values…)``; times are milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from features import (
    Stream,
    Table,
    View,
    argmax,
    argmin,
    calendar,
    coalesce,
    column,
    concat,
    count,
    distinct,
    first,
    first_k,
    histogram,
    hopping,
    kurtosis,
    last,
    last_k,
    lifetime,
    literal,
    max,
    mean,
    min,
    percentile,
    session,
    skew,
    sliding,
    std,
    sum,
    top_k,
    union,
    var,
    when,
)
from features.aggregates import Feature
from features.expressions import Expr
from features.plan import ViewPlan
from features.union import Union

COLUMNS = dict(
    k="string", g="int64", x="float64", n="int64", b="bool", s="string", w="timestamp",
    cents=column("float64", places=2)
)  # fmt: skip


def stream(**options: Any) -> Stream:
    """The source of most cases."""
    return Stream("events", topic="events", time="ts", columns=COLUMNS, **options)


plain = stream()
named = Stream("named", topic="named", time="ts", id="eid", columns={**COLUMNS, "eid": "string"}, lateness="100ms")
late = stream(disorder="20ms")
changing = Stream(
    "changing", topic="changing", time="ts", id="eid", op="op", columns={**COLUMNS, "eid": "string", "op": "string"},
    lateness="100ms",
)  # fmt: skip
#: A stream that has other columns, and calls its time and its id (an int64) otherwise.
visits = Stream(
    "visits", topic="visits", time="at", id="n", lateness="20ms", disorder="10ms",
    columns=dict(at="timestamp", k="string", n="int64", x=column("float64", nullable=False), page="string"),
)  # fmt: skip
both = union(named, visits)
mixed = union(plain, changing)
halves = Stream("halves", topic="halves", time="ts", columns=dict(k="string", x=column("float64", places=0)))


def view(source: Stream | Union, key: Any = "k", filter: Expr | None = None, **features: Feature) -> ViewPlan:
    """A view's plan."""
    return View("v", source, key=key, filter=filter, features=features).plan


def each(*exprs: Expr, source: Stream = plain) -> ViewPlan:
    """A view that shows the value of each expression for each event, once."""
    return view(source, **{f"e{i}": last(expr).over(lifetime()) for i, expr in enumerate(exprs)})


def event(ts: int, k: Any = "a", **values: Any) -> dict[str, Any]:
    """An event as its producer writes it."""
    return {"ts": ts, "k": k, **values}


def of(source: Stream, ts: int, k: Any = "a", **values: Any) -> dict[str, Any]:
    """An event of one of a union's streams."""
    return {"_source": str(source.name), str(source.time): ts, "k": k, **values}


def xs(*pairs: tuple[int, Any]) -> list[dict[str, Any]]:
    """Events of one key with a value of ``x`` each."""
    return [event(ts, x=x) for ts, x in pairs]


def ns(*pairs: tuple[int, Any]) -> list[dict[str, Any]]:
    """Events of one key with a value of ``n`` each."""
    return [event(ts, n=n) for ts, n in pairs]


@dataclass(frozen=True)
class Case:
    """``events``: dicts, or bytes for what is no event (of a union: of its first stream). ``dead``: (place, reason).
    ``of_sources``: a union's batch counts, (applied, duplicate, dead) of each stream.
    """

    name: str
    plan: ViewPlan
    events: Sequence[dict[str, Any] | bytes]
    rows: Sequence[tuple[Any, ...]]
    dead: Sequence[tuple[int, str]] = ()
    duplicates: int = 0
    stream_counts: dict[str, int] = field(default_factory=dict)
    of_sources: dict[str, tuple[int, int, int]] = field(default_factory=dict)


E53, I63 = 2**53, 2**63
HUGE = 9_007_199_254.0  # with six places the last whole number below 2**53

CASES = (
    Case(
        "an event counts from its own time until the window's length later",
        view(plain, c=count().over("10ms")),
        [event(0), event(4)],
        [("a", 0, 1), ("a", 4, 2), ("a", 10, 1), ("a", 14, 0)],
    ),
    Case(
        "two windows at once keep their own time",
        view(plain, c=count().over("10ms", "25ms"), x=sum(plain.x).over("10ms", "25ms")),
        xs((0, 1.5), (20, 0.25)),
        [
            ("a", 0, 1, 1, 1.5, 1.5),
            ("a", 10, 0, 1, 0.0, 1.5),
            ("a", 20, 1, 2, 0.25, 1.75),
            ("a", 25, 1, 1, 0.25, 0.25),
            ("a", 30, 0, 1, 0.0, 0.25),
            ("a", 45, 0, 0, 0.0, 0.0),
        ],
    ),
    Case(
        "with a step the head is fresh and the tail leaves on the grid",
        view(plain, c=count().over(sliding("30ms", step="10ms"))),
        [event(1), event(10), event(19)],
        [("a", 1, 1), ("a", 10, 2), ("a", 19, 3), ("a", 40, 1), ("a", 50, 0)],
    ),
    Case(
        "a step's grid goes through the epoch, before it too",
        view(plain, c=count().over(sliding("10ms", step="10ms")), f=first(plain.n).over(sliding("10ms", step="10ms"))),
        ns((-15, 1), (-10, 2), (-1, 3)),
        [("a", -15, 1, 1), ("a", -10, 2, 1), ("a", -1, 3, 1), ("a", 0, 1, 3), ("a", 10, 0, None)],
    ),
    Case(
        "nothing leaves a lifetime",
        view(plain, c=count().over(lifetime()), x=max(plain.x).over(lifetime())),
        xs((5, 2.0), (5_000_000, 1.0)),
        [("a", 5, 1, 2.0), ("a", 5_000_000, 2, 2.0)],
    ),
    Case(
        "events of one time are one change point",
        view(plain, c=count().over("10ms"), x=sum(plain.x).over("10ms")),
        xs((7, 1.0), (7, 2.0), (7, None)),
        [("a", 7, 3, 3.0), ("a", 17, 0, 0.0)],
    ),
    Case(
        "ties of one time are decided by the value, not by arrival",
        view(plain, f=first(plain.x).over("10ms"), l=last(plain.x).over("10ms"), s=last(plain.s).over("10ms")),
        [event(3, x=2.0, s="b"), event(3, x=5.0, s="a"), event(3, x=-1.0, s="á")],
        [("a", 3, -1.0, 5.0, "á"), ("a", 13, None, None, None)],
    ),
    Case(
        "first and last move on when their event leaves",
        view(plain, f=first(plain.n).over("10ms"), l=last(plain.n).over("10ms")),
        ns((0, 1), (3, None), (5, 2)),
        [("a", 0, 1, 1), ("a", 3, 1, 1), ("a", 5, 1, 2), ("a", 10, 2, 2), ("a", 13, 2, 2), ("a", 15, None, None)],
    ),
    Case(
        "the least and the greatest that are left",
        view(plain, l=min(plain.x).over("10ms"), g=max(plain.x).over("10ms")),
        xs((0, 1.0), (1, 9.0), (2, 5.0), (3, 5.0)),
        [
            ("a", 0, 1.0, 1.0),
            ("a", 1, 1.0, 9.0),
            ("a", 2, 1.0, 9.0),
            ("a", 3, 1.0, 9.0),
            ("a", 10, 5.0, 9.0),
            ("a", 11, 5.0, 5.0),
            ("a", 12, 5.0, 5.0),
            ("a", 13, None, None),
        ],
    ),
    Case(
        "nulls are rows, and no values",
        view(
            plain,
            c=count().over("10ms"),
            x=count(plain.x).over("10ms"),
            m=mean(plain.x).over("10ms"),
            s=sum(plain.x).over("10ms"),
            l=last(plain.x).over("10ms"),
        ),
        xs((0, None), (2, 3.0)),
        [
            ("a", 0, 1, 0, None, 0.0, None),
            ("a", 2, 2, 1, 3.0, 3.0, 3.0),
            ("a", 10, 1, 1, 3.0, 3.0, 3.0),
            ("a", 12, 0, 0, None, 0.0, None),
        ],
    ),
    Case(
        "variance needs two values",
        view(plain, v=var(plain.x).over("10ms"), d=std(plain.n).over("10ms")),
        [event(0, x=1.0, n=1), event(1, x=2.0, n=4)],
        [("a", 0, None, None), ("a", 1, 0.5, 4.5**0.5), ("a", 10, None, None), ("a", 11, None, None)],
    ),
    Case(
        "skewness needs three values, kurtosis four, and both some spread",
        view(plain, s=skew(plain.n).over("10ms"), k=kurtosis(plain.n).over("10ms", lifetime())),
        ns((0, 7), (1, 7), (2, 7), (3, 8), (20, 7), (21, 8), (22, 8)),
        [
            ("a", 0, None, None, None),
            ("a", 1, None, None, None),
            ("a", 2, None, None, None),
            ("a", 3, 2.0, 4.0, 4.0),
            ("a", 10, 3.0**0.5, None, 4.0),
            ("a", 11, None, None, 4.0),
            ("a", 12, None, None, 4.0),
            ("a", 13, None, None, 4.0),
            ("a", 20, None, None, 5.0),
            ("a", 21, None, None, -15 / 8),
            ("a", 22, -(3.0**0.5), None, -14 / 5),
            ("a", 30, None, None, -14 / 5),
            ("a", 31, None, None, -14 / 5),
            ("a", 32, None, None, -14 / 5),
        ],
    ),
    Case(
        "skewness and kurtosis of the ends of int64, and of the least that six places tell apart",
        view(plain, s=skew(plain.n).over("10ms"), k=kurtosis(plain.n).over("10ms"), x=skew(plain.x).over("10ms")),
        [
            event(0, n=-I63, x=HUGE),
            event(0, n=I63 - 1, x=HUGE),
            event(0, n=-I63, x=HUGE),
            event(0, n=-I63, x=HUGE - 0.000001),
        ],
        [("a", 0, 2.0, 4.0, -2.0), ("a", 10, None, None, None)],
    ),
    Case(
        "different values are counted once each, of every type, nulls not at all",
        view(
            plain,
            n=distinct(plain.n).over("10ms", lifetime()),
            s=distinct(plain.s).over("10ms"),
            b=distinct(plain.b, where=plain.n > 1).over("10ms"),
        ),
        [
            event(0, n=1, s="a", b=True),
            event(0, n=2, s="a", b=True),
            event(3, n=1, s=None, b=False),
            event(5, n=2, s="b", b=False),
            event(20, n=1, s="a", b=None),
        ],
        [
            ("a", 0, 2, 2, 1, 1),
            ("a", 3, 2, 2, 1, 1),
            ("a", 5, 2, 2, 2, 2),
            ("a", 10, 2, 2, 1, 1),
            ("a", 13, 1, 2, 1, 1),
            ("a", 15, 0, 2, 0, 0),
            ("a", 20, 1, 2, 1, 0),
            ("a", 30, 0, 2, 0, 0),
        ],
    ),
    Case(
        "a percentile is a value that is there: the nearest rank, in exact arithmetic",
        view(
            plain,
            least=percentile(plain.n, 0).over("10ms"),
            fifth=percentile(plain.n, 20).over("10ms"),
            more=percentile(plain.n, "20.000001").over("10ms"),
            half=percentile(plain.n, 50).over("10ms", lifetime()),
            most=percentile(plain.n, 100.0).over("10ms"),
        ),
        ns((0, 50), (1, 15), (2, 40), (3, 20), (4, 35), (5, None)),
        [
            ("a", 0, 50, 50, 50, 50, 50, 50),
            ("a", 1, 15, 15, 15, 15, 15, 50),
            ("a", 2, 15, 15, 15, 40, 40, 50),
            ("a", 3, 15, 15, 15, 20, 20, 50),
            ("a", 4, 15, 15, 20, 35, 35, 50),
            ("a", 5, 15, 15, 20, 35, 35, 50),
            ("a", 10, 15, 15, 15, 20, 35, 40),
            ("a", 11, 20, 20, 20, 35, 35, 40),
            ("a", 12, 20, 20, 20, 20, 35, 35),
            ("a", 13, 35, 35, 35, 35, 35, 35),
            ("a", 14, None, None, None, None, 35, None),
            ("a", 15, None, None, None, None, 35, None),
        ],
    ),
    Case(
        "percentiles of text, truth and time go by their own order",
        view(
            plain,
            s=percentile(plain.s, 50).over("10ms"),
            b=percentile(plain.b, 50).over("10ms"),
            w=percentile(plain.w, 75).over("10ms"),
            x=percentile(plain.x, 99.9).over("10ms"),
        ),
        [event(0, s="\uffff", b=True, w=-1, x=0.1), event(0, s="\U0001f600", b=False, w=5, x=-0.0), event(0, s="Z")],
        [("a", 0, "\uffff", False, 5, 0.1), ("a", 10, None, None, None, None)],
    ),
    Case(
        "a value of the row that is the greatest or least by another, rows without either left out",
        view(
            plain,
            g=argmax(plain.s, by=plain.n).over("10ms", lifetime()),
            l=argmin(plain.s, by=plain.n).over("10ms"),
            w=argmax(plain.s, by=plain.n, where=plain.b).over("10ms"),
        ),
        [
            event(0, n=5, s="five"),
            event(1, n=9, s=None, b=True),
            event(2, n=3, s="three", b=True),
            event(3, n=None, s="none"),
            event(4, n=4, s="four"),
        ],
        [
            ("a", 0, "five", "five", "five", None),
            ("a", 1, "five", "five", "five", None),
            ("a", 2, "five", "five", "three", "three"),
            ("a", 3, "five", "five", "three", "three"),
            ("a", 4, "five", "five", "three", "three"),
            ("a", 10, "four", "five", "three", "three"),
            ("a", 11, "four", "five", "three", "three"),
            ("a", 12, "four", "five", "four", None),
            ("a", 13, "four", "five", "four", None),
            ("a", 14, None, "five", None, None),
        ],
    ),
    Case(
        "of rows that are equal by it argmax takes the last one, argmin the first",
        view(plain, g=argmax(plain.n, by=plain.b).over("10ms"), l=argmin(plain.n, by=plain.b).over("10ms", lifetime())),
        [
            event(3, n=1, b=True),
            event(3, n=2, b=True),
            event(5, n=0, b=True),
            event(5, n=-1, b=True),
            event(0, n=7, b=True),
        ],
        [
            ("a", 0, 7, 7, 7),
            ("a", 3, 2, 7, 7),
            ("a", 5, 0, 7, 7),
            ("a", 10, 0, 1, 7),
            ("a", 13, 0, -1, 7),
            ("a", 15, None, None, 7),
        ],
    ),
    Case(
        "the newest and the oldest values, by time and then by value, never by arrival",
        view(
            plain,
            l=last_k(plain.n, 2).over("10ms"),
            f=first_k(plain.n, 2).over("10ms", lifetime()),
            w=last_k(plain.s, 3, where=plain.b).over("10ms"),
        ),
        [
            event(4, n=3, s="c", b=True),
            event(0, n=1, s="a", b=True),
            event(4, n=2, s="d", b=True),
            event(5, n=None, s="e"),
            event(6, n=7, s=None, b=True),
        ],
        [
            ("a", 0, [1], [1], [1], ["a"]),
            ("a", 4, [3, 2], [1, 2], [1, 2], ["d", "c", "a"]),
            ("a", 5, [3, 2], [1, 2], [1, 2], ["d", "c", "a"]),
            ("a", 6, [7, 3], [1, 2], [1, 2], ["d", "c", "a"]),
            ("a", 10, [7, 3], [2, 3], [1, 2], ["d", "c"]),
            ("a", 14, [7], [7], [1, 2], []),
            ("a", 15, [7], [7], [1, 2], []),
            ("a", 16, [], [], [1, 2], []),
        ],
    ),
    Case(
        "the oldest values are found again when many have left at once",
        view(plain, f=first_k(plain.n, 1).over(sliding("20ms", step="10ms"))),
        ns((1, 1), (1, 0), (2, None), (3, 3), (4, 4), (12, 6), (12, 5), (13, 7)),
        [
            ("a", 1, [0]),
            ("a", 2, [0]),
            ("a", 3, [0]),
            ("a", 4, [0]),
            ("a", 12, [0]),
            ("a", 13, [0]),
            ("a", 30, [5]),
            ("a", 40, []),
        ],
    ),
    Case(
        "the most frequent values, and of equally frequent ones the least",
        view(plain, m=top_k(plain.s, 2).over("10ms", lifetime()), b=top_k(plain.b, 5).over("10ms")),
        [
            event(0, s="z", b=True),
            event(1, s="é", b=True),
            event(2, s="é", b=False),
            event(3, s="a"),
            event(4, s=None),
        ],
        [
            ("a", 0, ["z"], ["z"], [True]),
            ("a", 1, ["z", "é"], ["z", "é"], [True]),
            ("a", 2, ["é", "z"], ["é", "z"], [True, False]),
            ("a", 3, ["é", "a"], ["é", "a"], [True, False]),
            ("a", 4, ["é", "a"], ["é", "a"], [True, False]),
            ("a", 10, ["é", "a"], ["é", "a"], [False, True]),
            ("a", 11, ["a", "é"], ["é", "a"], [False]),
            ("a", 12, ["a"], ["é", "a"], []),
            ("a", 13, [], ["é", "a"], []),
            ("a", 14, [], ["é", "a"], []),
        ],
    ),
    Case(
        "a histogram counts its half-open bins, and nothing outside of them",
        view(
            plain,
            x=histogram(plain.x, [0, 0.1, 10]).over("10ms"),
            n=histogram(plain.n, [-I63, 0, I63 - 1]).over("10ms", lifetime()),
        ),
        [
            event(0, x=-0.0, n=-I63),
            event(1, x=0.1, n=-1),
            event(2, x=10.0, n=I63 - 1),
            event(3, x=-1e-300, n=I63 - 2),
            event(4, x=None, n=0),
        ],
        [
            ("a", 0, [1, 0], [1, 0], [1, 0]),
            ("a", 1, [1, 1], [2, 0], [2, 0]),
            ("a", 2, [1, 1], [2, 0], [2, 0]),
            ("a", 3, [1, 1], [2, 1], [2, 1]),
            ("a", 4, [1, 1], [2, 2], [2, 2]),
            ("a", 10, [0, 1], [1, 2], [2, 2]),
            ("a", 11, [0, 0], [0, 2], [2, 2]),
            ("a", 12, [0, 0], [0, 2], [2, 2]),
            ("a", 13, [0, 0], [0, 1], [2, 2]),
            ("a", 14, [0, 0], [0, 0], [2, 2]),
        ],
    ),
    Case(
        "lists of every type",
        view(
            plain,
            x=last_k(plain.x, 3).over("10ms"),
            b=first_k(plain.b, 3).over("10ms"),
            w=last_k(plain.w, 3).over("10ms"),
            s=top_k(plain.s, 3).over("10ms"),
            m=top_k(plain.w, 1).over("10ms"),
        ),
        [event(0, x=-0.0, b=True, w=-1, s='q"\\\n'), event(1, x=0.1, b=False, w=1_500, s="\U0001f600")],
        [
            ("a", 0, [0.0], [True], [-1], ['q"\\\n'], [-1]),
            ("a", 1, [0.1, 0.0], [True, False], [1_500, -1], ['q"\\\n', "\U0001f600"], [-1]),
            ("a", 10, [0.1], [False], [1_500], ["\U0001f600"], [1_500]),
            ("a", 11, [], [], [], [], []),
        ],
    ),
    Case(
        "sums do not drift: a tenth, three times, is three tenths",
        view(plain, x=sum(plain.x).over("10ms"), m=mean(plain.x).over("10ms")),
        xs((0, 0.1), (1, 0.1), (2, 0.1), (3, 1e9), (4, -1e9)),
        [
            ("a", 0, 0.1, 0.1),
            ("a", 1, 0.2, 0.1),
            ("a", 2, 0.3, 0.1),
            ("a", 3, 1000000000.3, 250000000.075),
            ("a", 4, 0.3, 0.06),
            ("a", 10, 0.2, 0.05),
            ("a", 11, 0.1, 0.1 / 3),
            ("a", 12, 0.0, 0.0),
            ("a", 13, -1e9, -1e9),
            ("a", 14, 0.0, None),
        ],
    ),
    Case(
        "decimal places beyond the column's are rounded half to even",
        view(plain, s=sum(plain.cents).over("10ms"), l=last(plain.cents).over("10ms")),
        [event(0, cents=0.125), event(1, cents=0.375), event(2, cents=0.005)],
        [
            ("a", 0, 0.12, 0.125),
            ("a", 1, 0.5, 0.375),
            ("a", 2, 0.5, 0.005),
            ("a", 10, 0.38, 0.005),
            ("a", 11, 0.0, 0.005),
            ("a", 12, 0.0, None),
        ],
    ),
    Case(
        "huge and negative values stay exact",
        view(plain, s=sum(plain.x).over("10ms"), v=var(plain.n).over("10ms"), l=min(plain.n).over("10ms")),
        [event(0, x=HUGE, n=I63 - 1), event(1, x=-HUGE, n=-I63), event(2, x=0.000001, n=-I63)],
        [
            ("a", 0, HUGE, None, I63 - 1),
            ("a", 1, 0.0, (2 * I63 - 1) ** 2 / 2, -I63),
            ("a", 2, 0.000001, (2 * I63 - 1) ** 2 / 3, -I63),
            ("a", 10, -9007199253.999999, 0.0, -I63),
            ("a", 11, 0.000001, None, -I63),
            ("a", 12, 0.0, None, None),
        ],
    ),
    Case(
        "a sum that does not fit int64 is null, and comes back when it does",
        view(plain, s=sum(plain.n).over("10ms"), m=mean(plain.n).over("10ms")),
        ns((0, I63 - 1), (1, 1), (2, -2)),
        [
            ("a", 0, I63 - 1, float(I63)),
            ("a", 1, None, 2.0**62),
            ("a", 2, I63 - 2, (I63 - 2) / 3),
            ("a", 10, -1, -0.5),
            ("a", 11, -2, -2.0),
            ("a", 12, 0, None),
        ],
    ),
    Case(
        "negative zero is zero",
        view(plain, l=last(plain.x).over("10ms"), s=sum(plain.x).over("10ms")),
        xs((0, -0.0)),
        [("a", 0, 0.0, 0.0), ("a", 10, None, 0.0)],
    ),
    Case(
        "a key with one event decays to nothing",
        view(
            plain,
            c=count().over("10ms"),
            m=mean(plain.x).over("10ms"),
            d=std(plain.x).over("10ms"),
            f=first(plain.s).over("10ms"),
        ),
        [event(5, "b", x=2.5, s="only")],
        [("b", 5, 1, 2.5, None, "only"), ("b", 15, 0, None, None, None)],
    ),
    Case(
        "composite keys, one of them a number",
        view(plain, ["k", "g"], c=count().over("10ms")),
        [event(0, "a", g=1), event(1, "a", g=-2), event(2, "b", g=1), event(3, "a", g=1)],
        [
            ("a", -2, 1, 1),
            ("a", -2, 11, 0),
            ("a", 1, 0, 1),
            ("a", 1, 3, 2),
            ("a", 1, 10, 1),
            ("a", 1, 13, 0),
            ("b", 1, 2, 1),
            ("b", 1, 12, 0),
        ],
    ),
    Case(
        "keys are ordered by code point and may hold any text",
        view(plain, c=count().over(lifetime())),
        [event(0, "é"), event(1, "Z"), event(2, '"\\\n'), event(3, "\U0001f600"), event(4, "\uffff"), event(5, "")],
        [("", 5, 1), ('"\\\n', 2, 1), ("Z", 1, 1), ("é", 0, 1), ("\uffff", 4, 1), ("\U0001f600", 3, 1)],
    ),
    Case(
        "a condition filters one aggregate, and null is false",
        view(
            plain,
            c=count(where=plain.x > 1.0).over("10ms"),
            s=sum(plain.n, where=plain.b).over("10ms"),
            l=last(plain.n, where=plain.b).over("10ms"),
            a=count().over("10ms"),
        ),
        [event(0, x=1.0, n=1, b=True), event(1, x=2.0, n=10, b=False), event(2, x=None, n=100, b=None)],
        [
            ("a", 0, 0, 1, 1, 1),
            ("a", 1, 1, 1, 1, 2),
            ("a", 2, 1, 1, 1, 3),
            ("a", 10, 1, 0, None, 2),
            ("a", 11, 0, 0, None, 1),
            ("a", 12, 0, 0, None, 0),
        ],
    ),
    Case(
        "a row filter leaves rows out, and they are applied",
        view(plain, filter=(plain.x > 1.0) | plain.b, c=count().over("10ms")),
        [event(0, x=1.0), event(1, x=2.0), event(2, x=None, b=True), event(3, x=None, b=False)],
        [("a", 1, 1), ("a", 2, 2), ("a", 11, 1), ("a", 12, 0)],
    ),
    Case(
        "expressions over rows: null in, null out; a quotient by zero is null",
        view(
            plain,
            d=last(plain.x / plain.n).over("10ms"),
            e=sum(plain.x - plain.n * 2).over("10ms"),
            f=last(coalesce(plain.x, plain.n, 0.5)).over("10ms"),
            g=count(where=plain.x.is_null() & (plain.w - plain.ts < 5)).over("10ms"),
        ),
        [event(0, x=3.0, n=2, w=4), event(1, x=3.0, n=0, w=9), event(2, x=None, n=7, w=3), event(3, x=1e308, n=None)],
        [
            ("a", 0, 1.5, -1.0, 3.0, 0),
            ("a", 1, 1.5, 2.0, 3.0, 0),
            ("a", 2, 1.5, 2.0, 7.0, 1),
            ("a", 3, 1.5, 2.0, 1e308, 1),
            ("a", 10, None, 3.0, 1e308, 1),
            ("a", 11, None, 0.0, 1e308, 1),
            ("a", 12, None, 0.0, 1e308, 0),
            ("a", 13, None, 0.0, None, 0),
        ],
    ),
    Case(
        "an integer expression that overflows makes the event bad",
        view(plain, s=sum(plain.n + 1).over("10ms"), c=count(where=(plain.g * plain.g) > 0).over("10ms")),
        [event(0, n=I63 - 1, g=1), event(1, n=1, g=2**32), event(2, n=1, g=None)],
        [("a", 2, 2, 0), ("a", 12, 0, 0)],
        dead=[(0, "overflow"), (1, "overflow")],
    ),
    Case(
        "whole quotients and remainders are rounded down, and null by zero",
        each(coalesce(plain.n // plain.g, 99), coalesce(plain.n % plain.g, 99), coalesce(plain.n // 2, 99)),
        [event(0, n=7, g=2), event(1, n=-7, g=2), event(2, n=7, g=-2), event(3, n=7, g=0), event(4, n=-I63, g=1)],
        [
            ("a", 0, 3, 1, 3),
            ("a", 1, -4, 1, -4),
            ("a", 2, -4, -1, 3),
            ("a", 3, 99, 99, 3),
            ("a", 4, -I63, 0, -(2**62)),
        ],
    ),
    Case(
        "the one quotient that does not fit, and a size that does not, are overflows",
        each(plain.n // plain.g, plain.g.abs()),
        [event(0, n=-I63, g=-1), event(1, n=1, g=-I63), event(2, n=-I63, g=3)],
        [("a", 2, -3074457345618258603, 3)],
        dead=[(0, "overflow"), (1, "overflow")],
    ),
    Case(
        "rounding: halves to the even side, also where doubles end, and zero has no sign",
        each(plain.x.round(), plain.x.floor(), plain.x.ceil(), plain.x.abs()),
        [
            event(0, x=2.5),
            event(1, x=-0.5),
            event(2, x=1000000000000002.5),
            event(3, x=-4503599627370495.5),
            event(4, x=1e300),
            event(5, x=0.49999999999999994),
        ],
        [
            ("a", 0, 2.0, 2.0, 3.0, 2.5),
            ("a", 1, 0.0, -1.0, 0.0, 0.5),
            ("a", 2, 1000000000000002.0, 1000000000000002.0, 1000000000000003.0, 1000000000000002.5),
            ("a", 3, -4503599627370496.0, -4503599627370496.0, -4503599627370495.0, 4503599627370495.5),
            ("a", 4, 1e300, 1e300, 1e300, 1e300),
            ("a", 5, 0.0, 0.0, 1.0, 0.49999999999999994),
        ],
    ),
    Case(
        "a summed column is rounded half to even where doubles have but one bit of fraction",
        view(halves, s=sum(halves.x).over("10ms")),
        xs((0, 1000000000000002.5), (20, -4503599627370495.5)),
        [
            ("a", 0, 1000000000000002.0),
            ("a", 10, 0.0),
            ("a", 20, -4503599627370496.0),
            ("a", 30, 0.0),
        ],
    ),
    Case(
        "roots, logarithms and powers: null where there is none",
        each(*(coalesce(e, -1.0) for e in (plain.x.sqrt(), plain.x.log(), plain.x.exp(), plain.n.sqrt()))),
        [
            event(0, x=0.0, n=2),
            event(1, x=1.0, n=-1),
            event(2, x=-4.0, n=4),
            event(3, x=709.782712893384, n=0),
            event(4, x=710.0),
            event(5, x=5e-324),
            event(6, x=-745.2),
            event(7, x=10.0),
        ],
        [
            ("a", 0, 0.0, -1.0, 1.0, 2**0.5),
            # the last bit of e is that of fdlibm, one above the nearest double
            ("a", 1, 1.0, 0.0, 2.7182818284590455, -1.0),
            ("a", 2, -1.0, -1.0, 0.01831563888873418, 2.0),
            ("a", 3, 26.641747557046326, 6.564958885017789, 1.7976931348622732e308, 0.0),
            ("a", 4, 26.645825188948457, 6.565264970035361, -1.0, -1.0),
            ("a", 5, 2.2227587494850775e-162, -744.4400719213812, 1.0, -1.0),
            ("a", 6, -1.0, -1.0, 0.0, -1.0),
            ("a", 7, 3.1622776601683795, 2.302585092994046, 22026.465794806718, -1.0),
        ],
    ),
    Case(
        "when: the first condition that is true; null is not; no value is null",
        each(
            when(plain.x > 5.0).then("high").when(plain.b).then(plain.s).otherwise("low"),
            when(plain.b).then(plain.n).otherwise(0.5),
            coalesce(when(plain.b).then(None).otherwise(plain.n), 7),
        ),
        [
            event(0, x=6.0, b=True, s="s", n=1),
            event(1, x=None, b=True, s="s", n=2),
            event(2, x=1.0, b=None, s="s", n=3),
            event(3, x=1.0, b=False, s="s", n=None),
        ],
        [
            ("a", 0, "high", 1.0, 7),
            ("a", 1, "s", 2.0, 7),
            ("a", 2, "low", 0.5, 3),
            ("a", 3, "low", 0.5, 7),
        ],
    ),
    Case(
        "an overflow in a value that when does not take makes the event bad too",
        each(when(plain.b).then(0).otherwise(plain.n + 1)),
        [event(0, b=True, n=I63 - 1), event(1, b=True, n=1)],
        [("a", 1, 0)],
        dead=[(0, "overflow")],
    ),
    Case(
        "text: cases of ASCII letters, lengths and places by code point",
        each(
            plain.s.lower(),
            plain.s.upper(),
            plain.s.length(),
            plain.s.substring(1, 2),
            plain.s.substring(plain.n, plain.g),
        ),
        [
            event(0, s="aZ{@[`", n=0, g=0),
            event(1, s="Straße ÀÉ\u0130\u03a3", n=4, g=100),
            event(2, s="\U0001f600e\u0301\U0001f600x", n=2, g=2),
            event(3, s="", n=I63 - 1, g=I63 - 1),
            event(4, s="null where a place is below zero", n=-1, g=2),
        ],
        [
            ("a", 0, "az{@[`", "AZ{@[`", 6, "Z{", ""),
            ("a", 1, "straße ÀÉ\u0130\u03a3", "STRAßE ÀÉ\u0130\u03a3", 11, "tr", "ße ÀÉ\u0130\u03a3"),
            ("a", 2, "\U0001f600e\u0301\U0001f600x", "\U0001f600E\u0301\U0001f600X", 5, "e\u0301", "\u0301\U0001f600"),
            ("a", 3, "", "", 0, "", ""),
            ("a", 4, "null where a place is below zero", "NULL WHERE A PLACE IS BELOW ZERO", 32, "ul", ""),
        ],
    ),
    Case(
        "text: what is in it, what it starts with, and texts joined",
        each(
            plain.s.contains("l%"),
            plain.s.starts_with(""),
            plain.k.starts_with(plain.s),
            coalesce(concat(plain.k, "-", plain.s, plain.s), "none"),
        ),
        [event(0, "al%", s="l%"), event(1, "al%", s="al_"), event(2, "al%", s="al"), event(3, "al%", s=None)],
        [
            ("al%", 0, True, True, False, "al%-l%l%"),
            ("al%", 1, False, True, False, "al%-al_al_"),
            ("al%", 2, False, True, True, "al%-alal"),
            ("al%", 3, False, True, True, "none"),
        ],
    ),
    Case(
        "clocks of zones: before standard time, at a change of the clocks, where no rules are known",
        each(
            plain.w.hour(),
            coalesce(plain.w.hour("America/New_York"), -1),
            coalesce(plain.w.weekday("Asia/Kathmandu"), -1),
            coalesce(plain.w.month("America/New_York"), -1),
            plain.w.weekday("Etc/GMT+5"),
        ),
        [
            event(0, w=0),
            # the 10th of March 2013, 06:59:59.999 and 07:00 UTC
            event(1, w=1362898799999),
            event(2, w=1362898800000),
            # the 1st of January of the year 1, Monday 00:00: New York was 4:56:02 behind
            event(3, w=-62135596800000),
            event(4, w=4102444799999),
            event(5, w=4102444800000),
        ],
        [
            ("a", 0, 0, 19, 3, 12, 2),
            ("a", 1, 6, 1, 6, 3, 6),
            ("a", 2, 7, 3, 6, 3, 6),
            ("a", 3, 0, 19, 0, 12, 6),
            ("a", 4, 23, 18, 4, 12, 3),
            ("a", 5, 0, -1, -1, -1, 3),
        ],
    ),
    Case(
        "casts to whole numbers: a fraction is cut off, what does not fit is null",
        each(
            coalesce(plain.x.cast("int64"), 99),
            coalesce(plain.s.cast("int64"), 99),
            plain.b.cast("int64"),
            plain.w.cast("int64"),
        ),
        [
            event(0, x=-2.9, s="-007", b=True, w=-1),
            event(1, x=9223372036854775807.0, s="9223372036854775807", b=False, w=0),
            event(2, x=-9223372036854775808.0, s="-9223372036854775808", b=None, w=None),
            event(3, x=9223372036854774784.0, s="9223372036854775808"),
            event(4, x=-0.5, s="+1"),
            event(5, x=None, s=" 1"),
            event(6, x=None, s="1\n"),
            event(7, x=None, s="\u0661"),
            event(8, x=None, s=""),
            event(9, x=None, s="-"),
            event(10, x=None, s="0" * 30 + "1"),
        ],
        [
            ("a", 0, -2, -7, 1, -1),
            ("a", 1, 99, I63 - 1, 0, 0),
            ("a", 2, -I63, -I63, 0, 0),
            ("a", 3, I63 - 1024, 99, 0, 0),
            ("a", 4, 0, 99, 0, 0),
            ("a", 5, 99, 99, 0, 0),
            ("a", 6, 99, 99, 0, 0),
            ("a", 7, 99, 99, 0, 0),
            ("a", 8, 99, 99, 0, 0),
            ("a", 9, 99, 99, 0, 0),
            ("a", 10, 99, 1, 0, 0),
        ],
    ),
    Case(
        "casts to doubles, to text, to times",
        each(
            plain.n.cast("float64"),
            plain.b.cast("float64"),
            coalesce(plain.s.cast("float64"), -9.0),
            plain.n.cast("string"),
            coalesce(plain.n.cast("timestamp"), literal(0).cast("timestamp")),
        ),
        [
            event(0, n=2**53 + 1, b=True, s="0.1"),
            event(1, n=-I63, b=False, s="-1.5e3"),
            event(2, n=253402300799999, s="1e400"),
            event(3, n=253402300800000, s="1e-400"),
            event(4, n=0, s=".5"),
            event(5, n=1, s="NaN"),
            event(6, n=2, s="1_0"),
            event(7, n=3, s="0x1p3"),
            event(8, n=4, s="-0"),
            event(9, n=5, s="9007199254740993.00000000000000000000000000000000001"),
        ],
        [
            ("a", 0, 9007199254740992.0, 1.0, 0.1, "9007199254740993", 0),
            ("a", 1, -9223372036854775808.0, 0.0, -1500.0, "-9223372036854775808", 0),
            ("a", 2, 253402300799999.0, 0.0, -9.0, "253402300799999", 253402300799999),
            ("a", 3, 253402300800000.0, 0.0, 0.0, "253402300800000", 0),
            ("a", 4, 0.0, 0.0, -9.0, "0", 0),
            ("a", 5, 1.0, 0.0, -9.0, "1", 1),
            ("a", 6, 2.0, 0.0, -9.0, "2", 2),
            ("a", 7, 3.0, 0.0, -9.0, "3", 3),
            ("a", 8, 4.0, 0.0, 0.0, "4", 4),
            ("a", 9, 5.0, 0.0, 9007199254740994.0, "5", 5),
        ],
    ),
    Case(
        "what a filter leaves out cannot be bad",
        view(plain, filter=plain.b, s=sum(plain.x).over("10ms"), o=last(plain.n * 2).over("10ms")),
        [
            event(0, x=1e300, b=False),
            event(1, None, b=False),
            event(2, n=I63 - 1, b=None),
            event(3, x=1.0, n=1, b=True),
        ],
        [("a", 3, 1.0, 2), ("a", 13, 0.0, None)],
    ),
    Case(
        "bad events in every class",
        view(plain, s=sum(plain.x).over("10ms")),
        [
            b"{",
            b'{"ts":1,"k":"a","x":NaN}',
            event(1, x="1"),
            {"k": "a", "x": 1.0},
            event(1, None, x=1.0),
            event(1, x=9007199254.740992),
            event(1, x=-9007199254.740992),
            event(253_402_300_800_000, x=1.0),
            event(1, n=2**63, x=1.0),
            event(1, x=1.0),
        ],
        [("a", 1, 1.0), ("a", 11, 0.0)],
        dead=[
            (0, "not json"),
            (1, "not json"),
            (2, "wrong type"),
            (3, "missing time"),
            (4, "missing key"),
            (5, "out of range"),
            (6, "out of range"),
            (7, "out of range"),
            (8, "out of range"),
        ],
    ),
    Case(
        "a column that must not be null",
        view(
            Stream("strict", topic="t", time="ts", columns=dict(k="string", x=column("float64", nullable=False))),
            c=count().over("10ms"),
        ),
        [event(0, x=None), event(1, x=1.0)],
        [("a", 1, 1), ("a", 11, 0)],
        dead=[(0, "missing value")],
    ),
    Case(
        "repeats by id count once, whatever else they say",
        view(named, s=sum(named.x).over("10ms"), c=count().over(lifetime())),
        [
            event(0, x=1.0, eid="p"),
            event(0, x=9.0, eid="p"),
            event(1, x=2.0, eid="p"),
            event(1, "b", x=4.0, eid="p"),
            event(1, x=8.0, eid=None),
            event(1, x=8.0, eid=None),
        ],
        [
            ("a", 0, 1.0, 1),
            ("a", 1, 19.0, 4),
            ("a", 10, 18.0, 4),
            ("a", 11, 0.0, 4),
            ("b", 1, 4.0, 1),
            ("b", 11, 0.0, 1),
        ],
        duplicates=1,
    ),
    Case(
        "out of order: late events enter every window in which they are still alive",
        view(plain, c=count().over("10ms", "100ms"), l=last(plain.n).over("10ms"), f=first(plain.n).over("100ms")),
        ns((50, 1), (45, 2), (30, 3), (52, 4), (0, 5)),
        [
            ("a", 0, 1, 1, 5, 5),
            ("a", 10, 0, 1, None, 5),
            ("a", 30, 1, 2, 3, 5),
            ("a", 40, 0, 2, None, 5),
            ("a", 45, 1, 3, 2, 5),
            ("a", 50, 2, 4, 1, 5),
            ("a", 52, 3, 5, 4, 5),
            ("a", 55, 2, 5, 4, 5),
            ("a", 60, 1, 5, 4, 5),
            ("a", 62, 0, 5, None, 5),
            ("a", 100, 0, 4, None, 3),
            ("a", 130, 0, 3, None, 2),
            ("a", 145, 0, 2, None, 1),
            ("a", 150, 0, 1, None, 4),
            ("a", 152, 0, 0, None, None),
        ],
    ),
    Case(
        "too late for every window: no online value changes, and it is counted",
        view(plain, c=count().over("10ms")),
        [event(50), event(40), event(41)],
        [("a", 40, 1), ("a", 41, 2), ("a", 50, 2), ("a", 51, 1), ("a", 60, 0)],
        stream_counts={"applied": 2, "too_late": 1},
    ),
    Case(
        "within the disorder the watermark waits",
        view(late, c=count().over("10ms")),
        [event(50), event(35), event(31), event(100)],
        [
            ("a", 31, 1),
            ("a", 35, 2),
            ("a", 41, 1),
            ("a", 45, 0),
            ("a", 50, 1),
            ("a", 60, 0),
            ("a", 100, 1),
            ("a", 110, 0),
        ],
        stream_counts={"applied": 2, "too_late": 2},
    ),
    Case(
        "a lifetime of named events remembers ids for the lateness, and no longer",
        view(named, c=count().over(lifetime())),
        [event(500, eid="p"), event(400, eid="q"), event(400, eid="q"), event(399, eid="r")],
        [("a", 399, 1), ("a", 400, 2), ("a", 500, 3)],
        duplicates=1,
        stream_counts={"applied": 2, "duplicate": 1, "too_late": 1},
    ),
    Case(
        "timestamps and bools are compared, never added",
        view(plain, f=first(plain.w).over("10ms"), m=max(plain.b).over("10ms"), n=min(plain.b).over("10ms")),
        [event(0, w=-1, b=False), event(1, w=86_400_000, b=True)],
        [
            ("a", 0, -1, False, False),
            ("a", 1, -1, True, False),
            ("a", 10, 86_400_000, True, True),
            ("a", 11, None, None, None),
        ],
    ),
    Case(
        "a timestamp with a fraction is floored",
        view(plain, c=count().over("10ms")),
        [b'{"ts":1.9,"k":"a"}', b'{"ts":-1.1,"k":"a"}'],
        [("a", -2, 1), ("a", 1, 2), ("a", 8, 1), ("a", 11, 0)],
    ),
    Case(
        "a table is its latest row, and ties are decided by the values, null below all",
        Table("v", topic="t", time="ts", key="k", columns=dict(k="string", x="float64", s="string")).plan,
        [event(5, x=1.0, s="b"), event(5, x=None, s="z"), event(5, x=1.0, s=None), event(9, x=None, s=None)],
        [("a", 5, 1.0, "b"), ("a", 9, None, None)],
    ),
    Case(
        "a table without a time holds for all time",
        Table("v", history="t.parquet", key="k", columns=dict(k="string", x="float64")).plan,
        [{"k": "a", "x": 1.0}, {"k": "b", "x": None}, {"k": "a", "x": 2.0}],
        [("a", 0, 2.0), ("b", 0, None)],
    ),
    Case("no events at all", view(plain, c=count().over("10ms")), [], []),
    Case(
        "a delayed window is the one that ended so long ago",
        view(plain, c=count().over(sliding("10ms", delay="5ms")), l=last(plain.n).over(sliding("10ms", delay="5ms"))),
        ns((0, 1), (4, 2)),
        [("a", 5, 1, 1), ("a", 9, 2, 2), ("a", 15, 1, 2), ("a", 19, 0, None)],
    ),
    Case(
        "delayed and not, side by side, each keeps its own events",
        view(plain, s=sum(plain.n).over("4ms", sliding("4ms", delay="4ms")), f=first(plain.n).over("4ms")),
        ns((0, 1), (3, 2)),
        [
            ("a", 0, 1, 0, 1),
            ("a", 3, 3, 0, 1),
            ("a", 4, 2, 1, 2),
            ("a", 7, 0, 3, None),
            ("a", 8, 0, 2, None),
            ("a", 11, 0, 0, None),
        ],
    ),
    Case(
        "a late event enters a delayed window at once, later or never",
        view(plain, s=sum(plain.n).over(sliding("10ms", delay="10ms"))),
        ns((0, 1), (25, 2), (20, 4), (12, 8), (5, 16)),
        [
            ("a", 10, 1),
            ("a", 15, 17),
            ("a", 20, 16),
            ("a", 22, 24),
            ("a", 25, 8),
            ("a", 30, 12),
            ("a", 32, 4),
            ("a", 35, 6),
            ("a", 40, 2),
            ("a", 45, 0),
        ],
        stream_counts={"applied": 4, "too_late": 1},
    ),
    Case(
        "a calendar window empties when the next period begins",
        view(plain, c=count().over(calendar("10ms")), d=count().over(calendar("10ms", offset="3ms"))),
        [event(1), event(4), event(10), event(-1)],
        [
            ("a", -1, 1, 1),
            ("a", 0, 0, 1),
            ("a", 1, 1, 2),
            ("a", 3, 1, 0),
            ("a", 4, 2, 1),
            ("a", 10, 1, 2),
            ("a", 13, 1, 0),
            ("a", 20, 0, 0),
        ],
    ),
    Case(
        "a hopping window changes on its grid only",
        view(plain, c=count().over(hopping("10ms", step="4ms")), m=max(plain.n).over(hopping("10ms", step="4ms"))),
        ns((0, 5), (1, 9), (3, 7)),
        [("a", 0, 1, 5), ("a", 4, 3, 9), ("a", 12, 1, 7), ("a", 16, 0, None)],
    ),
    Case(
        "a session goes on as long as events come within the gap",
        view(plain, c=count().over(session("5ms")), m=min(plain.n).over(session("5ms"))),
        ns((0, 3), (4, 7), (8, 5), (13, 9)),
        [("a", 0, 1, 3), ("a", 4, 2, 3), ("a", 8, 3, 3), ("a", 13, 1, 9), ("a", 18, 0, None)],
    ),
    Case(
        "a late event joins two sessions into one",
        view(plain, c=count().over(session("5ms")), f=first(plain.n).over(session("5ms"))),
        ns((0, 1), (8, 2), (4, 3)),
        [("a", 0, 1, 1), ("a", 4, 2, 1), ("a", 8, 3, 1), ("a", 13, 0, None)],
        stream_counts={"applied": 3},
    ),
    Case(
        "a late event opens a session again that time had closed",
        view(late, c=count().over(session("10ms")), s=sum(late.n).over(session("10ms"), "100ms")),
        [*ns((0, 1)), event(32, k="b", n=0), *ns((9, 2)), event(40, k="b", n=0)],
        [
            ("a", 0, 1, 1, 1),
            ("a", 9, 2, 3, 3),
            ("a", 19, 0, 0, 3),
            ("a", 100, 0, 0, 2),
            ("a", 109, 0, 0, 0),
            ("b", 32, 1, 0, 0),
            ("b", 40, 2, 0, 0),
            ("b", 50, 0, 0, 0),
            ("b", 132, 0, 0, 0),
            ("b", 140, 0, 0, 0),
        ],
    ),
    Case(
        "an event later than the lateness is too late for a session, and for that alone",
        view(named, c=count().over(session("200ms"), "500ms")),
        [event(300, eid="p"), event(199, eid="q"), event(200, eid="r"), event(200, eid="r"), event(250, eid="s")],
        [
            ("a", 199, 1, 1),
            ("a", 200, 2, 2),
            ("a", 250, 3, 3),
            ("a", 300, 4, 4),
            ("a", 500, 0, 4),
            ("a", 699, 0, 3),
            ("a", 700, 0, 2),
            ("a", 750, 0, 1),
            ("a", 800, 0, 0),
        ],
        duplicates=1,
        stream_counts={"applied": 4, "duplicate": 1, "too_late": 0},
    ),
    Case(
        "every kind of window in one view",
        view(
            plain,
            s=sum(plain.n).over(
                "6ms",
                sliding("6ms", delay="2ms"),
                calendar("8ms"),
                hopping("8ms", step="4ms"),
                session("3ms"),
                lifetime(),
            ),
            stepped=sum(plain.n).over(sliding("6ms", step="4ms")),
        ),
        ns((1, 1), (3, 2), (9, 4)),
        [
            ("a", 1, 1, 0, 1, 0, 1, 1, 1),
            ("a", 3, 3, 1, 3, 0, 3, 3, 3),
            ("a", 4, 3, 1, 3, 3, 3, 3, 3),
            ("a", 5, 3, 3, 3, 3, 3, 3, 3),
            ("a", 6, 3, 3, 3, 3, 0, 3, 3),
            ("a", 7, 2, 3, 3, 3, 0, 3, 3),
            ("a", 8, 2, 3, 0, 3, 0, 3, 3),
            ("a", 9, 4, 2, 4, 3, 4, 7, 7),
            ("a", 10, 4, 2, 4, 3, 4, 7, 4),
            ("a", 11, 4, 4, 4, 3, 4, 7, 4),
            ("a", 12, 4, 4, 4, 4, 0, 7, 4),
            ("a", 15, 0, 4, 4, 4, 0, 7, 4),
            ("a", 16, 0, 4, 0, 4, 0, 7, 4),
            ("a", 17, 0, 0, 0, 4, 0, 7, 4),
            ("a", 18, 0, 0, 0, 4, 0, 7, 0),
            ("a", 20, 0, 0, 0, 0, 0, 7, 0),
        ],
    ),
    Case(
        "an update takes its event's old contribution out of every window",
        view(
            changing,
            s=sum(changing.n).over("10ms", session("20ms")),
            m=max(changing.n).over("10ms"),
            f=first(changing.n).over("10ms"),
        ),
        [
            event(0, eid="p", n=5),
            event(2, eid="q", n=3),
            event(0, eid="p", op="update", n=1),
            event(4, eid="r", n=2, op="insert"),
        ],
        [
            ("a", 0, 1, 1, 1, 1),
            ("a", 2, 4, 4, 3, 1),
            ("a", 4, 6, 6, 3, 1),
            ("a", 10, 5, 6, 3, 3),
            ("a", 12, 2, 6, 2, 2),
            ("a", 14, 0, 6, None, None),
            ("a", 24, 0, 0, None, None),
        ],
        stream_counts={"applied": 4},
    ),
    Case(
        "a deleted event is as if it had never been",
        view(changing, c=count().over("10ms"), m=min(changing.x).over("10ms")),
        [event(0, eid="p", x=1.0), event(3, eid="q", x=2.0), event(0, eid="p", op="delete")],
        [("a", 3, 1, 2.0), ("a", 13, 0, None)],
    ),
    Case(
        "an insert that comes again, even after a delete, changes nothing",
        view(changing, c=count().over("10ms")),
        [
            event(0, eid="p"),
            event(1, eid="q"),
            event(0, eid="p"),
            event(0, eid="p", op="delete"),
            event(0, eid="p"),
            event(0, eid="p", op="delete"),
        ],
        [("a", 1, 1), ("a", 11, 0)],
        duplicates=3,
        stream_counts={"applied": 3, "duplicate": 3},
    ),
    Case(
        "an update of an unknown event is an insert, and a delete of one is remembered",
        view(changing, s=sum(changing.n).over("10ms")),
        [event(0, eid="p", op="update", n=1), event(0, eid="q", op="delete"), event(0, eid="q", n=7)],
        [("a", 0, 1), ("a", 10, 0)],
        duplicates=1,
    ),
    Case(
        "an update can move an event out of a filtered view, and into it again",
        view(changing, filter=changing.b, s=sum(changing.n).over("10ms")),
        [
            event(0, eid="p", b=True, n=1),
            event(1, eid="q", b=False, n=2),
            event(0, eid="p", op="update", b=None, n=4),
            event(1, eid="q", op="update", b=True, n=8),
            event(5, eid="r", b=False, n=16),
        ],
        [("a", 1, 8), ("a", 11, 0)],
        stream_counts={"applied": 5},
    ),
    Case(
        "a delete parts a session in two",
        view(changing, c=count().over(session("5ms"))),
        [event(0, eid="p"), event(4, eid="q"), event(8, eid="r"), event(4, eid="q", op="delete")],
        [("a", 0, 1), ("a", 5, 0), ("a", 8, 1), ("a", 13, 0)],
    ),
    Case(
        "an unknown op, and a change of no event, are bad",
        view(changing, c=count().over("10ms")),
        [
            event(0, eid="p", op="undo"),
            event(0, op="update"),
            event(0, op="delete"),
            event(0),
            event(0, k=None, eid="p", op="delete"),
        ],
        [("a", 0, 1), ("a", 10, 0)],
        dead=[(0, "wrong type"), (1, "missing value"), (2, "missing value"), (4, "missing key")],
    ),
    Case(
        "a union has the events of all its streams, whose time and id are columns of their own",
        view(both, c=count().over("10ms"), x=sum(both.x).over("10ms", lifetime())),
        [of(named, 0, x=1.0, eid="1"), of(visits, 3, x=0.5, n=1), of(named, 4, "b", x=2.0), of(visits, 10, x=4.0)],
        [
            ("a", 0, 1, 1.0, 1.0),
            ("a", 3, 2, 1.5, 1.5),
            ("a", 10, 2, 4.5, 5.5),
            ("a", 13, 1, 4.0, 5.5),
            ("a", 20, 0, 0.0, 5.5),
            ("b", 4, 1, 2.0, 2.0),
            ("b", 14, 0, 0.0, 2.0),
        ],
        stream_counts={"applied": 4},
        of_sources={"named": (2, 0, 0), "visits": (2, 0, 0)},
    ),
    Case(
        "an id names an event within its own stream: equal ids of two streams are two events",
        view(both, c=count().over("10ms"), x=sum(both.x).over("10ms")),
        [
            of(named, 0, x=1.0, eid="1"),
            of(visits, 0, x=2.0, n=1),
            of(named, 0, x=9.0, eid="1"),
            of(visits, 0, x=9.0, n=1),
            of(named, 0, x=4.0),
            of(named, 0, x=4.0),
        ],
        [("a", 0, 4, 11.0), ("a", 10, 0, 0.0)],
        duplicates=2,
        stream_counts={"applied": 4, "duplicate": 2},
        of_sources={"named": (3, 1, 0), "visits": (1, 1, 0)},
    ),
    Case(
        "ties of a union are decided by the value, not by the stream",
        view(both, f=first(both.x).over("10ms"), l=last(both.x).over("10ms"), g=argmax(both.x, by=both.k).over("10ms")),
        [of(visits, 3, x=5.0), of(named, 3, x=7.0), of(visits, 4, x=2.0), of(named, 4, x=-1.0)],
        [
            ("a", 3, 5.0, 7.0, 7.0),
            ("a", 4, 5.0, 2.0, 2.0),
            ("a", 13, -1.0, 2.0, 2.0),
            ("a", 14, None, None, None),
        ],
    ),
    Case(
        "an event of a union is bad by the rules of its own stream",
        view(both, filter=coalesce(both.k, "") != "z", s=sum(both.x).over("10ms")),
        [
            b"{",
            of(visits, 1),
            of(named, 1),
            of(named, 1, "b", x="1"),
            {"_source": "visits", "ts": 1, "k": "a", "x": 1.0},
            of(named, 1, None, x=1.0),
            of(visits, 1, x=9007199254.740992),
            of(visits, 1, "z", x=1.0),
            of(visits, 1, x=2.0),
        ],
        [("a", 1, 2.0), ("a", 11, 0.0)],
        dead=[
            (0, "not json"),
            (1, "missing value"),
            (3, "wrong type"),
            (4, "missing time"),
            (5, "missing key"),
            (6, "out of range"),
        ],
        of_sources={"named": (1, 0, 3), "visits": (2, 0, 3)},
    ),
    Case(
        "a union's lateness is the greatest, and its streams' disorder is each one's own",
        view(both, c=count().over(lifetime(), session("5ms"))),
        [of(named, 100, eid="p"), of(visits, 1, x=0.0, n=1), of(visits, 0, x=0.0, n=2), of(visits, -1, x=0.0, n=3)],
        [("a", -1, 1, 1), ("a", 0, 2, 2), ("a", 1, 3, 3), ("a", 6, 3, 0), ("a", 100, 4, 1), ("a", 105, 4, 0)],
        stream_counts={"applied": 3, "too_late": 1},
        of_sources={"named": (1, 0, 0), "visits": (3, 0, 0)},
    ),
    Case(
        "in a union of events that change and such that do not, a change is one of its own stream",
        view(mixed, filter=mixed.b, s=sum(mixed.n).over("10ms")),
        [
            of(changing, 0, eid="p", b=True, n=1),
            of(plain, 0, b=True, n=10),
            of(plain, 0, b=False, n=20),
            of(changing, 0, eid="p", op="update", b=True, n=2),
            of(changing, 0, eid="q", b=False, n=30),
            of(plain, 1, b=True, n=100),
            of(changing, 0, eid="p", op="delete"),
            of(changing, 0, eid="p", b=True, n=1),
        ],
        [("a", 0, 10), ("a", 1, 110), ("a", 10, 100), ("a", 11, 0)],
        duplicates=1,
        stream_counts={"applied": 7, "duplicate": 1},
        of_sources={"changing": (4, 1, 0), "events": (3, 0, 0)},
    ),
)
