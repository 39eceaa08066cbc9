"""Random views and random events for them: small worlds, where times, values and ids meet often."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

import penstock as f
from penstock.features import types
from penstock.features.aggregate_functions import feature_of
from penstock.features.aggregates import AGGREGATES, AnyAggregate, Decayed, Histogram, Listed, Percentile, aggregate_of
from penstock.features.compilers.flink.state_size import KEPT
from penstock.features.expressions import Expr
from penstock.features.feature import Feature
from penstock.features.plan import ViewPlan
from penstock.features.union import Union
from penstock.features.windows import Window
from penstock.jobs.parity.events import Arrival, arrival

I63 = 2**63
COLUMNS = dict(
    k="string", g="int64", x="float64", y=f.column("float64", places=2), n="int64",
    m="int64", b="bool", s="string", w="timestamp"
)  # fmt: skip
WRITTEN = sorted(name for name, aggregate in AGGREGATES.items() if aggregate.written)
#: Those of which a stream keeps steps.
STEPPED = [
    name
    for name, aggregate in AGGREGATES.items()
    if KEPT[name].stepped != "never" and not issubclass(aggregate, Decayed)
]
NUMBERS, PLAIN = ("x", "y", "n", "m"), ("x", "y", "n", "m", "b", "s", "w")
ZONES = ("UTC", "America/New_York", "Asia/Kathmandu", "Etc/GMT+5")

#: Values that meet each other, and the ends of what a type holds.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "k": st.sampled_from(["a", "b", "é", ""]),
    "g": st.sampled_from([0, 1, -1]),
    "x": st.sampled_from([0.0, -0.0, 0.1, 0.3, -1.5, 2.5e-7, 5e-7, 1e9, -9007199254.740991, 9007199254.740992])
    | st.sampled_from([2.5, -0.5, 700.0, 2.0**52 - 0.5, 1125899906.842624, 2.0**63])
    | st.floats(-1e6, 1e6),
    "y": st.sampled_from([0.005, 0.015, 1.25, -3.0, 1e13]) | st.floats(-1e3, 1e3),
    "n": st.sampled_from([0, 1, -1, 7, I63 - 1, -I63, 2**53 + 1]) | st.integers(-100, 100),
    "m": st.integers(-3, 3) | st.sampled_from([2**62, -(2**32)]),
    "b": st.booleans(),
    "s": st.sampled_from(
        ["", "a", "Z", "é", "\uffff", "\U0001f600", 'q"\\\n', "aZß\U0001f600a", "-07", "9" * 19, "1.5e3"]
    ),
    # and around a change of New York's clocks, and the end of every zone's rules
    "w": st.integers(-5, 5)
    | st.sampled_from([-62_135_596_800_000, 253_402_300_799_999, 4_102_444_799_999, 4_102_444_800_000])
    | st.integers(-4, 4).map(lambda hours: 1_362_898_800_000 + hours * 1_800_000),
}


@dataclass(frozen=True)
class World:
    """A source, or a union of two streams, with one or two views, and what arrived."""

    plans: list[ViewPlan]
    arrivals: list[Arrival]


#: A strategy is made of many, so those of one source are made once.
for_a_source = functools.lru_cache(maxsize=100)


#: What a view can be over.
Source = f.Stream | Union


@for_a_source
def windows(source: Source) -> st.SearchStrategy[Window]:
    sizes = st.sampled_from([1, 3, 10, 40, 100])
    pairs = st.tuples(sizes, sizes).map(sorted)
    return st.one_of(
        sizes.map(lambda n: f.sliding(f"{n}ms")),
        pairs.map(lambda p: f.sliding(f"{p[1]}ms", step=f"{p[0]}ms")),
        pairs.map(lambda p: f.sliding(f"{p[0]}ms", delay=f"{p[1]}ms")),
        pairs.map(lambda p: f.sliding(f"{p[1]}ms", step=f"{p[0]}ms", delay="7ms")),
        pairs.map(lambda p: f.hopping(f"{p[1]}ms", step=f"{p[0]}ms")),
        st.tuples(sizes, st.integers(0, 100)).map(lambda p: f.calendar(f"{p[0]}ms", offset=f"{p[1] % p[0]}ms")),
        sizes.map(lambda n: f.session(f"{n}ms")),
        st.just(f.lifetime() if not source.source_plan.changes else f.sliding("1000ms")),
    )


@for_a_source
def numbers(source: Source, depth: int = 2) -> st.SearchStrategy[Expr]:
    leaves = st.sampled_from(NUMBERS).map(lambda name: source[name]) | st.sampled_from([0, 2, -1, 0.5, 1e300]).map(
        f.literal
    )
    if depth == 0:
        return leaves
    inner = numbers(source, depth - 1)
    pairs = st.tuples(inner, inner)
    return leaves | st.one_of(
        pairs.map(lambda p: p[0] + p[1]),
        pairs.map(lambda p: p[0] - p[1]),
        pairs.map(lambda p: p[0] * p[1]),
        pairs.map(lambda p: p[0] / p[1]),
        pairs.map(lambda p: f.coalesce(*p)),
        inner.map(lambda e: -e),
        st.just(source["w"] - source["ts"]),
        pairs.map(lambda p: p[0].cast("int64") // p[1].cast("int64")),
        pairs.map(lambda p: p[0].cast("int64") % p[1].cast("int64")),
        inner.map(lambda e: e.abs()),
        st.tuples(st.sampled_from([Expr.round, Expr.floor, Expr.ceil]), inner).map(
            lambda p: p[0](p[1].cast("float64"))
        ),
        st.tuples(st.sampled_from([Expr.sqrt, Expr.log, Expr.exp]), inner).map(lambda p: p[0](p[1])),
        st.tuples(leaf_conditions(source), inner, inner).map(lambda p: f.when(p[0]).then(p[1]).otherwise(p[2])),
        choices(source, inner, None),
        clocks(source),
        texts(source, depth - 1).map(lambda e: e.length()),
        st.tuples(texts(source, depth - 1), st.sampled_from(["int64", "float64"])).map(lambda p: p[0].cast(p[1])),
        st.tuples(st.sampled_from("bw"), st.just("int64")).map(lambda p: source[p[0]].cast(p[1])),
        st.just(source["b"].cast("float64")),
    )


def stepped_windows() -> st.SearchStrategy[Window]:
    sizes = st.tuples(st.sampled_from([1, 3, 6, 20]), st.sampled_from([20, 50, 120, 400]))
    return sizes.map(lambda p: f.sliding(f"{p[1]}ms", step=f"{p[0]}ms")) | st.just(f.lifetime())


def brief_windows() -> st.SearchStrategy[Window]:
    """Windows shorter than most of the stepped ones, so that events are kept for a time, and steps for longer."""
    sizes = st.sampled_from([1, 3, 10])
    return st.one_of(
        sizes.map(lambda n: f.sliding(f"{n}ms")),
        sizes.map(lambda n: f.sliding(f"{n}ms", delay="4ms")),
        sizes.map(lambda n: f.hopping(f"{n}ms", step="1ms")),
        sizes.map(lambda n: f.calendar(f"{n}ms")),
    )


def decaying_windows(half_life_ms: int) -> st.SearchStrategy[Window]:
    """Windows of some whole half-lives."""
    return st.sampled_from([1, 2, 3, 5, 32]).map(lambda count: f.sliding(f"{half_life_ms * count}ms"))


def choices(source: Source, values: st.SearchStrategy[Expr], last: object) -> st.SearchStrategy[Expr]:
    asked = st.tuples(leaf_conditions(source), leaf_conditions(source), values)
    return asked.map(lambda p: f.when(p[0]).then(None).when(p[1]).then(p[2]).otherwise(last))


@for_a_source
def clocks(source: Source) -> st.SearchStrategy[Expr]:
    fields = st.sampled_from([Expr.hour, Expr.weekday, Expr.month])
    return st.tuples(fields, times(source), st.sampled_from(ZONES)).map(lambda p: p[0](p[1], p[2]))


@for_a_source
def times(source: Source) -> st.SearchStrategy[Expr]:
    made = st.sampled_from("nm").map(lambda name: source[name].cast("timestamp"))
    return st.sampled_from(["w", "ts"]).map(lambda name: source[name]) | made


@for_a_source
def texts(source: Source, depth: int = 2) -> st.SearchStrategy[Expr]:
    leaves = st.just(source["s"]) | st.sampled_from(["", "a", "aZ", "é", "\U0001f600"]).map(f.literal)
    if depth == 0:
        return leaves
    inner = texts(source, depth - 1)
    places = st.integers(0, 3).map(f.literal) | st.sampled_from("nm").map(lambda name: source[name])
    return leaves | st.one_of(
        st.tuples(inner, inner).map(lambda p: f.concat(*p)),
        st.tuples(inner, inner).map(lambda p: f.coalesce(*p)),
        st.tuples(inner, places, places).map(lambda p: p[0].substring(p[1], p[2])),
        inner.map(lambda e: e.lower()),
        inner.map(lambda e: e.upper()),
        st.sampled_from("nm").map(lambda name: source[name].cast("string")),
        choices(source, inner, "no"),
    )


def compared(operands: st.SearchStrategy[tuple[Expr, Expr]]) -> st.SearchStrategy[Expr]:
    return st.tuples(operands, st.integers(0, 5)).map(lambda t: _compared(*t[0], t[1]))


def _compared(a: Expr, b: Expr, which: int) -> Expr:
    return (a < b, a <= b, a > b, a >= b, a == b, a != b)[which]


@for_a_source
def leaf_conditions(source: Source) -> st.SearchStrategy[Expr]:
    nulls = st.sampled_from(PLAIN).map(lambda name: source[name].is_null())
    return st.just(source["b"]) | nulls | compared(st.tuples(numbers(source, 0), numbers(source, 0)))


@for_a_source
def conditions(source: Source, depth: int = 2) -> st.SearchStrategy[Expr]:
    texts_compared = compared(st.tuples(texts(source, 1), st.sampled_from(["a", "é", "\uffff"]).map(f.literal)))
    asked = st.tuples(st.sampled_from([Expr.contains, Expr.starts_with]), texts(source, 1), texts(source, 0))
    leaves = st.one_of(
        leaf_conditions(source),
        compared(st.tuples(numbers(source, 1), numbers(source, 0))),
        texts_compared,
        asked.map(lambda p: p[0](p[1], p[2])),
        compared(st.tuples(times(source), times(source))),
    )
    if depth == 0:
        return leaves
    inner = conditions(source, depth - 1)
    return leaves | st.one_of(
        st.tuples(inner, inner).map(lambda p: p[0] & p[1]),
        st.tuples(inner, inner).map(lambda p: p[0] | p[1]),
        inner.map(lambda e: ~e),
    )


def aggregates(name: str, arg: Expr | None) -> st.SearchStrategy[AnyAggregate]:
    """The aggregate with what it is given beside its argument."""
    kind = AGGREGATES[name]
    if issubclass(kind, Percentile):
        percents = st.sampled_from([0, 50, 100, 90, "99.9", 33.333333, 1e-6]) | st.integers(0, 100)
        return percents.map(lambda p: f.percentile(f.literal(0), p).aggregate)
    if issubclass(kind, Histogram):
        assert arg is not None
        return edges(arg)
    if issubclass(kind, Decayed):
        return st.sampled_from([1, 3, 10, 40]).map(lambda ms: aggregate_of(name, {"half_life_ms": ms}))
    if issubclass(kind, Listed):
        return st.sampled_from([1, 2, 3, 1000]).map(lambda k: aggregate_of(name, {"k": k}))
    return st.just(aggregate_of(name, {}))


def edges(arg: Expr) -> st.SearchStrategy[AnyAggregate]:
    """Bins around the values that meet each other."""
    edge = st.integers(-9, 9) | st.sampled_from([-I63, 2**53 + 1, I63 - 1])
    if arg.type == "float64":
        edge = st.sampled_from([-1.5, -0.0, 0.1, 0.3, 0.3 + 1e-16, 5, 1e9, -1e300, 1e300])
    rising = st.lists(edge, min_size=2, max_size=6, unique=True).map(sorted)
    return rising.map(lambda found: f.histogram(arg, found).aggregate)


@for_a_source
def ordered(source: Source) -> st.SearchStrategy[Expr]:
    columns = st.sampled_from(PLAIN).map(lambda name: source[name])
    return numbers(source, 1) | columns | texts(source) | times(source) | conditions(source, 0)


@st.composite
def feature(draw: st.DrawFn, source: Source, stepped: bool = False, brief: bool = False) -> Feature:
    """``stepped``: one of which a stream keeps steps; ``brief``: one over short windows."""
    name = draw(st.sampled_from(STEPPED if stepped else WRITTEN))
    where = draw(st.none() | conditions(source, 1))
    if name == "count" and draw(st.booleans()):
        arg: Expr | None = None
    elif AGGREGATES[name].takes == types.NUMBERS:
        arg = draw(numbers(source))
    else:
        arg = draw(ordered(source))
    by = draw(ordered(source)) if AGGREGATES[name].by else None
    aggregate = draw(aggregates(name, arg))
    if isinstance(aggregate, Decayed):
        fitting = decaying_windows(aggregate.half_life_ms)
    else:
        fitting = stepped_windows() if stepped else brief_windows() if brief else windows(source)
    over = draw(st.lists(fitting, min_size=1, max_size=3, unique=True))
    return feature_of(aggregate, arg, where, by).over(*over)


@st.composite
def view(draw: st.DrawFn, source: Source, name: str) -> ViewPlan:
    key = draw(st.sampled_from([["k"], ["g"], ["k", "g"]]))
    kinds = [feature(source)]
    if not source.source_plan.named:
        # steps alone, and steps beside the events of other windows
        kinds += [feature(source, stepped=True), feature(source, brief=True) | feature(source, stepped=True)]
    made = draw(st.lists(draw(st.sampled_from(kinds)), min_size=1, max_size=4))
    kept = draw(st.none() | conditions(source))
    named = {}
    for i, one in enumerate(made):
        # two windows of one length with unlike steps would give two features of one name
        seen: dict[str, Window] = {window.name: window for window in one.windows}
        named[f"f{i}"] = one.over(*seen.values())
    return f.View(name, source, key=key, features=named, filter=kept).plan


@st.composite
def stream(draw: st.DrawFn, *, name: str = "events", repeats: bool = False) -> f.Stream:
    """``repeats``: one whose events have ids and do not change."""
    options: dict[str, Any] = {"disorder": draw(st.sampled_from(["0s", "20ms"]))}
    if repeats or draw(st.booleans()):
        options.update(id=draw(st.sampled_from(["eid", "eid", "m"])), lateness=draw(st.sampled_from(["1ms", "50ms"])))
        options.update(op=None if repeats else draw(st.sampled_from([None, "op"])))
    columns = {**COLUMNS, "eid": "string", "op": "string"}
    return f.Stream(name, topic=name, time="ts", columns=columns, **options)


@st.composite
def source(draw: st.DrawFn, *, repeats: bool = False) -> Source:
    """A stream or two of them, which need not have much in common."""
    if draw(st.integers(0, 2)):
        return draw(stream(repeats=repeats))
    return f.union(*(draw(stream(name=name, repeats=repeats)) for name in ("events", "others")))


@st.composite
def record(draw: st.DrawFn, at: int) -> bytes:
    if draw(st.integers(0, 30)) == 0:
        return draw(st.sampled_from([b"{", b"[]", b'{"ts":"1"}', b'{"k":"a","g":0}', b"\xff"]))
    row: dict[str, Any] = {"ts": at, "eid": draw(st.none() | st.sampled_from("pqr"))}
    row["op"] = draw(st.sampled_from([None, "insert", "insert", "update", "update", "delete", "delete", "undo"]))
    for name, values in VALUES.items():
        row[name] = draw(values if name in "kg" else st.none() | values)
    return json.dumps(row, ensure_ascii=False).encode()


def _version(earlier: bytes, later: bytes) -> bytes:
    """Another version of the earlier event, when both are events at all."""
    try:
        rows = json.loads(earlier), json.loads(later)
        return json.dumps({**rows[1], **{name: rows[0][name] for name in ("ts", "eid", "k", "g")}}).encode()
    except (ValueError, KeyError, TypeError):
        return later


@st.composite
def worlds(draw: st.DrawFn, *, views: int = 2, repeats: bool = False) -> World:
    """``views``: how many at most; ``repeats`` as of ``source``."""
    over = draw(source(repeats=repeats))
    plans = [draw(view(over, f"v{i}")) for i in range(draw(st.integers(1, views)))]
    steps = draw(st.lists(st.integers(0, 12), min_size=1, max_size=25))
    late = draw(st.booleans())
    now, raws = draw(st.sampled_from([-60, 0, 1000])), []
    for step in steps:
        now += step
        behind = draw(st.sampled_from([0, 0, 0, 1, 5, 30, 120])) if late else 0
        raws.append(draw(record(now - behind)))
        if over.source_plan.changes and draw(st.booleans()):
            raws[-1] = _version(draw(st.sampled_from(raws)), raws[-1])
    return World(
        plans, [arrival(draw(st.sampled_from(over.source_plan.sources)), i, raw) for i, raw in enumerate(raws)]
    )


#: Doubles around those that float32 has, and around its ends.
ELEMENTS = st.one_of(
    st.sampled_from([0, -0.0, 1, 0.1, -0.1, 16777217, 1e-45, -7e-46, 7.1e-46, 1e-60, 1.00000005960464477540]),
    st.sampled_from([3.4028234663852886e38, -3.4028235677973362e38, 3.4028235677973366e38, -1e39, 10**400]),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.floats(-1e3, 1e3),
)


@st.composite
def table_worlds(draw: st.DrawFn) -> World:
    """A table with vectors, and rows for it that meet at few times."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=2))
    vectors = {f"e{place}": f"float32[{size}]" for place, size in enumerate(sizes)}
    id = draw(st.sampled_from([None, "eid"]))
    columns = {"k": "string", "eid": "string", "x": "float64", **vectors}
    table = f.Table("v", topic="t", time="ts", key="k", id=id, lateness="20ms", columns=columns)
    raws = []
    for _ in range(draw(st.integers(1, 20))):
        row: dict[str, Any] = {"ts": draw(st.integers(0, 6)), "eid": draw(st.sampled_from("pqr"))}
        row |= {"k": draw(VALUES["k"]), "x": draw(st.none() | VALUES["x"])}
        for name, size in zip(vectors, sizes, strict=True):
            elements = draw(st.integers(0, 9).map(lambda odd, size=size: size + 1 if odd == 9 else size))
            row[name] = draw(st.none() | st.lists(ELEMENTS, min_size=elements, max_size=elements))
        raws.append(json.dumps(row).encode())
    return World([table.plan], [arrival(table.source_plan, i, raw) for i, raw in enumerate(raws)])


@st.composite
def crowded_worlds(draw: st.DrawFn) -> World:
    """Many expressions over the same few events, each shown for each event."""
    over = draw(stream())
    exprs = numbers(over, 3) | texts(over, 3) | times(over) | conditions(over, 1)
    shown = {f"e{i}": f.last(expr).over("1ms") for i, expr in enumerate(draw(st.lists(exprs, min_size=6, max_size=10)))}
    raws = [draw(record(5 * i)) for i in range(draw(st.integers(1, 20)))]
    plan = f.View("v", over, key="k", features=shown).plan
    return World([plan], [arrival(over.source_plan, i, raw) for i, raw in enumerate(raws)])
