"""An audit: the predictions of a range, read from their topic, against batch."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from penstock.features.errors import UsageError
from penstock.features.span import Span
from penstock.jobs.audit.check import checked
from penstock.jobs.audit.report import Report, make_report
from penstock.jobs.console.times import range_words
from penstock.jobs.kafka.readback import read_values
from penstock.jobs.kafka.reading import AHEAD_MS, CLOCKS_MS, offsets_since
from penstock.jobs.project.project import Project


def audit(
    project: Project,
    model_name: str,
    from_ms: int,
    to_ms: int,
    progress: Callable[[int], None] = lambda done: None,
    *,
    shadow: bool = False,
) -> Report:
    """Compares every prediction for a request with ``from <= t < to``; with ``shadow`` the shadow's.

    ``progress`` is told the predictions read.

    Raises UsageError for an empty range or a history that does not fit, PenstockError for what Kafka and DuckDB cannot.
    """
    if from_ms >= to_ms:
        raise UsageError(f"the range {range_words((from_ms, to_ms))} is empty", allowed="--from before --to")
    model = project.model(model_name)
    plan = model.model_plan
    project.config.state.mkdir(parents=True, exist_ok=True)
    # a request is at most max_ahead later than its record, whose time may be ahead; its prediction comes after it
    since = from_ms - plan.on.max_ahead_ms - AHEAD_MS - CLOCKS_MS
    with tempfile.TemporaryDirectory(prefix=".audit-", dir=project.config.state) as folder:
        file = Path(folder) / "predictions.ndjson"
        output = project.names.shadow(model.output) if shadow else model.output
        start = offsets_since(project, output, since)
        read_values(project, output, file, start=start, progress=progress)
        with checked(project, plan, file, Span(from_ms, to_ms)) as found:
            return make_report(found, Span(from_ms, to_ms))
