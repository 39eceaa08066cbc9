"""The features of requests: one read of the store for all inputs of all requests, and the wait for one's own event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from features.ingest import BadEvent
from features.oracle import view_event
from features.plan import SOURCE, InputPlan, ModelPlan, ViewPlan
from features.vector import Values, leaf_names
from jobs.serving.requests import Found, Request
from jobs.store.bulk import BulkStore
from jobs.store.columns import Columns
from jobs.store.rows import ViewSchema
from jobs.store.schema import schema_of


@dataclass(frozen=True, eq=False)
class Input:
    """A model's input. ``features``: the used ones as (name, type); ``on``: the requests' stream, where the view is
    over it, so that they are its own events.
    """

    plan: InputPlan
    view: ViewPlan
    features: tuple[tuple[str, str], ...]
    on: str | None

    @cached_property
    def name(self) -> str:
        """Plain text: a definition's own name is a kind of its own, which JSON keys may not be."""
        return str(self.plan.name)

    @cached_property
    def schema(self) -> ViewSchema:
        """As the store knows the view."""
        return schema_of(self.view)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The request columns of the key, in the view's order."""
        by_key = dict(self.plan.key)
        return tuple(by_key[key.name] for key in self.view.key)

    @cached_property
    def places(self) -> tuple[int, ...]:
        """Where the used features stand in the view."""
        names = [feature.name for feature in self.view.features]
        return tuple(names.index(name) for name, _ in self.features)

    def key(self, request: Request) -> tuple[Any, ...]:
        """The key that a request asks for."""
        return tuple(request.row[column] for column in self.columns)

    def awaits(self, request: Request, found: Found) -> bool:
        """Will the row found be followed by one that knows the request's own event?"""
        return self.on is not None and not _knows(request, found) and self._feeds(request, found.key)

    def _feeds(self, request: Request, key: tuple[Any, ...]) -> bool:
        """Does the view apply the request's event, to this very key?"""
        try:
            event = view_event(self.view, {**request.row, SOURCE: self.on})
        except BadEvent:
            return False
        return event is not None and event.key == key


def inputs_of(plan: ModelPlan, views: dict[str, ViewPlan]) -> tuple[Input, ...]:
    """The inputs of a model, in its order."""
    used = [name.split(".", 1) for name in leaf_names(plan, "feature")]
    return tuple(_input(plan, item, views[item.view], used) for item in plan.inputs)


def _input(plan: ModelPlan, item: InputPlan, view: ViewPlan, used: Sequence[Sequence[str]]) -> Input:
    features = tuple((name, type) for name, type, _ in item.features if [item.name, name] in used)
    own = plan.on.name in [source.name for source in view.source.sources]
    return Input(item, view, features, plan.on.name if own else None)


class Lookup:
    """Reads the inputs' rows from the store."""

    def __init__(self, inputs: Sequence[Input], store: BulkStore) -> None:
        self._inputs, self._store = inputs, store

    def read(self, fresh: Sequence[Request], waiting: Sequence[Request], now: float) -> None:
        """Fills ``found`` of fresh requests, and anew what waiting ones await, in one round trip.

        Sets ``awaited``; a request whose time is up (``now``, monotonic seconds) awaits nothing and is stale.
        """
        asked = {i: [*fresh, *(r for r in waiting if i in r.awaited)] for i in range(len(self._inputs))}
        for number, rows in self._rows({number: requests for number, requests in asked.items() if requests}):
            for request, row in zip(asked[number], rows, strict=True):
                request.found[number] = row
        for request in fresh:
            request.awaited = [i for i in asked if self._inputs[i].awaits(request, request.found[i])]
        for request in waiting:
            request.awaited = [i for i in request.awaited if not _knows(request, request.found[i])]
        for request in (*fresh, *waiting):
            if request.awaited and now >= request.until:
                request.awaited, request.stale = [], True

    def _rows(self, asked: Mapping[int, Sequence[Request]]) -> Iterator[tuple[int, list[Found]]]:
        """By input: the rows of its requests. A key that several ask for is read once."""
        keys = {number: [self._inputs[number].key(request) for request in asked[number]] for number in asked}
        reads = [(self._inputs[number].schema, list(dict.fromkeys(keys[number]))) for number in asked]
        for number, (_, different), columns in zip(asked, reads, self._store.read_rows(reads), strict=True):
            found = dict(zip(different, _found(self._inputs[number], different, columns), strict=True))
            yield number, [found[key] for key in keys[number]]


def _knows(request: Request, found: Found) -> bool:
    return found.t is not None and found.t >= request.t


def _found(item: Input, keys: Sequence[tuple[Any, ...]], columns: Columns) -> list[Found]:
    chosen = [columns.features[place] for place in item.places]
    values = zip(*(Values(c.type, c.values, c.null).tolist() for c in chosen), strict=True)
    clocks = zip(columns.t.tolist(), columns.seq.tolist(), columns.present.tolist(), strict=True)
    return [
        Found(key, t if there else None, seq if there else None, row)
        for key, (t, seq, there), row in zip(keys, clocks, values, strict=True)
    ]
