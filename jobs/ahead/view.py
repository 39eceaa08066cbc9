"""The view that holds a model's answers: its key is all that a request has of them, its features are the answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from penstock.features.errors import UsageError
from penstock.features.plan import ModelPlan, ViewPlan
from penstock.features.vector import leaf_names
from penstock.features.view import Table
from penstock.jobs.process.whole_file import whole_file
from penstock.jobs.project.project import Project
from penstock.jobs.serving.inputs import Input, inputs_of
from penstock.jobs.store.rows import ViewSchema
from penstock.jobs.store.schema import schema_of

#: What a view's name is the model's with.
SUFFIX = "_ahead"
VERSION, RESTS_ON, TIME = "version", "rests_on", "predicted_at"
#: The types that a key may have.
_KEYS = ("string", "int64")
_FOLDER = "ahead"


class AheadView:
    """Of a model whose answers have so many numbers. ``columns``: those of a request that an answer depends on.

    Raises UsageError for a model whose answers depend on more than a key can hold.
    """

    def __init__(self, plan: ModelPlan, inputs: Sequence[Input], numbers: int) -> None:
        keys = (column for item in inputs for column in item.columns)
        self.columns = tuple(dict.fromkeys([*keys, *leaf_names(plan, "column")]))
        self.values = ("value",) if numbers == 1 else tuple(f"value_{number}" for number in range(numbers))
        self._plan, self.name = plan, f"{plan.name}{SUFFIX}"
        self._check()

    @cached_property
    def plan(self) -> ViewPlan:
        """As Feast's catalogue takes views."""
        features = dict.fromkeys(self.values, "float64") | {VERSION: "string", RESTS_ON: "string"}
        keys = {name: self._plan.on.column(name).type for name in self.columns}
        columns = {**keys, **features, TIME: "timestamp"}
        return Table(self.name, key=list(keys), columns=columns, time=TIME, history=f"{self.name}.parquet").plan

    @cached_property
    def schema(self) -> ViewSchema:
        """As the store knows it."""
        return schema_of(self.plan)

    def _check(self) -> None:
        where = f"model {self._plan.name}"
        if self._plan.by is not None:
            raise UsageError(
                f"it has versions for values of {self._plan.by}", where=where, allowed="a model without by="
            )
        if self._plan.on.time in self.columns:
            raise UsageError(
                "its answers depend on the time of each request, so none can be ready",
                where=where,
                allowed=f"a vector without {self._plan.on.time}",
            )
        types = {name: self._plan.on.column(name).type for name in self.columns}
        wrong = ", ".join(f"{name}: {type}" for name, type in types.items() if type not in _KEYS)
        if wrong or not types:
            raise UsageError(
                f"its answers depend on {wrong or 'no column'}, and are kept by a key",
                where=where,
                allowed="columns of the types " + " and ".join(_KEYS),
                hint="such a model answers when it is asked: 'penstock serve'",
            )
        taken = set(types) & {*self.values, VERSION, RESTS_ON, TIME}
        if taken:
            raise UsageError(f"a column is called {', '.join(sorted(taken))}, as a part of the answer is", where=where)


def keep(project: Project, view: AheadView, numbers: int, model: str) -> None:
    """Has the catalogue and ``penstock serve`` know of a model's answers.

    Raises UsageError for a name that is taken.
    """
    if view.name in project.plans:
        raise UsageError(
            f"a view is called {view.name} already", where=str(project.config.definitions), hint="rename the view"
        )
    folder = project.config.state / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / f"{model}.json") as unfinished:
        unfinished.write_text(json.dumps({"numbers": numbers}))


def kept(project: Project, model: str) -> int | None:
    """How many numbers a model's kept answers have; None where none are kept."""
    file = project.config.state / _FOLDER / f"{model}.json"
    try:
        read: Any = json.loads(file.read_text())
        return int(read["numbers"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            "what is known of answers kept ahead cannot be read",
            where=str(file),
            hint=f"delete it, and run 'penstock predict {model} --to-store' again",
        ) from None


def ahead_views(project: Project) -> dict[str, ViewPlan]:
    """The plans of all views with answers that are kept, by name; not of models that have changed beyond that."""
    plans: dict[str, ViewPlan] = {}
    for name, model in project.models.items():
        if (Path(project.config.state) / _FOLDER / f"{name}.json").exists():
            numbers = kept(project, name)
            plan = model.model_plan
            view = AheadView(plan, inputs_of(plan, project.plans), numbers or 1)
            plans[view.name] = view.plan
    return plans
