"""Several streams as the source of one view: the columns that all of them have, reachable as attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from penstock.features.errors import DefinitionError, Mistakes, did_you_mean
from penstock.features.expressions import Expr, OwnText
from penstock.features.location import caller
from penstock.features.names import check_distinct
from penstock.features.plan import SourcePlan, UnionPlan
from penstock.features.types import Column


class Member(Protocol):
    """What a union asks of a stream."""

    @property
    def name(self) -> str: ...

    @property
    def topic(self) -> str | None: ...

    @property
    def columns(self) -> Mapping[str, Column]: ...

    @property
    def source_plan(self) -> SourcePlan: ...


class Union:
    """Streams by name, so that the order in which they are written makes no difference.

    ``columns``: those that every stream has with one type. A float64 keeps the most decimal places of any stream's.
    """

    def __init__(self, streams: Sequence[Member]) -> None:
        _check_members(streams)
        self.streams: tuple[Member, ...] = tuple(sorted(streams, key=lambda stream: stream.source_plan.name))
        self.source_plan = UnionPlan(tuple(stream.source_plan for stream in self.streams))
        self.name: str = OwnText(self.source_plan.name)
        self.columns = _common([stream.columns for stream in self.streams])

    def __repr__(self) -> str:
        return self.name

    def __getattr__(self, name: str) -> Expr:
        if name.startswith("_") or "columns" not in self.__dict__:
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Expr:
        if name not in self.columns:
            raise self.lacks(name)
        column = self.columns[name]
        places = column.places if column.type == "float64" else None
        return Expr("column", column.type, name=name, owner=self, places=places)

    def lacks(self, column: str) -> DefinitionError:
        """Why the union has no such column."""
        types = {stream.name: stream.columns[column].type for stream in self.streams if column in stream.columns}
        without = [stream.name for stream in self.streams if stream.name not in types]
        if not types:
            what, hint = f"{self.name} has no {column!r}", did_you_mean(column, self.columns)
        elif without:
            what = f"{column} is a column of {', '.join(types)}, and not of {', '.join(without)}"
            hint = "declare it in each of them"
        else:
            what = f"{column} is " + ", ".join(f"{type} in {name}" for name, type in types.items())
            hint = "a view's columns have one type"
        return DefinitionError(
            what, where=caller(), allowed=f"what all streams have: {', '.join(self.columns)}", hint=hint
        )


def _check_members(streams: Sequence[Member]) -> None:
    mistakes = Mistakes()
    if len(streams) < 2:
        mistakes.found.append(
            DefinitionError(f"a union of {len(streams)} streams", where=caller(), allowed="two streams or more")
        )
    with mistakes.caught():
        check_distinct([stream.name for stream in streams], "a union", "each stream once")
    silent = [stream.name for stream in streams if stream.topic is None]
    if 0 < len(silent) < len(streams):
        mistakes.found.append(
            DefinitionError(
                f"a union of streams with a topic and without: {', '.join(silent)}",
                where=caller(),
                allowed="topic= in all of them, or in none",
                hint="the stream would lack the events that batch has",
            )
        )
    mistakes.raise_found()


def _common(columns: Sequence[Mapping[str, Column]]) -> dict[str, Column]:
    """The columns that all have with one type, in the order of the first."""
    common = {}
    for name, first in columns[0].items():
        found = [each[name] for each in columns if name in each]
        if len(found) == len(columns) and all(column.type == first.type for column in found):
            nullable, places = any(c.nullable for c in found), max(c.places for c in found)
            common[name] = Column(first.type, nullable, places)
    return common
