"""A project: its configuration and the definitions that its file holds."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from penstock.features.errors import DefinitionError, Mistakes, UsageError, did_you_mean
from penstock.features.mistakes import read_to_the_end
from penstock.features.model import Model
from penstock.features.plan import ViewPlan
from penstock.features.sources import Stream
from penstock.features.union import Union
from penstock.features.view import Table, View
from penstock.jobs.project.config import FILE, Config, read_config
from penstock.jobs.project.names import Names


@dataclass(frozen=True)
class Project:
    """``streams``, ``views`` (tables among them) and ``models`` by name, as the definitions file makes them."""

    folder: Path
    config: Config
    streams: dict[str, Stream | Table]
    views: dict[str, View | Table]
    models: dict[str, Model]

    @cached_property
    def plans(self) -> dict[str, ViewPlan]:
        """The plan of every view and table, by name."""
        return {name: view.plan for name, view in self.views.items()}

    def view(self, name: str) -> View | Table:
        """The view of this name. Raises UsageError with the nearest one."""
        if name not in self.views:
            raise _unknown("view", name, self.views, self.config.definitions)
        return self.views[name]

    def model(self, name: str) -> Model:
        """The model of this name. Raises UsageError with the nearest one."""
        if name not in self.models:
            raise _unknown("model", name, self.models, self.config.definitions)
        return self.models[name]

    def history(self, name: str) -> str:
        """The glob of a source's history files; a name that a file has is that file's. Raises UsageError when the
        source has none.
        """
        source = self.streams[name]
        if source.history is None:
            raise UsageError(
                f"{name} has no history", where=str(self.config.definitions), hint="give it history='…/*.parquet'"
            )
        path = self.config.data / source.history
        if path.is_file():
            return glob.escape(str(path))
        return str(Path(glob.escape(str(self.config.data))) / source.history)

    def histories(self, view: str) -> dict[str, str]:
        """The globs of the history files of a view's sources, by name. Raises UsageError when one has none."""
        return {source.name: self.history(source.name) for source in self.plans[view].source.sources}

    def change_points(self, view: str) -> Path:
        """The folder with the Parquet parts of a view's change points."""
        return self.backfills / view

    @property
    def backfills(self) -> Path:
        """The folder of all views' change points."""
        return self.config.state / "backfill"

    @property
    def names(self) -> Names:
        """What its topics and groups are called on Kafka."""
        return self.config.names

    @property
    def streamed(self) -> dict[str, list[ViewPlan]]:
        """Source name → plans of its views, for every source that has a topic and a view. The view of a union stands
        under each of its streams.
        """
        found: dict[str, list[ViewPlan]] = {}
        for plan in self.plans.values():
            for source in plan.source.sources:
                if self.streams[source.name].topic is not None:
                    found.setdefault(source.name, []).append(plan)
        return found

    @property
    def streamed_views(self) -> list[ViewPlan]:
        """The plans of all views that have a topic, each once."""
        return list({plan.name: plan for plans in self.streamed.values() for plan in plans}.values())

    @property
    def change_topics(self) -> dict[str, str]:
        """View → the topic of its change points, for the streamed views that models read; none where none are kept."""
        if self.config.stream.change_points is None:
            return {}
        read = {item.view for model in self.models.values() for item in model.model_plan.inputs}
        views = [plan for plan in self.streamed_views if plan.name in read and not plan.static]
        return {plan.name: self.names.change_points(plan.name) for plan in views}

    def topic(self, source: str) -> str:
        """The topic of a source."""
        topic = self.streams[source].topic
        assert topic is not None
        return str(topic)


def find_project(start: Path) -> Path:
    """The project's folder: this one, or ``feature_repo`` below it. Raises UsageError where there is none."""
    for folder in (start, start / "feature_repo"):
        if (folder / FILE).is_file():
            return folder
    raise UsageError(f"there is no {FILE} here", where=str(start), hint="run 'penstock init', or give --project DIR")


def load_project(folder: Path) -> Project:
    """Reads ``penstock.toml`` and the definitions. Raises UsageError or DefinitionError."""
    config = read_config(folder)
    streams, views, models = read_definitions(config.definitions)
    return Project(folder, config, streams, views, models)


Definitions = tuple[dict[str, Stream | Table], dict[str, View | Table], dict[str, Model]]


def read_definitions(path: Path) -> Definitions:
    """Runs a definitions file and collects what it makes: sources, views (with tables), models.

    What a model refers to is found even where it has no name of its own in the file. Raises DefinitionError, or for
    several mistakes DefinitionErrors with all of them.
    """
    if not path.is_file():
        raise UsageError("there is no definitions file here", where=str(path))
    mistakes = Mistakes()
    names, mistakes.found = read_to_the_end(path)
    with mistakes.caught():
        definitions = _collected(names, path)
    mistakes.raise_found()
    return definitions


def _collected(names: dict[str, Any], path: Path) -> Definitions:
    made = list(names.values())
    mistakes = Mistakes()
    models: dict[str, Model] = _by_name([x for x in made if isinstance(x, Model)], path, mistakes)
    named = [x for x in made if isinstance(x, (View, Table))]
    read = [view for model in models.values() for view in model.views]
    views: dict[str, View | Table] = _by_name([*named, *read], path, mistakes)
    streams: list[Any] = [x for x in made if isinstance(x, (Stream, Table))]
    read_sources = [view.source for view in views.values()]
    read_sources += [source for m in models.values() for source in (m.on, m.label_source) if source is not None]
    for source in read_sources:
        streams += source.streams if isinstance(source, Union) else (source,)
    sources: dict[str, Stream | Table] = _by_name(streams, path, mistakes)
    mistakes.raise_found()
    return sources, views, models


def _by_name(things: list[Any], path: Path, mistakes: Mistakes) -> dict[str, Any]:
    """By name; a mistake where two names differ by their case only, which files and SQL would take for one."""
    named: dict[str, Any] = {}
    folded: dict[str, Any] = {}
    for thing in things:
        with mistakes.caught():
            if folded.setdefault(thing.name.lower(), thing) is not thing:
                raise DefinitionError(
                    f"two definitions are named {thing.name!r}",
                    where=str(path),
                    allowed="each name once, whatever its case",
                )
            named[str(thing.name)] = thing
    return named


def _unknown(what: str, name: str, known: dict[str, Any], path: Path) -> UsageError:
    return UsageError(
        f"there is no {what} {name!r}",
        where=str(path),
        allowed=", ".join(known) or "none is defined",
        hint=did_you_mean(name, known),
    )
