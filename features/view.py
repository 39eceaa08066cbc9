"""Views and tables: features by key.

Every mistake is refused here, when the definition is read, with its file and line. The plan is made on
the spot (``.plan``): a definition that exists can be compiled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.features.aggregates import Latest
from penstock.features.durations import LONGEST
from penstock.features.errors import DefinitionError, Mistakes
from penstock.features.expressions import Expr
from penstock.features.feature import Feature
from penstock.features.inputs import Keyed, check_known
from penstock.features.location import caller
from penstock.features.names import check_distinct, check_name, unknown
from penstock.features.passes import plan_view
from penstock.features.sources import Source, Stream
from penstock.features.types import Column
from penstock.features.union import Union
from penstock.features.windows import lifetime


def _key(source: Source | Union, key: str | Sequence[str]) -> tuple[str, ...]:
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


class View(Keyed):
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
            check_known(leaf)
            if leaf.owner is not self.source:
                raise DefinitionError(
                    f"{what} uses {leaf.name}, which is not a column of {self.source.name}",
                    where=where,
                    allowed=", ".join(self.source.columns),
                    hint=_of_union(leaf, self.source),
                )


def _of_union(leaf: Expr, source: Source | Union) -> str | None:
    """The hint for a column of one stream, or of a like union, in a view over a union."""
    if isinstance(source, Union) and isinstance(leaf.owner, (Stream, Union)):
        return f"give the union a name, both = {source.name}, and write both.{leaf.name}"
    return None


class Table(Source, Keyed):
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
        latest = {column: Feature(Latest(), Source.__getitem__(self, column), None, (lifetime(),)) for column in values}
        self.plan = plan_view("table", name, self.source_plan, keys, None, latest)

    __getattr__ = Keyed.__getattr__
    __getitem__ = Keyed.__getitem__
