"""Sources: named columns with types, and where their data lies."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.features.dimensions import dimensions
from penstock.features.durations import parse_duration
from penstock.features.errors import DefinitionError, Mistakes, for_each
from penstock.features.expressions import Expr, OwnText
from penstock.features.location import caller
from penstock.features.names import check_distinct, check_name, check_topic, unknown
from penstock.features.plan import SourcePlan, source_plan
from penstock.features.records.origin import check_apart, own_name
from penstock.features.types import Column
from penstock.features.union import Union


class Source:
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
        tombstones: bool = False,
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
            if id is not None and dimensions(typed[id].type) is not None:
                raise DefinitionError(f"the id column {id!r} is a vector", where=caller(), allowed="one value")
            _check_op(name, op, id, typed)
            _check_tombstones(name, op, tombstones)
            _check_origins(name, typed)
        with mistakes.caught():
            lateness, max_ahead, disorder = for_each(zip(times, (False, False, True), strict=True), _milliseconds)
        mistakes.raise_found()
        self.name: str = OwnText(name)
        self.topic, self.history, self.time, self.id, self.op = (
            None if text is None else OwnText(text) for text in (topic, history, time, id, op)
        )
        self.columns = typed
        self.source_plan: SourcePlan = source_plan(
            name, time, id, op, typed, (lateness, max_ahead, disorder), tombstones
        )

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


def _check_tombstones(source: str, op: str | None, tombstones: bool) -> None:
    if tombstones and op is None:
        raise DefinitionError(
            f"{source} has tombstones= and no op=",
            where=caller(),
            allowed="tombstones= with op=",
            hint="without op= nothing says that an event is deleted",
        )


def _check_origins(source: str, columns: Mapping[str, Column]) -> None:
    check_apart(source, {name: column.origin or own_name(name) for name, column in columns.items()})


class Stream(Source):
    """Events of one kind: a Kafka topic, its history as files, or both.

    ``columns``: name → type, or ``column(…)``, ``header(…)``, ``record_key(…)``, ``record_timestamp()``. ``time``: the
    event time column (timestamp). ``id``: the column that names an event. ``op``: the string column that says what a
    row does to its event: insert (or null), update or delete; update and delete name it by key, event time and id.
    ``tombstones``: a record without a value is no event. ``lateness``, ``max_ahead``, ``disorder``: durations.
    ``history``: a path or glob of files, relative to the project's data folder.
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
        tombstones: bool = False,
    ) -> None:
        super().__init__(name, columns, time, id, topic, history, (lateness, max_ahead, disorder), op, tombstones)
        vectors = [each for each, column in self.columns.items() if dimensions(column.type) is not None]
        if vectors:
            raise DefinitionError(
                f"{vectors[0]} of the stream {name} is a vector",
                where=caller(),
                allowed="a vector in a Table: of a key it is the latest one, and no aggregate is made of it",
                hint=f"Table(…, columns=dict({vectors[0]}={self.columns[vectors[0]].type!r}))",
            )


def union(*streams: Stream) -> Union:
    """Streams as the source of one view: ``View("x", union(a, b), …)``.

    Its columns are those that every stream has with the same type: ``both = union(a, b)``, ``both.amount``.
    """
    for stream in streams:
        if not isinstance(stream, Stream):
            raise DefinitionError(f"a union of {stream!r}", where=caller(), allowed="Streams: union(a, b)")
    return Union(streams)
