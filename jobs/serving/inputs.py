"""A model's inputs as they are served: which view, by which columns of a request, and the rows read for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.features.ingest import BadEvent, Row
from penstock.features.oracle import view_event
from penstock.features.plan import SOURCE, InputPlan, ModelPlan, ViewPlan
from penstock.features.vector import Values, leaf_names
from penstock.jobs.serving.json_columns import HOLE, fixed, form, written
from penstock.jobs.store.columns import Columns
from penstock.jobs.store.rows import ViewSchema
from penstock.jobs.store.schema import schema_of


@dataclass(frozen=True, eq=False)
class Input:
    """A model's input. ``features``: the used ones as (name, type); ``on``: the requests' stream, where the view is
    over it, so that they are its own events.
    """

    plan: InputPlan
    view: ViewPlan
    features: tuple[tuple[str, str], ...]
    on: str | None

    @property
    def own(self) -> bool:
        """Are the requests its view's own events?"""
        return self.on is not None

    @cached_property
    def name(self) -> str:
        """Plain text: a definition's own name is a kind of its own, which JSON keys may not be."""
        return str(self.plan.name)

    @cached_property
    def schema(self) -> ViewSchema:
        """As the store knows the view."""
        return schema_of(self.view)

    @cached_property
    def said(self) -> bytes:
        """What a prediction says of one of its rows, as a form: view, key, t and seq."""
        key = form({name: HOLE for name, _ in self.schema.key})
        return form({"view": fixed(str(self.view.name)), "key": key, "t": HOLE, "seq": HOLE})

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

    def keys(self, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        """The keys that requests ask for."""
        return list(zip(*([row[column] for row in rows] for column in self.columns), strict=True))

    def feeds(self, row: Row, key: tuple[Any, ...]) -> bool:
        """Does the view apply a request's own event, to this very key?"""
        if not self.own:
            return False
        try:
            event = view_event(self.view, {**row, SOURCE: self.on})
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


@dataclass(frozen=True, eq=False)
class Rows:
    """An input's rows of n different keys, as they were read together."""

    input: Input
    keys: Sequence[tuple[Any, ...]]
    columns: Columns

    @cached_property
    def t(self) -> list[int | None]:
        """The rows' clocks; None where there is no row."""
        return self._there(self.columns.t)

    @cached_property
    def features(self) -> dict[str, Values]:
        """The used features as ``<input>.<feature>``, n values each."""
        columns = (self.columns.features[place] for place in self.input.places)
        return {f"{self.input.name}.{c.name}": Values(c.type, c.values, c.null) for c in columns}

    @cached_property
    def read(self) -> list[bytes]:
        """What a prediction says of each row, as JSON."""
        key, seq, said = self.input.schema.key, self._there(self.columns.seq), self.input.said
        parts = [written(type, [one[place] for one in self.keys]) for place, (_, type) in enumerate(key)]
        return [said % row for row in zip(*parts, written("int64", self.t), written("int64", seq), strict=True)]

    def _there(self, numbers: npt.NDArray[np.int64]) -> list[int | None]:
        if self.columns.present.all():
            every: list[int | None] = numbers.tolist()
            return every
        return [
            number if there else None
            for number, there in zip(numbers.tolist(), self.columns.present.tolist(), strict=True)
        ]


def merged(models: Sequence[Sequence[Input]]) -> tuple[tuple[Input, ...], list[tuple[int, ...]]]:
    """The different inputs of several models, and of each model the numbers of its own. Those of one name, view, key
    and stream are one input, with the features that any of them uses.
    """
    different: dict[tuple[Any, ...], Input] = {}
    for item in (item for inputs in models for item in inputs):
        known = different.setdefault(_identity(item), item)
        if known.features != item.features:
            used = {*known.features, *item.features}
            features = tuple((each.name, each.type) for each in item.view.features if (each.name, each.type) in used)
            different[_identity(item)] = replace(known, features=features)
    numbers = {identity: number for number, identity in enumerate(different)}
    return tuple(different.values()), [tuple(numbers[_identity(item)] for item in inputs) for inputs in models]


def _identity(item: Input) -> tuple[Any, ...]:
    return item.name, item.view.name, item.plan.key, item.on
