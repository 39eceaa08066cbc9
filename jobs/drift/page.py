"""Drift of a model as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

from pathlib import Path

from penstock.jobs.console.times import range_words
from penstock.jobs.drift import plots
from penstock.jobs.drift.report import Report
from penstock.jobs.drift.windows import VersionDrift
from penstock.jobs.pages.page import render, write

#: Alarms that are listed, the first ones.
MOST = 200


def write_page(report: Report, file: Path) -> None:
    """Writes the page, whole or not at all. Raises PenstockError when it cannot be written."""
    write(page(report), file)


def page(report: Report) -> str:
    """The HTML."""
    versions = [(found, list(found.alarms()), _drawn(found, f"{place}")) for place, found in enumerate(report.versions)]
    return render(
        Path(__file__).with_name("page.html"),
        {"short": _short, "span": range_words},
        report=report,
        versions=versions,
        most=MOST,
    )


def _drawn(found: VersionDrift, id: str) -> list[tuple[str, str, str]]:
    """Of each feature its name and both plots."""
    return [
        (
            feature.name,
            plots.over_time(found, feature, f"index-{id}-{place}"),
            plots.shares(feature, f"shares-{id}-{place}"),
        )
        for place, feature in enumerate(found.features)
    ]


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
