"""``penstock retrain``: candidates from matured rows, beside a running stream, and a promotion where one is better."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from penstock.features.errors import UsageError
from penstock.features.span import Span
from penstock.jobs.console.times import range_words
from penstock.jobs.ledger.opening import catch_up, open_ledger
from penstock.jobs.models.folder import load_current
from penstock.jobs.models.log import record
from penstock.jobs.models.pointer import Pointer, current_version
from penstock.jobs.models.versions import promote
from penstock.jobs.project.project import Project
from penstock.jobs.retraining.candidate import Candidate, candidate, check_refit, keep
from penstock.jobs.retraining.rows import ServedRows, check_plan, rows_before

Told = Callable[[str], None]

#: The newest requests on which a candidate is compared, unless told otherwise, in milliseconds.
NEWEST_MS = 86_400_000


@dataclass(frozen=True)
class Settings:
    """``range_ms``: how far back a candidate learns, as far as the current version did unless given; ``newest_ms``: the
    requests at its end, on which it is compared; ``data``: the training set with the rows before those of the ledger.
    """

    range_ms: int | None = None
    newest_ms: int = NEWEST_MS
    refit: bool = False
    data: Path | None = None


@dataclass(frozen=True)
class Round:
    """What became of one candidate. ``outcome``: promoted, or kept, the current version stays. Losses are mean ones on
    the newest rows, ``bounds`` those of candidate less current.
    """

    outcome: str
    version: str | None
    current: str
    loss: str
    current_loss: float | None
    candidate_loss: float | None
    bounds: tuple[float, float] | None
    learned_rows: int
    newest_rows: int
    trained: Span
    evaluated: Span
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        spans = {"trained": self.trained._asdict(), "evaluated": self.evaluated._asdict()}
        return {**asdict(self), **spans}

    def summary(self) -> str:
        """One line."""
        bounds = "too few rows for bounds" if self.bounds is None else "{:.6g} to {:.6g}".format(*self.bounds)
        result = f"{self.version} is promoted" if self.version else f"{self.current} stays"
        return (
            f"{result}: {self.loss} {self.candidate_loss:.6g} of the candidate, {self.current_loss:.6g} of "
            f"{self.current} on {self.newest_rows:,} rows ({bounds}); learned {self.learned_rows:,} rows of "
            f"{range_words(self.trained)} in {self.seconds:.1f} s"
        )


class Retraining:
    """Rounds over one model. ``settings``: see there.

    Raises UsageError for a model that cannot learn from what it was served.
    """

    def __init__(self, project: Project, model: str, settings: Settings, told: Told = lambda line: None) -> None:
        self._project, self._plan, self._settings, self._told = project, project.model(model).model_plan, settings, told
        check_plan(self._plan)
        self._models = project.config.models_at
        self._file = settings.data or project.config.state / "training" / f"{self._plan.name}.parquet"
        self._served = ServedRows(self._plan)
        self._before: tuple[Span, pa.Table | None] | None = None
        if settings.refit:
            check_refit(self._plan, load_current(self._models, self._plan))
        #: The labels that the last round knew.
        self._known: tuple[int, int] | None = None

    def round(self) -> Round | None:
        """Brings the ledger up to date, and has a candidate compete. None where no label has come since the last one.

        Raises UsageError for rows from which nothing can be learned, and as ``catch_up`` and ``promote``.
        """
        started = time.monotonic()
        catch_up(self._project, self._plan.name)
        with open_ledger(self._project, self._plan) as ledger:
            count, first, last = ledger.labelled()
            if (count, last) == self._known:
                return None
            if first is None or last is None:
                raise UsageError(
                    f"no prediction of {self._plan.name} has its label yet",
                    where=str(ledger.file),
                    hint="labels come on the topic of the label's stream",
                )
            current = load_current(self._models, self._plan)
            spans = self._spans(current.metadata.trained.to_ms - current.metadata.trained.from_ms, last)
            table = self._served.read(ledger, Span(spans[0].from_ms, spans[1].to_ms))
        whole = self._with_before(table, Span(spans[0].from_ms, min(first, spans[1].to_ms)))
        found = candidate(self._plan, whole, self._file, current, spans, refit=self._settings.refit)
        result = self._decided(found, started)
        self._known = count, last
        return result

    def _spans(self, range_ms: int, last: int) -> tuple[Span, Span]:
        """To learn, and to compare. ``last``: the newest request that has its label."""
        cut = last + 1 - self._settings.newest_ms
        return Span(cut - (self._settings.range_ms or range_ms), cut), Span(cut, last + 1)

    def _with_before(self, served: pa.Table, span: Span) -> pa.Table:
        """And the training set's rows from before the first served one."""
        if span.from_ms >= span.to_ms:
            return served
        if self._before is None or span.from_ms < self._before[0].from_ms or span.to_ms != self._before[0].to_ms:
            self._before = span, rows_before(self._file, self._plan, span)
        table = self._before[1]
        if table is None:
            return served
        kept = table.filter(pa.array(np.asarray(table["t"]) >= span.from_ms))
        return pa.concat_tables([kept.select(served.column_names).cast(served.schema), served])

    def _decided(self, found: Candidate, started: float) -> Round:
        plan, models, compared = self._plan, self._models, found.comparison
        version = None
        if found.better and current_version(models, plan.name) == compared.first:
            version = keep(plan, models, found)
            promote(models, plan, Pointer(version))
        result = Round(
            "promoted" if version else "kept",
            version,
            compared.first,
            compared.loss,
            compared.first_loss,
            compared.second_loss,
            compared.bounds,
            len(found.learned.t),
            len(found.newest.t),
            *found.spans,
            time.monotonic() - started,
        )
        details = {name: value for name, value in result.to_dict().items() if name != "version"}
        record(models, plan.name, "retrain", version, **details)
        return result


def retrain(project: Project, model: str, settings: Settings, *, told: Told = lambda line: None) -> Round | None:
    """One round."""
    return Retraining(project, model, settings, told).round()


def retrain_every(
    project: Project, model: str, settings: Settings, every_ms: int, stop: threading.Event, told: Told
) -> list[Round]:
    """A round at each interval until ``stop`` is set; the next one begins late where one takes longer. Returns those
    that had a candidate. A round without enough rows is told, and the next one tries again.
    """
    rounds = []
    retraining = Retraining(project, model, settings, told)
    while not stop.is_set():
        due = time.monotonic() + every_ms / 1000
        try:
            found = retraining.round()
        except UsageError as error:
            told(f"no candidate: {error.what}")
        else:
            if found is not None:
                rounds.append(found)
                told(found.summary())
        stop.wait(max(0.0, due - time.monotonic()))
    return rounds
