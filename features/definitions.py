"""What a data scientist writes: ``Stream``, ``Table``, ``View``, ``Model``.

Every mistake is refused here, when the definition is read, with its file and line. The plan is made on
the spot (``.plan``): a definition that exists can be compiled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from penstock.features.aggregates import Feature
from penstock.features.durations import LONGEST, parse_duration
from penstock.features.errors import DefinitionError, Mistakes, for_each
from penstock.features.expressions import Expr, OwnText
from penstock.features.location import caller
from penstock.features.names import check_distinct, check_name, check_topic, unknown
from penstock.features.passes import plan_view
from penstock.features.plan import (
    FeaturePlan,
    InputPlan,
    LabelPlan,
    ModelPlan,
    SourcePlan,
    VectorItem,
    ViewPlan,
    source_plan,
)
from penstock.features.preview import preview
from penstock.features.types import NUMBERS, TYPES, Column, element
from penstock.features.union import Union
from penstock.features.windows import lifetime

#: The columns of a training set beside the vector.
TRAINING_SET = ("id", "t", "label")
#: What a model can learn to say.
LABELS = (*NUMBERS, "bool")


class _Source:
    """Columns with types, reachable as attributes: ``departures.dep_delay``."""

    def __init__(
        self,
        name: str,
        columns: Mapping[str, str | Column],
        time: str | None,
        id: str | None,
        topic: str | None,
        history: str | None,
        times: tuple[str, str, str],
        op: str | None = None,
    ) -> None:
        mistakes = Mistakes()
        with mistakes.caught():
            check_name(name, "source")
        with mistakes.caught():
            _check_data(name, topic, history)
        with mistakes.caught():
            typed = _columns(name, columns, time)
            if id is not None and id not in typed:
                raise unknown(f"{name} (its id=)", id, typed)
            _check_op(name, op, id, typed)
        with mistakes.caught():
            lateness, max_ahead, disorder = for_each(zip(times, (False, False, True), strict=True), _milliseconds)
        mistakes.raise_found()
        self.name: str = OwnText(name)
        self.topic, self.history, self.time, self.id, self.op = (
            None if text is None else OwnText(text) for text in (topic, history, time, id, op)
        )
        self.columns = typed
        self.source_plan: SourcePlan = source_plan(name, time, id, op, typed, (lateness, max_ahead, disorder))

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.name}"

    def __getattr__(self, name: str) -> Expr:
        columns: dict[str, Column] = self.__dict__.get("columns", {})
        if name.startswith("_") or not columns:
            raise AttributeError(name)
        if name not in columns:
            raise unknown(self.__dict__["name"], name, columns)
        return self[name]

    def __getitem__(self, name: str) -> Expr:
        if name not in self.columns:
            raise unknown(self.name, name, self.columns)
        column = self.columns[name]
        places = column.places if column.type == "float64" else None
        return Expr("column", column.type, name=name, owner=self, places=places)


def _check_data(name: str, topic: str | None, history: str | None) -> None:
    if topic is None and history is None:
        raise DefinitionError(
            f"{name} has no data", where=caller(), allowed="topic=…, history=… or both", hint="history= names files"
        )
    if topic is not None:
        check_topic(topic, "a topic")


def _milliseconds(duration: tuple[str, bool]) -> int:
    text, zero = duration
    return parse_duration(text, zero=zero)


def _columns(source: str, columns: Mapping[str, str | Column], time: str | None) -> dict[str, Column]:
    if not isinstance(columns, Mapping):
        raise DefinitionError(
            f"the columns of {source} are {type(columns).__name__}", where=caller(), allowed="dict(name='type', …)"
        )
    types = for_each(columns.values(), lambda column: column if isinstance(column, Column) else Column(column))
    typed = dict(zip(columns, types, strict=True))
    if time is not None and typed.setdefault(time, Column("timestamp")).type != "timestamp":
        raise DefinitionError(f"the time column {time!r} is {typed[time].type}", where=caller(), allowed="timestamp")
    for_each(typed, lambda name: check_name(name, "column", reserved=name != time))
    check_distinct(typed, source, "column names that differ by more than their case")
    return typed


def _check_op(source: str, op: str | None, id: str | None, columns: Mapping[str, Column]) -> None:
    if op is None:
        return
    if op not in columns:
        raise unknown(f"{source} (its op=)", op, columns)
    if columns[op].type != "string":
        raise DefinitionError(f"the op column {op!r} is {columns[op].type}", where=caller(), allowed="string")
    if id is None:
        raise DefinitionError(
            f"{source} has op= and no id=",
            where=caller(),
            allowed="op= with id=",
            hint="an update or delete names its event by the key, the event time and the id",
        )


class Stream(_Source):
    """Events of one kind: a Kafka topic, its history as files, or both.

    ``time``: the event time column (timestamp). ``id``: the column that names an event. ``op``: the string column
    that says what a row does to its event: insert (or null), update or delete; update and delete name it by key,
    event time and id. ``columns``: name → type. ``lateness``, ``max_ahead``, ``disorder``: durations. ``history``: a
    path or glob of Parquet files, relative to the project's data folder.
    """

    def __init__(
        self,
        name: str,
        *,
        columns: Mapping[str, str | Column],
        time: str,
        id: str | None = None,
        topic: str | None = None,
        history: str | None = None,
        lateness: str = "1d",
        max_ahead: str = "1h",
        disorder: str = "0s",
        op: str | None = None,
    ) -> None:
        super().__init__(name, columns, time, id, topic, history, (lateness, max_ahead, disorder), op)


def union(*streams: Stream) -> Union:
    """Streams as the source of one view: ``View("x", union(a, b), …)``.

    Its columns are those that every stream has with the same type: ``both = union(a, b)``, ``both.amount``.
    """
    for stream in streams:
        if not isinstance(stream, Stream):
            raise DefinitionError(f"a union of {stream!r}", where=caller(), allowed="Streams: union(a, b)")
    return Union(streams)


class _Input:
    """A view as a model reads it: its features as attributes, its keys from these request columns."""

    def __init__(self, view: _Keyed, name: str, keys: dict[str, str]) -> None:
        self._view, self._name, self._keys = view, name, keys

    def __getattr__(self, name: str) -> Expr:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Expr:
        features = {f.name: f for f in self._view.plan.features}
        if name not in features:
            raise unknown(self._view.name, name, features)
        if element(features[name].type) is not None:
            raise _is_list(f"{self._view.name}.{name}", features[name])
        return Expr("feature", features[name].type, name=f"{self._name}.{name}", owner=self)

    def at(self, **keys: str) -> _Input:
        """Look up by other request columns: ``dest_arrivals.at(airport="dest")``."""
        known = [key.name for key in self._view.plan.key]
        for key, column in keys.items():
            if key not in known:
                raise unknown(f"the key of {self._view.name}", key, known)
            if not isinstance(column, str):
                raise DefinitionError(
                    f"{key} of {self._view.name} is not looked up by a name",
                    where=caller(),
                    allowed="the name of a column of the request stream, as text",
                    hint=_as_text(f"at({key}=", column),
                )
        return _Input(self._view, self._name, {**self._keys, **keys})

    def named(self, name: str) -> _Input:
        """The same view under another name, so that a model can read it twice by different keys."""
        check_name(name, "model input")
        return _Input(self._view, name, self._keys)


def _is_list(name: str, feature: FeaturePlan) -> DefinitionError:
    """A model's vector has one value in each place; a list has a length of its own."""
    single = {"last_k": "last(x)", "first_k": "first(x)", "top_k": "distinct(x) or count(where=x == …)"}
    instead = single.get(feature.aggregate, "count(where=…) for each bin that matters")
    return DefinitionError(
        f"{name} is {feature.type}: a model cannot read a list",
        where=caller(),
        allowed=f"features of type {' '.join(TYPES)}",
        hint=f"{instead} is one value; of a view with lists name the other features one by one",
    )


class _Keyed:
    """What a view and a table share: a name, a plan, and the ways in which a model reads them."""

    name: str
    plan: ViewPlan
    source: _Source | Union

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.name}"

    def _input(self) -> _Input:
        return _Input(self, self.plan.name, {key.name: key.name for key in self.plan.key})

    def at(self, **keys: str) -> _Input:
        """As a model input, looked up by other request columns."""
        return self._input().at(**keys)

    def named(self, name: str) -> _Input:
        """As a model input under another name."""
        return self._input().named(name)

    def preview(self, events: Any, at: int | datetime | None = None) -> list[dict[str, Any]]:
        """Its rows on a few events (dicts, a DataFrame, an Arrow table), in this process.

        All change points, or with ``at`` a row per key for that time.
        """
        return preview(self.plan, events, at)

    def __getattr__(self, name: str) -> Expr:
        if name.startswith("_") or "plan" not in self.__dict__:
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Expr:
        return self._input()[name]


def _as_text(before: str, expr: object) -> str | None:
    """The hint for a column given where its name is wanted."""
    return f"write {before}{expr.name!r})" if isinstance(expr, Expr) and expr.op == "column" else None


def _key(source: _Source | Union, key: str | Sequence[str]) -> tuple[str, ...]:
    columns = (key,) if isinstance(key, (str, Expr)) else tuple(key)
    for column in columns:
        if not isinstance(column, str):
            raise DefinitionError(
                "a key is not a name",
                where=caller(),
                allowed="the name of a column, or several, as text",
                hint=f"write key={column.name!r}" if isinstance(column, Expr) and column.op == "column" else None,
            )
        if column not in source.columns:
            raise (
                source.lacks(column)
                if isinstance(source, Union)
                else unknown(f"{source.name} (its key)", column, source.columns)
            )
        if source.columns[column].type not in ("string", "int64"):
            raise DefinitionError(
                f"{column} cannot be a key: it is {source.columns[column].type}", where=caller(), allowed="string int64"
            )
    if not columns or len(set(columns)) != len(columns):
        raise DefinitionError(f"{key!r} is not a key", where=caller(), allowed="one or more different columns")
    return columns


#: What a view can be over.
_OVER = "a Stream, or union(…) of several"


def _no_stream(view: str, source: object) -> DefinitionError:
    if isinstance(source, View):
        return DefinitionError(
            f"{view} is over the rows of {source.name}, and which of them a stream emits depends on when its watermark "
            "comes: it would not be the same in batch",
            where=caller(),
            allowed=f"a Stream, or a union of streams, such as {source.source.name}",
            hint="a model combines features of both views: derived=dict(name=expression)",
        )
    if isinstance(source, Table):
        hint = f"to aggregate its rows, define a Stream with the topic and history of {source.name}"
        return DefinitionError(f"{view}: {source!r} is not a stream", where=caller(), allowed="a Stream", hint=hint)
    if isinstance(source, (list, tuple)):
        hint = f"write union({', '.join(str(getattr(each, 'name', '…')) for each in source)})"
        return DefinitionError(f"{view} is over a {type(source).__name__}", where=caller(), allowed=_OVER, hint=hint)
    return DefinitionError(f"{view}: {source!r} is not a stream", where=caller(), allowed=_OVER)


class View(_Keyed):
    """Aggregates over windows of the events of a stream, or of a union of streams, by key.

    ``key``: one column or several. ``features``: name → aggregate ``.over(windows)``; each window gives the
    feature ``<name>_<window>``. ``filter``: rows for which it is not true are left out.
    """

    def __init__(
        self,
        name: str,
        source: Stream | Union,
        *,
        key: str | Sequence[str],
        features: Mapping[str, Feature],
        filter: Expr | None = None,
    ) -> None:
        mistakes = Mistakes()
        with mistakes.caught():
            check_name(name, "view")
        if not isinstance(source, (Stream, Union)):
            # without its columns nothing more can be said
            mistakes.found.append(_no_stream(name, source))
            mistakes.raise_found()
        self.name, self.source = name, source
        with mistakes.caught():
            keys = _key(source, key)
        with mistakes.caught():
            self._check_filter(filter)
        if not features:
            mistakes.found.append(DefinitionError(f"{name} has no features", where=caller(), allowed="at least one"))
        for feature_name, feature in features.items():
            with mistakes.caught():
                self._check_feature(feature_name, feature)
        mistakes.raise_found()
        self.plan = plan_view("view", name, source.source_plan, keys, filter, dict(features))
        names = [key.name for key in self.plan.key] + [feature.name for feature in self.plan.features]
        check_distinct(names, name, "names that differ from each other and from the key by more than their case")

    def _check_filter(self, filter: Expr | None) -> None:
        if filter is not None and (not isinstance(filter, Expr) or filter.type != "bool"):
            raise DefinitionError("filter= is not a condition", where=caller(), allowed="an expression of type bool")
        self._check_columns(filter, self.name, caller())

    def _check_feature(self, name: str, feature: Feature) -> None:
        check_name(name, "feature", reserved=True)
        if not isinstance(feature, Feature):
            raise DefinitionError(
                f"{name} is not an aggregate", where=caller(), allowed="count() sum(x) mean(x) … .over(windows)"
            )
        if not feature.windows:
            raise DefinitionError(
                f"{name} has no window",
                where=feature.place,
                allowed="one or more",
                hint="end it with .over('1h') or .over(lifetime())",
            )
        if self.source.source_plan.changes and lifetime() in feature.windows:
            raise DefinitionError(
                f"{name} is over a lifetime, and the events of {self.source.name} change",
                where=feature.place,
                allowed="windows that events leave: they keep what an update takes out",
                hint=f"sliding('{LONGEST}') keeps every event of a century",
            )
        for expr in (feature.arg, feature.by, feature.where):
            self._check_columns(expr, name, feature.place)

    def _check_columns(self, expr: Expr | None, what: str, where: str) -> None:
        for leaf in (node for node in (expr.walk() if expr is not None else ()) if node.op in ("column", "feature")):
            if leaf.owner is not self.source:
                raise DefinitionError(
                    f"{what} uses {leaf.name}, which is not a column of {self.source.name}",
                    where=where,
                    allowed=", ".join(self.source.columns),
                    hint=_of_union(leaf, self.source),
                )


def _of_union(leaf: Expr, source: _Source | Union) -> str | None:
    """The hint for a column of one stream, or of a like union, in a view over a union."""
    if isinstance(source, Union) and isinstance(leaf.owner, (Stream, Union)):
        return f"give the union a name, both = {source.name}, and write both.{leaf.name}"
    return None


class Table(_Source, _Keyed):
    """A value per key that holds until the next row: its latest row with time <= t.

    Without ``time`` its file holds for all time.
    """

    def __init__(
        self,
        name: str,
        *,
        key: str | Sequence[str],
        columns: Mapping[str, str | Column],
        time: str | None = None,
        id: str | None = None,
        topic: str | None = None,
        history: str | None = None,
        lateness: str = "1d",
        max_ahead: str = "1h",
        disorder: str = "0s",
    ) -> None:
        super().__init__(name, columns, time, id, topic, history, (lateness, max_ahead, disorder))
        if time is None and (topic is not None or id is not None):
            raise DefinitionError(
                f"{name} has no time column",
                where=caller(),
                allowed="history= alone, or a time= column with topic= and id=",
            )
        self.source = self
        keys = _key(self, key)
        values = [column for column in self.columns if column not in keys and column != time]
        if not values:
            raise DefinitionError(f"{name} has nothing but its key", where=caller(), allowed="at least one more column")
        latest = {
            column: Feature("latest", _Source.__getitem__(self, column), None, (lifetime(),)) for column in values
        }
        self.plan = plan_view("table", name, self.source_plan, keys, None, latest)

    __getattr__ = _Keyed.__getattr__
    __getitem__ = _Keyed.__getitem__


def _check_unchanging(name: str, on: Stream) -> None:
    if on.op is not None:
        raise DefinitionError(
            f"{name} answers the events of {on.name}, which change",
            where=caller(),
            allowed="on= a stream without op=: a request is answered once",
            hint="define a second Stream of the inserts",
        )


class Model:
    """One prediction for each event of a stream.

    ``inputs``, in the order of the model's vector: columns of ``on``, views and tables (``.at(key="column")``
    to look them up by other columns), or single features. ``derived``: name → expression over columns of
    ``on`` and features, placed after the inputs. ``label``: a column of a stream with the same id.
    """

    def __init__(
        self,
        name: str,
        *,
        on: Stream,
        inputs: Sequence[object],
        output: str,
        label: Expr | None = None,
        derived: Mapping[str, Expr] | None = None,
    ) -> None:
        mistakes = Mistakes()
        with mistakes.caught():
            check_name(name, "model")
        if not isinstance(on, Stream):
            # without its columns nothing more can be said
            mistakes.found.append(DefinitionError(f"{name}: on= is not a stream", where=caller(), allowed="a Stream"))
            mistakes.raise_found()
        with mistakes.caught():
            _check_unchanging(name, on)
        with mistakes.caught():
            self._check_output(name, on, output)
        self.name, self.on, self.output = name, on, output
        self._label_owner: _Source | None = None
        vector: list[VectorItem] = []
        views: dict[str, _Input] = {}
        for item in inputs:
            with mistakes.caught():
                vector += self._vector(item, views)
        for derived_name, expr in (derived or {}).items():
            with mistakes.caught():
                vector.append(self._derived(derived_name, expr, views))
        with mistakes.caught():
            input_plans = for_each(views.values(), self._input_plan)
        with mistakes.caught():
            label_plan = self._label(label)
        if not mistakes.found or vector:
            with mistakes.caught():
                self._check_vector([item.name for item in vector], views)
        mistakes.raise_found()
        self.views = tuple(dict.fromkeys(item._view for item in views.values()))
        self.model_plan = ModelPlan(name, on.source_plan, input_plans, tuple(vector), label_plan, output)

    @staticmethod
    def _check_output(name: str, on: Stream, output: str) -> None:
        check_topic(output, "an output")
        if output == on.topic:
            raise DefinitionError(
                f"{name} would answer its own answers", where=caller(), allowed=f"an output= other than {output}"
            )

    def _check_vector(self, names: list[str], views: dict[str, _Input]) -> None:
        if not names:
            raise DefinitionError(f"{self.name} has no inputs", where=caller(), allowed="at least one")
        hint = "give the second reading of a view another name: view.at(…).named('…')"
        check_distinct(views, f"{self.name} (its inputs)", "names that differ by more than their case", hint)
        check_distinct(names, self.name, "each name of the vector once, whatever its case", hint)
        taken = [name for name in names if name.lower() in TRAINING_SET]
        if taken:
            raise DefinitionError(
                f"{taken[0]!r} is a column that every training set has",
                where=caller(),
                allowed=f"names of the vector other than {', '.join(TRAINING_SET)}",
                hint=f"derived=dict(another_name={self.on.name}[{taken[0]!r}])",
            )

    def _vector(self, item: object, views: dict[str, _Input]) -> list[VectorItem]:
        if isinstance(item, Expr):
            if item.op not in ("column", "feature"):
                raise DefinitionError(
                    "an expression needs a name to be a model input",
                    where=caller(),
                    allowed="derived=dict(name=expression)",
                )
            self._check_leaves(item, views)
            return [VectorItem(str(item.name), item.type, item)]
        source = item._input() if isinstance(item, (View, Table)) else item
        if not isinstance(source, _Input):
            raise DefinitionError(
                f"{item!r} is not a model input",
                where=caller(),
                allowed="a column of the request stream, a view, a table, a feature",
            )
        exprs = [source[feature.name] for feature in source._view.plan.features]
        for expr in exprs:
            self._check_leaves(expr, views)
        return [VectorItem(str(expr.name), expr.type, expr) for expr in exprs]

    def _derived(self, name: str, expr: object, views: dict[str, _Input]) -> VectorItem:
        check_name(name, "derived feature")
        if not isinstance(expr, Expr):
            raise DefinitionError(
                f"{name} is not an expression", where=caller(), allowed="an expression over features and columns"
            )
        self._check_leaves(expr, views)
        return VectorItem(name, expr.type, expr)

    def _check_leaves(self, expr: Expr, views: dict[str, _Input]) -> None:
        for leaf in expr.leaves("column"):
            if leaf.owner is not self.on:
                raise DefinitionError(
                    f"{leaf.name} is not a column of {self.on.name}, the request stream",
                    where=caller(),
                    allowed=", ".join(self.on.columns),
                )
        for leaf in expr.leaves("feature"):
            assert isinstance(leaf.owner, _Input)
            known = views.setdefault(leaf.owner._name, leaf.owner)
            if known._view is not leaf.owner._view or known._keys != leaf.owner._keys:
                other = "by two different keys" if known._view is leaf.owner._view else "from two views"
                raise DefinitionError(
                    f"{leaf.owner._name} is read {other}",
                    where=caller(),
                    allowed="one reading for each name",
                    hint="view.at(…).named('…')",
                )

    def _input_plan(self, item: _Input) -> InputPlan:
        plan = item._view.plan
        types = {key.name: key.type for key in plan.key}
        for key, column in item._keys.items():
            if column not in self.on.columns:
                raise unknown(f"{self.on.name} (to look up {item._name} by {key})", column, self.on.columns)
            if self.on.columns[column].type != types[key]:
                raise DefinitionError(
                    f"{item._name} is looked up by {column}, which is {self.on.columns[column].type}",
                    where=caller(),
                    allowed=f"{types[key]}, as its key {key}",
                )
        features = tuple((f.name, f.type, f.default) for f in plan.features)
        return InputPlan(item._name, plan.name, plan.fingerprint, tuple(item._keys.items()), features)

    def _label(self, label: Expr | None) -> LabelPlan | None:
        if label is None:
            return None
        source = label.owner if isinstance(label, Expr) and label.op == "column" else None
        if not isinstance(source, _Source):
            raise DefinitionError("label= is not a column", where=caller(), allowed="a column of a stream")
        if label.type not in LABELS:
            raise DefinitionError(
                f"the label {label.name} is {label.type}",
                where=caller(),
                allowed=f"a column of type {' '.join(LABELS)}",
            )
        if source is not self.on and not self._joined(source):
            raise DefinitionError(
                f"{source.name} and {self.on.name} cannot be joined for the label",
                where=caller(),
                allowed="two streams with id= of one type",
            )
        self._label_owner = source
        return LabelPlan(source.source_plan.name, str(label.name), label.type)

    def _joined(self, source: _Source) -> bool:
        if source.id is None or self.on.id is None:
            return False
        return source.columns[source.id].type == self.on.columns[self.on.id].type

    @property
    def label_source(self) -> Any:
        """The stream that holds the label, or None."""
        return self._label_owner
