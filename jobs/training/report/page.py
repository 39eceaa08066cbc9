"""A trained version as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

from pathlib import Path

from penstock.jobs.console.times import range_words
from penstock.jobs.models.folder import Metadata
from penstock.jobs.pages.page import render, write
from penstock.jobs.training.report import plots
from penstock.jobs.training.report.evaluation import Evaluation
from penstock.jobs.training.train import TrainReport


def write_page(report: TrainReport, metadata: Metadata, found: Evaluation, file: Path) -> None:
    """Writes the page, whole or not at all. Raises PenstockError when it cannot be written."""
    write(page(report, metadata, found), file)


def page(report: TrainReport, metadata: Metadata, found: Evaluation) -> str:
    """The HTML."""
    drawn = any(feature.points for feature in found.importance)
    return render(
        Path(__file__).with_name("page.html"),
        {"short": "{:.6g}".format, "span": range_words},
        report=report,
        metadata=metadata,
        found=found,
        trained=range_words((metadata.trained.from_ms, metadata.trained.to_ms)),
        evaluated=range_words((metadata.evaluated.from_ms, metadata.evaluated.to_ms)),
        calibration=plots.calibration(found.calibration) if found.calibration else None,
        folds=plots.over_folds(report.folds, report.main) if report.folds else None,
        slices=[
            (name, parts, plots.by_slice(parts, report.main, f"slice-{place}"))
            for place, (name, parts) in enumerate(found.slices.items())
        ],
        importance=plots.importance(found.importance),
        swarm=plots.swarm(found.importance) if drawn else None,
    )
