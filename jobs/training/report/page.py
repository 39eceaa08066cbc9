"""A trained version as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

from pathlib import Path

import jinja2
import plotly.offline

from penstock.features.errors import PenstockError
from penstock.jobs.console.times import range_words
from penstock.jobs.models.folder import Metadata
from penstock.jobs.process.whole_file import write_whole
from penstock.jobs.training.report import plots
from penstock.jobs.training.report.evaluation import Evaluation
from penstock.jobs.training.train import TrainReport


def write_page(report: TrainReport, metadata: Metadata, found: Evaluation, file: Path) -> None:
    """Writes the page, whole or not at all. Raises PenstockError when it cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, page(report, metadata, found))
    except OSError as error:
        raise PenstockError(f"the page cannot be written: {error.strerror}", where=str(file)) from None


def page(report: TrainReport, metadata: Metadata, found: Evaluation) -> str:
    """The HTML."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"number": "{:,}".format, "short": "{:.6g}".format, "span": range_words}
    drawn = any(feature.points for feature in found.importance)
    return templates.get_template("page.html").render(
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
        plotly=plotly.offline.get_plotlyjs(),
    )
