"""Views and tables as a model reads them: features as attributes, keys from the columns of a request."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from penstock.features.errors import DefinitionError
from penstock.features.expressions import Expr
from penstock.features.location import caller
from penstock.features.names import check_name, unknown
from penstock.features.plan import FeaturePlan, ViewPlan
from penstock.features.preview import preview
from penstock.features.sources import Source
from penstock.features.types import TYPES, element
from penstock.features.union import Union


class Input:
    """A view as a model reads it: its features as attributes, its keys from these request columns."""

    def __init__(self, view: Read, name: str, keys: dict[str, str]) -> None:
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

    def at(self, **keys: str) -> Input:
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
        return Input(self._view, self._name, {**self._keys, **keys})

    def named(self, name: str) -> Input:
        """The same view under another name, so that a model can read it twice by different keys."""
        check_name(name, "model input")
        return Input(self._view, name, self._keys)


def _is_list(name: str, feature: FeaturePlan) -> DefinitionError:
    """A model's vector has one value in each place; a list has a length of its own."""
    return DefinitionError(
        f"{name} is {feature.type}: a model cannot read a list",
        where=caller(),
        allowed=f"features of type {' '.join(TYPES)}",
        hint=f"{feature.aggregate.single} is one value; of a view with lists name the other features one by one",
    )


def check_known(leaf: Expr) -> None:
    """Raises DefinitionError for a leaf of the time after a request: only a label may be."""
    if isinstance(leaf.owner, Input) and leaf.owner._view.ahead:
        raise DefinitionError(
            f"{leaf.name} is of the time after the request: nobody knows it when the request comes",
            where=caller(),
            allowed="label=, alone or in an expression",
            hint="a View has the same aggregates of the time before",
        )


class Read:
    """What can be read by key has a name, a plan, and features that a model refers to.

    ``ahead``: are they of the time after a request?
    """

    name: str
    plan: ViewPlan
    source: Source | Union
    ahead = False

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.name}"

    def _input(self) -> Input:
        return Input(self, self.plan.name, {key.name: key.name for key in self.plan.key})

    def at(self, **keys: str) -> Input:
        """As a model input, looked up by other request columns."""
        return self._input().at(**keys)

    def named(self, name: str) -> Input:
        """As a model input under another name."""
        return self._input().named(name)

    def __getattr__(self, name: str) -> Expr:
        if name.startswith("_") or "plan" not in self.__dict__:
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Expr:
        return self._input()[name]


class Keyed(Read):
    """What a view and a table share."""

    def preview(self, events: Any, at: int | datetime | None = None) -> list[dict[str, Any]]:
        """Its rows on a few events (dicts, a DataFrame, an Arrow table), in this process.

        All change points, or with ``at`` a row per key for that time.
        """
        return preview(self.plan, events, at)


def _as_text(before: str, expr: object) -> str | None:
    """The hint for a column given where its name is wanted."""
    return f"write {before}{expr.name!r})" if isinstance(expr, Expr) and expr.op == "column" else None
