"""The live error of a model as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

from pathlib import Path

from penstock.jobs.pages.page import render, write
from penstock.jobs.quality import plots
from penstock.jobs.quality.report import Report


def write_page(report: Report, file: Path) -> None:
    """Writes the page, whole or not at all. Raises PenstockError when it cannot be written."""
    write(page(report), file)


def page(report: Report) -> str:
    """The HTML."""
    return render(
        Path(__file__).with_name("page.html"),
        {"short": "{:.6g}".format},
        report=report,
        over_time=plots.over_time(report),
        with_label=plots.awaited(report),
        slices=[
            (name, parts, plots.by_slice(parts, report.main, f"slice-{place}"))
            for place, (name, parts) in enumerate(report.slices.items())
        ],
        comparisons=[
            (each, plots.sequence(each, f"comparison-{place}") if each.bounds else None)
            for place, each in enumerate(report.comparisons)
        ],
    )
