"""The versions that follow those that answer: each is loaded and tried beside them, and taken up between two turns."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from penstock.features.errors import PenstockError, RefusedError
from penstock.features.plan import ModelPlan
from penstock.jobs.models.folder import LoadedModel, load_named
from penstock.jobs.models.kernel.takeover import take_over
from penstock.jobs.models.lines import line_of, part_text, part_value, parts_of
from penstock.jobs.models.log import record_or_tell
from penstock.jobs.models.pointer import ALIASES, CURRENT, Alias, Pointer, pointers_of
from penstock.jobs.models.storage.storage import Models, storage_of
from penstock.jobs.serving.lineup import Lineup, Role, lineup_of
from penstock.jobs.serving.moment import check_moment
from penstock.jobs.serving.recent import Recent
from penstock.jobs.serving.trial import compared


class Succession:
    """Of one model. ``lineup``: who answers at first; ``recent``: the vectors on which versions are tried.

    A version that is not fit is refused once, and the former one goes on: ``refused`` counts them. ``bound``: how many
    standard deviations of the current answers the mean of the new ones may be away from the current mean.
    ``prepare`` is called with the alias before a version is taken up; other ``aliases`` are not followed.
    """

    def __init__(
        self,
        models: Models,
        plan: ModelPlan,
        lineup: Lineup,
        recent: Recent,
        bound: float,
        told: Callable[[str], None],
        prepare: Callable[[Alias], None] = lambda alias: None,
        aliases: Sequence[Alias] = ALIASES,
    ) -> None:
        self._models, self._plan, self._lineup = models, plan, lineup
        self._recent, self._bound, self._told, self._prepare = recent, bound, told, prepare
        self._aliases = aliases
        self._looked_at: dict[tuple[Any, Alias], Pointer] = {}
        for part, each in [(None, lineup), *lineup.parts.items()]:
            for role in (each.current, each.canary, each.shadow):
                if role is not None:
                    self._looked_at[part, role.alias] = Pointer(role.model.version, role.share, role.by)
        self._ready: Lineup | None = None
        self._lock = threading.Lock()
        #: Steps for the log: whoever answers has no time to write it.
        self._steps: queue.SimpleQueue[tuple[str, str, str | None, dict[str, Any]]] = queue.SimpleQueue()
        self.refused = 0

    def begin(self) -> Lineup:
        """Takes up all versions to which aliases point, at once. Returns who answers at first. For the start."""
        lines = self.lines()
        pointers = pointers_of(self._models, list(lines))
        for line, part in lines.items():
            self.look(part, pointers[line])
        self._lineup, self._ready = self._ready or self._lineup, None
        others = (self._lineup.canary, self._lineup.shadow)
        details: dict[str, Any] = {role.alias: role.model.version for role in others if role}
        if self._plan.by is not None:
            details["parts"] = len(self._lineup.parts)
        self._steps.put(("start", self._line(None), self._lineup.current.model.version, details))
        return self._lineup

    def take(self) -> Lineup | None:
        """Who answers from now on; None where nothing has changed. For the thread that answers."""
        if self._ready is None:
            return None
        with self._lock:
            ready, self._ready = self._ready, None
            if ready is None:
                return None
            former, self._lineup = self._lineup, ready
        self._tell_changes(former, ready)
        return ready

    def lines(self) -> dict[str, Any]:
        """The folder of each line that there is, and the value of the model's column that it is for."""
        name = str(self._plan.name)
        lines: dict[str, Any] = {name: None}
        if self._plan.by is not None:
            type = self._plan.on.column(self._plan.by).type
            for text in parts_of(self._models, name):
                with suppress(ValueError):  # a folder of somebody else's
                    lines[line_of(name, text)] = part_value(text, type)
        return lines

    def look(self, part: Any, pointers: Mapping[Alias, Pointer]) -> None:
        """Tries the versions of a line to which the aliases point by now."""
        for alias in self._aliases:
            pointer, known = pointers.get(alias), self._looked_at.get((part, alias))
            if pointer == known or (pointer is None and alias == CURRENT):
                continue
            if alias != CURRENT and not self._answers(part):
                continue
            if pointer is None:
                del self._looked_at[part, alias]
                self._change(part, alias, None)
            else:
                self._looked_at[part, alias] = pointer
                self._try(part, alias, pointer)

    def write_log(self) -> None:
        """Adds to the models' logs what has happened since the last call."""
        with suppress(queue.Empty):
            while True:
                action, line, version, details = self._steps.get_nowait()
                record_or_tell(self._models, line, self._told, action, version, **details)

    def _answers(self, part: Any) -> bool:
        """Has a line a current version that answers?"""
        with self._lock:
            return part is None or part in (self._ready or self._lineup).parts

    def _line(self, part: Any) -> str:
        return line_of(str(self._plan.name), part_text(part))

    def _change(self, part: Any, alias: Alias, role: Role | None) -> None:
        with self._lock:
            self._ready = (self._ready or self._lineup).changed(part, alias, role)

    def _try(self, part: Any, alias: Alias, pointer: Pointer) -> None:
        with self._lock:
            lineup = (self._ready or self._lineup).at(part)
        loaded = {role.model.version: role.model for role in (lineup.current, lineup.canary, lineup.shadow) if role}
        try:
            self._check_input(pointer)
            self._prepare(alias)
            new = loaded.get(pointer.version)
            if new is None or new.line != self._line(part):
                new = self._load(part, pointer.version)
            if new is not lineup.current.model:
                self._told(compared(lineup.current.model, new, self._recent.batches(part), self._bound))
        except Exception as error:  # whatever it is, the former version answers as well
            self._refuse(part, alias, pointer.version, error, lineup)
        else:
            self._change(part, alias, Role(new, alias, pointer.share, pointer.by))

    def _check_input(self, pointer: Pointer) -> None:
        names = [str(item.name) for item in self._plan.inputs]
        if pointer.by is not None and pointer.by not in names:
            raise RefusedError(f"{self._plan.name} has no input {pointer.by[:80]!r} whose key could be hashed")

    def _load(self, part: Any, version: str) -> LoadedModel:
        model = load_named(self._models, self._plan, version, part_text(part))
        check_moment(model)
        self._told(take_over(model))
        return model

    def _refuse(self, part: Any, alias: Alias, version: str, error: Exception, lineup: Lineup) -> None:
        self.refused += 1
        why = error.what if isinstance(error, PenstockError) else f"{type(error).__name__}: {error}"
        former: Role | None = getattr(lineup, alias)
        goes_on = f"{former.model.version} goes on" if former else f"there is no {alias}"
        self._told(f"REFUSED: {self._line(part)} {version} as {alias}: {why}; {goes_on}")
        self._steps.put(("refuse", self._line(part), version, {"alias": alias, "why": why}))

    def _tell_changes(self, former: Lineup, new: Lineup) -> None:
        for part, line in [(None, new), *new.parts.items()]:
            was = former if part is None else former.parts.get(part)
            for alias in ALIASES:
                role: Role | None = getattr(line, alias)
                before: Role | None = getattr(was, alias, None)
                if role is not before:
                    self._tell_change(self._line(part), alias, before, role)

    def _tell_change(self, line: str, alias: Alias, former: Role | None, role: Role | None) -> None:
        if role is None:
            assert former is not None
            self._told(f"{line} {former.model.version} is no longer {alias}")
            self._steps.put(("end", line, former.model.version, {"alias": alias}))
            return
        words = "answers from now on" if alias == CURRENT else f"answers as {alias} from now on"
        self._told(f"{line} {role.model.version} {words}")
        before = former.model.version if former else None
        self._steps.put(("takeover", line, role.model.version, {"alias": alias, "former": before}))


class Successors:
    """A context manager that looks at the aliases of several models from one thread."""

    def __init__(self, models: Models, successions: Sequence[Succession]) -> None:
        self._models, self._successions = models, successions
        self._look_s = storage_of(models).look_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="successors", daemon=True)

    def __enter__(self) -> Successors:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()
        for succession in self._successions:
            succession.write_log()

    def _run(self) -> None:
        while not self._stop.wait(self._look_s):
            # a pointer that cannot be read for a moment points to the same version
            with suppress(PenstockError):
                self._look()
            for succession in self._successions:
                succession.write_log()

    def _look(self) -> None:
        lines = {
            (number, line): part for number, each in enumerate(self._successions) for line, part in each.lines().items()
        }
        pointers = pointers_of(self._models, [line for _, line in lines])
        for (number, line), part in lines.items():
            if self._stop.is_set():
                return
            self._successions[number].look(part, pointers[line])


class CurrentVersion:
    """A context manager that follows ``current`` of one model alone. ``model``: the version that answers at first."""

    def __init__(
        self,
        models: Models,
        plan: ModelPlan,
        model: LoadedModel,
        recent: Recent,
        bound: float,
        told: Callable[[str], None],
    ) -> None:
        self._succession = Succession(models, plan, lineup_of(model), recent, bound, told, aliases=(CURRENT,))
        self._successors = Successors(models, [self._succession])

    def __enter__(self) -> CurrentVersion:
        self._successors.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._successors.__exit__(*exception)

    @property
    def refused(self) -> int:
        """Versions that were not fit."""
        return self._succession.refused

    def take(self) -> LoadedModel | None:
        """The version that answers from now on; None where it is the same one. For the thread that answers."""
        new = self._succession.take()
        return None if new is None else new.current.model
