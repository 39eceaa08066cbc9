"""An audit as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

from pathlib import Path

from penstock.features.durations import duration_text
from penstock.features.span import Span
from penstock.jobs.audit.findings import CAUSES, MEANING
from penstock.jobs.audit.plots import COLORS, MOMENT_WORDS, by_feature, over_time
from penstock.jobs.audit.report import Report
from penstock.jobs.console.times import range_words, time_words
from penstock.jobs.pages.page import render, write


def write_page(report: Report, file: Path) -> None:
    """Writes the page, whole or not at all. Raises PenstockError when it cannot be written."""
    write(page(report), file)


def page(report: Report) -> str:
    """The HTML."""
    return render(
        Path(__file__).with_name("page.html"),
        {"percent": percent, "age": _age},
        report=report,
        span=range_words(Span(report.from_ms, report.to_ms)),
        moments=MOMENT_WORDS,
        plots={moment: by_feature(report, moment) for moment in MOMENT_WORDS if report.different(moment)},
        over_time=over_time(report) if report.steps else None,
        causes=[cause for cause in CAUSES if any(cause in report.causes(moment) for moment in MOMENT_WORDS)],
        meaning=MEANING,
        colors=COLORS,
        time=time_words,
    )


def percent(share: float) -> str:
    """A share of 0 to 1, never rounded up to all or down to nothing."""
    text = f"{100 * share:.4f}".rstrip("0").rstrip(".")
    if text == "100" and share < 1:
        return "> 99.9999%"
    return "< 0.0001%" if text == "0" and share > 0 else f"{text}%"


def _age(milliseconds: float) -> str:
    """A length of time; one below zero is ahead."""
    whole = round(milliseconds)
    return duration_text(whole) if whole >= 0 else f"-{duration_text(-whole)}"
