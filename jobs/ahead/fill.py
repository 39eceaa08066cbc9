"""``penstock predict --to-store``: answers for chosen keys, from the rows that the store has now."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from penstock.features.errors import UsageError
from penstock.jobs.ahead.keys import Keys, listed, requested
from penstock.jobs.ahead.rests import clocks_of, text_of
from penstock.jobs.ahead.view import AheadView, keep
from penstock.jobs.http.body import BodyRecord
from penstock.jobs.models.folder import LoadedModel, load_current
from penstock.jobs.models.kernel.takeover import take_over
from penstock.jobs.project.project import Project
from penstock.jobs.serving.inputs import inputs_of
from penstock.jobs.serving.lineup import lineup_of
from penstock.jobs.serving.lookup import Lookup
from penstock.jobs.serving.moment import check_moment
from penstock.jobs.serving.predicting import Predicting
from penstock.jobs.serving.recent import Recent
from penstock.jobs.serving.requests import Request
from penstock.jobs.store.bulk import BulkStore
from penstock.jobs.store.catalogue import apply
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow

#: Keys that are answered and written at once.
AT_ONCE = 5_000


@dataclass
class Filled:
    """``written`` answers for ``keys``; ``dead``: their vector overflows or has no finite answer; ``changed``: a row
    has changed while its answer was computed.
    """

    model: str
    version: str
    view: str
    keys: int = 0
    written: int = 0
    dead: int = 0
    changed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def summary(self) -> str:
        """One line."""
        return (
            f"{self.model} {self.version}: {self.written:,} answers for {self.keys:,} keys in the view {self.view} "
            f"({self.dead:,} dead, {self.changed:,} whose rows have changed meanwhile)"
        )


@dataclass(frozen=True)
class Choice:
    """Which keys: those of a ``file``, the ``most`` requested, or all that history has."""

    file: Path | None = None
    most: int | None = None


def predict_to_store(
    project: Project,
    model_name: str,
    choice: Choice,
    *,
    told: Callable[[str], None] = lambda line: None,
    progress: Callable[[int], None] = lambda keys: None,
) -> Filled:
    """Writes the current version's answers for the chosen keys. ``progress`` is told how many keys are done.

    Raises UsageError for a model whose answers have no key, and for keys that cannot be read; RefusedError and
    PenstockError as ``penstock infer`` does.
    """
    plan = project.model(model_name).model_plan
    if plan.by is not None:
        raise UsageError(
            f"{plan.name} has versions for values of a column", where=plan.name, allowed="a model without by="
        )
    model = load_current(project.config.models_at, plan)
    check_moment(model)
    view = AheadView(plan, inputs_of(plan, project.plans), max(1, len(model.metadata.outputs)))
    if choice.file is not None:
        keys = listed(choice.file, plan.on, view.columns)
    else:
        keys = requested(project, plan.on, view.columns, choice.most)
    told(take_over(model))
    keep(project, view, len(view.values), str(plan.name))
    apply(project)
    report = Filled(model.name, model.version, view.name)
    with ExitStack() as opened:
        fill = _Fill(project, model, view, opened.enter_context(open_store(project.folder)))
        for start in range(0, len(keys), AT_ONCE):
            fill.write(keys[start : start + AT_ONCE], report)
            progress(report.keys)
    return report


class _Fill:
    """Answers keys and writes what holds."""

    def __init__(self, project: Project, model: LoadedModel, view: AheadView, store: BulkStore) -> None:
        plan = project.model(model.name).model_plan
        inputs = inputs_of(plan, project.plans)
        self._blank: dict[str, Any] = {str(column.name): None for column in plan.on.columns}
        self._time = plan.on.time_column
        self._model, self._view, self._store = model, view, store
        self._inputs, self._lookup = inputs, Lookup(inputs, store)
        self._predicting = Predicting(plan, inputs, lineup_of(model), Recent())

    def write(self, keys: Keys, report: Filled) -> None:
        """What is written rests on rows that were there before and after the answers were computed."""
        now = time.time_ns() // 1_000_000
        requests = [self._request(key, now) for key in keys]
        rows = [request.row for request in requests]
        before = clocks_of(self._inputs, self._store, rows)
        self._lookup.read(requests, [], 1.0)
        answers = self._predicting.predict(requests).answers.reshape(len(keys), -1).tolist()
        after = clocks_of(self._inputs, self._store, rows)
        report.keys += len(keys)
        written: list[FeatureRow] = []
        for key, request, numbers, first, last in zip(keys, requests, answers, before, after, strict=True):
            if request.bad is not None:
                report.dead += 1
            elif first != last:
                report.changed += 1
            else:
                written.append(FeatureRow(key, now, 1, (*numbers, self._model.version, text_of(first))))
        self._store.write_views([(self._view.schema, written)])
        self._store.note_batch(self._view.name)
        report.written += len(written)

    def _request(self, key: Sequence[Any], now: int) -> Request:
        row = self._blank | dict(zip(self._view.columns, key, strict=True)) | {self._time: now}
        return Request(BodyRecord(b""), row, now, 0.0)
