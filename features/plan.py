"""The plan: what a definition compiles into, and all that any engine reads.

A plan is frozen, typed, self-contained and has one canonical JSON text whose SHA-256 is its fingerprint.
Where data lies (topic, files) is no part of it: moving a topic changes no meaning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from penstock.features.aggregates import AnyAggregate, Default, aggregate_of
from penstock.features.canonical import canonical_json, fingerprint
from penstock.features.dimensions import dimensions
from penstock.features.expressions import Expr
from penstock.features.objectives import L1, Objective
from penstock.features.records.casts import PLAIN, Cast
from penstock.features.records.origin import Origin, layout_json, own_name
from penstock.features.records.path import Path
from penstock.features.row_size import holds_text, text_limit
from penstock.features.types import Column
from penstock.features.windows import Window

FORMAT = 1


def without(data: dict[str, Any], name: str, absent: object) -> dict[str, Any]:
    """What came into the language later is left out where it says nothing: then earlier plans keep their text."""
    return {key: value for key, value in data.items() if key != name or value != absent}


@dataclass(frozen=True)
class ColumnPlan:
    """A column of a source.

    Where it stands is spelling and no part of the plan: ``origin`` in a record, ``history_path`` in a file. None: under
    its own name; a file may then also have it at the record's path.
    """

    name: str
    type: str
    nullable: bool = True
    cast: Cast = PLAIN
    origin: Origin | None = field(default=None, compare=False)
    history_path: Path | None = field(default=None, compare=False)

    @property
    def stands(self) -> Origin:
        """Where it stands in a record."""
        return own_name(str(self.name)) if self.origin is None else self.origin

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; a cast is left out where there is none."""
        data = {"name": self.name, "type": self.type, "nullable": self.nullable}
        return data if self.cast == PLAIN else {**data, "cast": self.cast.to_json()}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> ColumnPlan:
        """The inverse of ``to_dict``."""
        return ColumnPlan(data["name"], data["type"], data["nullable"], Cast.from_json(data.get("cast", {})))


@dataclass(frozen=True)
class SourcePlan:
    """A source: its columns (the time column included) and its rules of time, in milliseconds.

    ``time`` None: a static table, which holds for all time. ``id`` None: every row counts. ``op`` names the column
    that tells inserts, updates and deletes apart; None: all are inserts. ``tombstones``: a record without a value is
    no event.
    """

    name: str
    time: str | None
    id: str | None
    op: str | None
    columns: tuple[ColumnPlan, ...]
    lateness_ms: int
    max_ahead_ms: int
    disorder_ms: int
    tombstones: bool = False

    @property
    def sources(self) -> tuple[SourcePlan, ...]:
        """Itself: what it has in common with a union."""
        return (self,)

    @property
    def named(self) -> bool:
        """Do ids tell its events apart?"""
        return self.id is not None

    @property
    def changes(self) -> bool:
        """Do its events change?"""
        return self.op is not None

    @property
    def static(self) -> bool:
        """Does it hold for all time?"""
        return self.time is None

    @property
    def time_column(self) -> str:
        """The column of its event time. AssertionError for a static table."""
        assert self.time is not None
        return self.time

    @property
    def id_column(self) -> str:
        """The column of its ids. AssertionError where there is none."""
        assert self.id is not None
        return self.id

    @property
    def op_column(self) -> str:
        """The column that tells inserts, updates and deletes apart. AssertionError where there is none."""
        assert self.op is not None
        return self.op

    def of(self, row: Mapping[str, Any]) -> SourcePlan:
        """The source that a row is from."""
        return self

    def column(self, name: str) -> ColumnPlan:
        """The column of this name."""
        return next(column for column in self.columns if column.name == name)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; ``op`` and ``tombstones`` are left out where there is none."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        data = {**values, "columns": [column.to_dict() for column in self.columns]}
        return without(without(data, "op", None), "tombstones", False)

    @staticmethod
    def from_dict(data: dict[str, Any]) -> SourcePlan:
        """The inverse of ``to_dict``."""
        return SourcePlan(**{"op": None, **data, "columns": tuple(map(ColumnPlan.from_dict, data["columns"]))})

    @cached_property
    def layout(self) -> str:
        """Where its columns stand in a record, as JSON; no part of the plan. Empty where all have their own names."""
        layout = layout_json([(str(column.name), column.stands) for column in self.columns])
        return canonical_json(layout) if layout else ""

    @cached_property
    def plain(self) -> bool:
        """Are its records objects of its columns, by their own names and types alone?"""
        return not self.layout and all(column.cast == PLAIN for column in self.columns)

    def as_typed(self) -> SourcePlan:
        """The same columns as they are once they are read: under their own names, in their own types alone."""
        columns = tuple(ColumnPlan(column.name, column.type, column.nullable) for column in self.columns)
        return replace(self, columns=columns)


#: Where a row of a union, or an event of several sources, says which one it is from. No column can be called so.
SOURCE = "_source"


@dataclass(frozen=True)
class UnionPlan:
    """Several streams, by name, as the source of a view. A row of theirs names its stream in ``SOURCE``."""

    sources: tuple[SourcePlan, ...]

    @property
    def name(self) -> str:
        """As it is written: no source can be called so."""
        return f"union({', '.join(source.name for source in self.sources)})"

    @property
    def named(self) -> bool:
        """Do ids tell events of some of the streams apart?"""
        return any(source.named for source in self.sources)

    @property
    def changes(self) -> bool:
        """Do events of some of the streams change?"""
        return any(source.changes for source in self.sources)

    @property
    def static(self) -> bool:
        """Never: streams have times."""
        return False

    @property
    def lateness_ms(self) -> int:
        """The greatest of the streams'."""
        return max(source.lateness_ms for source in self.sources)

    def of(self, row: Mapping[str, Any]) -> SourcePlan:
        """The stream that a row is from."""
        return next(source for source in self.sources if source.name == row[SOURCE])

    def column(self, name: str) -> ColumnPlan:
        """The column of this name, which every stream has with this type."""
        return self.sources[0].column(name)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"union": [source.to_dict() for source in self.sources]}


def _source_of(data: dict[str, Any]) -> SourcePlan | UnionPlan:
    """The inverse of ``to_dict`` of either."""
    if "union" in data:
        return UnionPlan(tuple(SourcePlan.from_dict(source) for source in data["union"]))
    return SourcePlan.from_dict(data)


@dataclass(frozen=True)
class KeyPlan:
    """A key column and its type."""

    name: str
    type: str


@dataclass(frozen=True, eq=False)
class ArgPlan:
    """A distinct aggregate argument. ``places`` is None where no feature sums it, 0 for int64."""

    expr: Expr
    type: str
    places: int | None


@dataclass(frozen=True)
class FeaturePlan:
    """One feature: an aggregate over one window, with indices into the view's args, wheres and windows.

    ``by``: the argument that ``argmax`` and ``argmin`` go by. ``ages``: the windows of 1, 2, ... half-lives that a
    decayed value goes through, ``window`` at last.
    """

    name: str
    aggregate: AnyAggregate
    arg: int | None
    where: int | None
    window: int
    type: str
    by: int | None = None
    ages: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; ``by``, ``ages`` and parameters that it has not are left out."""
        named = {"aggregate": self.aggregate.name, "parameters": self.aggregate.parameters}
        data = without({**asdict(self), **named}, "parameters", {})
        return without(without(data, "by", None), "ages", ())

    @staticmethod
    def from_dict(data: dict[str, Any]) -> FeaturePlan:
        """The inverse of ``to_dict``."""
        plain = {name: value for name, value in data.items() if name != "parameters"}
        aggregate = aggregate_of(data["aggregate"], data.get("parameters", {}))
        return FeaturePlan(**{**plain, "aggregate": aggregate, "ages": tuple(data.get("ages", ()))})

    @property
    def most(self) -> int:
        """The most values that it can have: more than one where it is a list or a vector."""
        return dimensions(self.type) or self.aggregate.most

    @property
    def default(self) -> Default:
        """The value for a key that has nothing alive, or was never seen; a list as a tuple."""
        return self.aggregate.default(self.type)


@dataclass(frozen=True, eq=False)
class ViewPlan:
    """A view (or a table, whose features are its latest row) over one source, or over a union of streams."""

    kind: str
    name: str
    source: SourcePlan | UnionPlan
    key: tuple[KeyPlan, ...]
    filter: Expr | None
    args: tuple[ArgPlan, ...]
    wheres: tuple[Expr, ...]
    windows: tuple[Window, ...]
    features: tuple[FeaturePlan, ...]

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return {
            "format": FORMAT,
            "kind": self.kind,
            "name": self.name,
            "source": self.source.to_dict(),
            "key": [asdict(key) for key in self.key],
            "filter": self.filter.to_json() if self.filter is not None else None,
            "args": [{"expr": a.expr.to_json(), "type": a.type, "places": a.places} for a in self.args],
            "wheres": [where.to_json() for where in self.wheres],
            "windows": [without(asdict(window), "offset_ms", 0) for window in self.windows],
            "features": [feature.to_dict() for feature in self.features],
        }

    @cached_property
    def json(self) -> str:
        """Canonical JSON."""
        return canonical_json(self.to_dict())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON: rows and models made by another plan are refused by it."""
        return fingerprint(self.json)

    @cached_property
    def text_limit(self) -> int:
        """The most bytes of UTF-8 that a text in its rows may have."""
        keys = [(key.name, key.type) for key in self.key]
        return text_limit(keys, [(feature.name, feature.type, feature.most) for feature in self.features])

    @cached_property
    def text_args(self) -> tuple[int, ...]:
        """The arguments whose texts stand in its rows."""
        return tuple(sorted({f.arg for f in self.features if f.arg is not None and holds_text(f.type)}))

    @property
    def off_points(self) -> bool:
        """Can a stream have rows at times that are no change points of the history? It has where an event changes
        nothing yet, because all windows wait, and where an event is later taken back.
        """
        return self.source.changes or all(window.waits for window in self.windows)

    @property
    def static(self) -> bool:
        """Does it hold for all time?"""
        return self.source.static

    def as_typed(self) -> ViewPlan:
        """The same view over rows that are read already, each column under its own name and in its own type."""
        sources = tuple(source.as_typed() for source in self.source.sources)
        return replace(self, source=UnionPlan(sources) if isinstance(self.source, UnionPlan) else sources[0])

    @staticmethod
    def from_json(text: str) -> ViewPlan:
        """The inverse of ``json``."""
        data = json.loads(text)
        return ViewPlan(
            data["kind"],
            data["name"],
            _source_of(data["source"]),
            tuple(KeyPlan(**key) for key in data["key"]),
            Expr.from_json(data["filter"]) if data["filter"] is not None else None,
            tuple(ArgPlan(Expr.from_json(a["expr"]), a["type"], a["places"]) for a in data["args"]),
            tuple(Expr.from_json(where) for where in data["wheres"]),
            tuple(Window(**window) for window in data["windows"]),
            tuple(FeaturePlan.from_dict(feature) for feature in data["features"]),
        )


@dataclass(frozen=True)
class InputPlan:
    """A view as a model reads it. ``key`` pairs each key column of the view with a request column."""

    name: str
    view: str
    fingerprint: str
    key: tuple[tuple[str, str], ...]
    features: tuple[tuple[str, str, Default], ...]


@dataclass(frozen=True, eq=False)
class VectorItem:
    """One entry of the model's vector: a request column, a feature, or a derived expression over both."""

    name: str
    type: str
    expr: Expr


@dataclass(frozen=True)
class LabelPlan:
    """The label: a column of another source, joined to the request by the id of both.

    ``expression``: canonical JSON of an expression over that source's columns, in place of a column. ``maturity_ms``:
    the label's event comes at most so long after the request; None: at any time.

    ``future``: the JSON of the ``ViewPlan`` of a Future named ``source``, whose features ``expression`` is over: each
    of the events after the request, up to the end of its window. ``key``: as in ``InputPlan``.
    """

    source: str
    column: str
    type: str
    expression: str | None = None
    maturity_ms: int | None = None
    future: str | None = None
    key: tuple[tuple[str, str], ...] = ()

    @property
    def view(self) -> ViewPlan | None:
        """The view of the label's features, where it is of the time after the request."""
        return None if self.future is None else ViewPlan.from_json(self.future)

    @property
    def matures(self) -> bool:
        """Is the label unknown for a time after the request?"""
        return self.future is not None or self.maturity_ms is not None

    @property
    def leaves(self) -> tuple[Expr, ...]:
        """The columns or features that the label is made of, each once."""
        leaves = (*self.expr.leaves("column"), *self.expr.leaves("feature"))
        return tuple({str(leaf.name): leaf for leaf in leaves}.values())

    @property
    def expr(self) -> Expr:
        """The label over the source's columns."""
        if self.expression is None:
            return Expr("column", self.type, name=self.column)
        return Expr.from_json(json.loads(self.expression))

    @property
    def words(self) -> str:
        """The label, for people."""
        names = ", ".join(str(leaf.name) for leaf in self.leaves)
        return f"{self.source}.{self.column}" if self.expression is None else f"of {self.source}: {names}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; what an earlier version did not know is left out where it says nothing."""
        more: dict[str, Any] = {"expression": self.expression, "maturity_ms": self.maturity_ms}
        if self.future is not None:
            more |= {"future": json.loads(self.future), "key": self.key}
        known = {"source": self.source, "column": self.column, "type": self.type}
        return known | {name: value for name, value in more.items() if value is not None}


@dataclass(frozen=True, eq=False)
class ModelPlan:
    """A model: one prediction for each event of ``on``.

    ``weight``, ``filter`` and ``group`` are of its training set alone: how much a row counts, which rows count at all,
    and which rows are ranked together.
    ``part``: the column of ``on`` each of whose values has versions of its own.
    ``parameters`` of the trainer and ``monotone`` (feature → 1 or -1) change no meaning and are left out of the
    fingerprint.
    """

    name: str
    on: SourcePlan
    inputs: tuple[InputPlan, ...]
    vector: tuple[VectorItem, ...]
    label: LabelPlan | None
    output: str
    objective: Objective = L1
    weight: VectorItem | None = None
    filter: VectorItem | None = None
    parameters: tuple[tuple[str, Any], ...] = ()
    monotone: tuple[tuple[str, int], ...] = ()
    group: VectorItem | None = None
    part: VectorItem | None = None

    @property
    def by(self) -> str | None:
        """The column of ``on`` each of whose values has versions of its own."""
        return None if self.part is None else str(self.part.expr.name)

    @property
    def extra(self) -> tuple[VectorItem, ...]:
        """What is for training alone, and computed as the vector is."""
        return tuple(item for item in (self.weight, self.filter, self.group, self.part) if item is not None)

    @property
    def training(self) -> ModelPlan:
        """The same with ``extra`` at the end of the vector, as a training set reads them."""
        return replace(self, vector=(*self.vector, *self.extra)) if self.extra else self

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON values. The output topic is a place, not a meaning, and is left out."""
        # what an earlier version did not know is left out where it says nothing
        more: dict[str, Any] = {} if self.objective == L1 else {"objective": self.objective.to_dict()}
        more |= {item.name: item.expr.to_json() for item in self.extra}
        return more | {
            "format": FORMAT,
            "kind": "model",
            "name": self.name,
            "on": self.on.to_dict(),
            "inputs": [asdict(item) for item in self.inputs],
            "vector": [{"name": v.name, "type": v.type, "expr": v.expr.to_json()} for v in self.vector],
            "label": self.label.to_dict() if self.label else None,
        }

    @cached_property
    def json(self) -> str:
        """Canonical JSON."""
        return canonical_json(self.to_dict())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON; it covers the fingerprints of all its views."""
        return fingerprint(self.json)


def source_plan(
    name: str,
    time: str | None,
    id: str | None,
    op: str | None,
    columns: dict[str, Column],
    times: tuple[int, int, int],
    tombstones: bool = False,
) -> SourcePlan:
    """A source's plan from its checked parts; ``times``: lateness, max_ahead, disorder in milliseconds."""
    plans = tuple(
        ColumnPlan(n, c.type, c.nullable and n != time, c.cast, c.origin, c.history_path) for n, c in columns.items()
    )
    return SourcePlan(name, time, id, op, plans, *times, tombstones=tombstones)
