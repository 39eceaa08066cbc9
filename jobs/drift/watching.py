"""Drift while predictions come: alarms in the log, and figures of the newest windows."""

from __future__ import annotations

from collections.abc import Callable

from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.jobs.console.times import range_words
from penstock.jobs.drift.report import report
from penstock.jobs.drift.windows import FeatureDrift, VersionDrift
from penstock.jobs.ledger.ledger import Ledger
from penstock.jobs.ledger.rows import ALWAYS
from penstock.jobs.ledger.scores import HOUR_MS
from penstock.jobs.metrics.drift import FeatureFigures
from penstock.jobs.models.log import record_or_tell
from penstock.jobs.models.storage.storage import Models

#: So many hours of requests before the newest ones at the last look are looked at again: some may have come since.
HOURS = 48
#: A feature whose windows were no alarms for so long has a new one then.
PAUSE_MS = 24 * HOUR_MS


class Watching:
    """Looks at the newest windows of ``ledger``. An alarm is told, and is in the model's log, when it begins."""

    def __init__(self, ledger: Ledger, plan: ModelPlan, models: Models, told: Callable[[str], None]) -> None:
        self._ledger, self._plan, self._models, self._told = ledger, plan, models, told

    def look(self) -> dict[tuple[str, str], FeatureFigures]:
        """By version and feature. Raises PenstockError."""
        clock = self._ledger.clock("predictions")
        if clock is None:
            return {}
        seen = self._ledger.clock("watched")
        newest = ALWAYS if seen is None else Span(seen - seen % HOUR_MS - HOURS * HOUR_MS, ALWAYS.to_ms)
        found = report(self._ledger, self._plan, newest).versions
        for version in found:
            self._tell(version)
        if clock != seen:
            self._ledger.advance("watched", clock)
        return {(each.version, name): figures for each in found for name, figures in _figures(each).items()}

    def _tell(self, version: VersionDrift) -> None:
        for alarm in version.alarms():
            window = alarm.window
            if self._ledger.alarm(version.version, alarm.feature, window, PAUSE_MS):
                self._told(f"DRIFT of {alarm.feature}, {version.version}, {range_words(window)}: {alarm.words()}")
                details = {"feature": alarm.feature, "from": window.from_ms, "to": window.to_ms, "psi": alarm.psi}
                details |= {"limit": alarm.limit, "excess": alarm.excess}
                record_or_tell(self._models, self._plan.name, self._told, "drift", version.version, **details)


def _figures(version: VersionDrift) -> dict[str, FeatureFigures]:
    """Of the features that have a window."""
    return {each.name: _figures_of(each) for each in version.features if len(each.psi)}


def _figures_of(each: FeatureDrift) -> FeatureFigures:
    psi, limit, excess = (float(values[-1]) for values in (each.psi, each.limits, each.excess))
    return FeatureFigures(psi, limit, excess, each.null[0], each.unseen)
