"""Where a stream's state begins: with history before the cut-over, or with the topics alone."""

from __future__ import annotations

from pathlib import Path

from penstock.features.compilers.flink.config import JobSettings
from penstock.features.compilers.flink.job import HistoryFiles
from penstock.features.errors import UsageError
from penstock.jobs.console.times import time_words
from penstock.jobs.handover.gap import gaps
from penstock.jobs.handover.history import Report, write_history
from penstock.jobs.handover.record import Handover, forget_handover, read_handover, write_handover
from penstock.jobs.project.project import Project


def begin(
    project: Project, settings: JobSettings, restored: Path | None, cut_over_ms: int | None, report: Report
) -> Handover | None:
    """What the state was begun with or, without a state to go on from, what it begins with now.

    ``cut_over_ms``: None where there is no history to begin with. Raises as ``write_history``, and UsageError for a
    project that writes every change point.
    """
    if restored is not None:
        known = read_handover(settings.state)
        if known is not None:
            _check_change_points(project)
        _report_other(known, cut_over_ms, report)
        return known
    forget_handover(settings.state)
    if cut_over_ms is None:
        return None
    _check_change_points(project)
    handover = write_history(project, settings.kept, cut_over_ms, settings.parallelism, report)
    for gap in gaps(project, handover):
        report(f"warning: {gap}")
    write_handover(settings.state, handover)
    return handover


def history_of(handover: Handover, source: str) -> HistoryFiles | None:
    """The files that a source begins with; None where it has no history."""
    history = handover.sources.get(source)
    return None if history is None else HistoryFiles(handover.cut_over_ms, history.files, handover.id)


def _check_change_points(project: Project) -> None:
    if project.config.stream.change_points is not None:
        raise UsageError(
            "a stream that begins with history does not write every change point",
            where="[stream] change_points",
            allowed="change_points, or a cut-over",
            hint="without a cut-over all events come from Kafka",
        )


def _report_other(known: Handover | None, cut_over_ms: int | None, report: Report) -> None:
    if cut_over_ms is not None and (known is None or known.cut_over_ms != cut_over_ms):
        begun = "without history" if known is None else f"with the cut-over {time_words(known.cut_over_ms)}"
        report(f"the state goes on that was begun {begun}; {time_words(cut_over_ms)} is for a first start")
