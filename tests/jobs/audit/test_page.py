"""The report page, as a real browser shows it, with no network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from penstock.features.errors import PenstockError
from penstock.jobs.audit.page import page, percent, write_page
from penstock.jobs.audit.report import Age, Differences, FeatureReport, Report, Sample, Step
from tests import browser
from tests.browser import HOSTILE, drawn

NONE = Differences({})
REPORT = Report(
    "cost",
    "0123456789abcdef",
    1_700_000_000_000,
    1_700_086_400_000,
    1_000,
    60,
    (
        FeatureReport("customer.amount_1h", ("customer",), 1_000, Differences({"late": 4}), Differences({"late": 4})),
        FeatureReport("rated.stars_1d", ("rated",), 1_000, NONE, Differences({"stale": 20, "ahead": 100})),
        FeatureReport("shops.opened", ("shops",), 1_000, NONE, NONE),
    ),
    (Step(1_700_000_000_000, 1_500, 4, 100), Step(1_700_043_200_000, 1_500, 0, 24)),
    (Age("customer", 999, 1, (-90_000.0, 0.0, 500.0, 60_000.0, 86_400_000.0)),),
    (Sample("orders-0-7", "customer.amount_1h", 1.5, 2.5, "at_row", "late", "1 event <b>came</b> after it"),),
)
EQUAL = Report("cost", "0123456789abcdef", 0, 1, 1_000, 0, (REPORT.features[2],), REPORT.steps[1:], REPORT.ages, ())


def shown(report: Report, folder: Path) -> str:
    """The page's document after its scripts have run."""
    write_page(report, folder / "page.html")
    return browser.shown(folder / "page.html")


def test_a_browser_draws_the_plots_and_shows_the_numbers(tmp_path: Path) -> None:
    document = shown(REPORT, tmp_path)
    row, request = drawn(document, "by-feature-at_row"), drawn(document, "by-feature-at_request")
    assert "main-svg" in row and "customer.amount_1h" in row and "late" in row
    assert "main-svg" in request and "rated.stars_1d" in request
    assert request.count('class="point"') >= 3  # a bar for each cause of each feature
    assert drawn(document, "over-time").count('class="point"') == 4
    assert '<b id="at_row">99.8667%</b>' in document
    assert "-1m 30s" in document


def test_where_nothing_differs_there_is_nothing_to_draw(tmp_path: Path) -> None:
    document = shown(EQUAL, tmp_path)
    assert '<b id="at_row">100%</b>' in document
    assert document.count("<p>None.</p>") == 2
    assert 'id="causes"' not in document and 'id="samples"' not in document


def test_hostile_values_are_shown_and_run_nothing(tmp_path: Path) -> None:
    """In every place of the page, though names are checked and only samples may hold such values."""
    samples = tuple(Sample(text, text, text, [text], "at_row", "late", text) for text in HOSTILE)
    features = tuple(
        FeatureReport(text, (text,), 10, Differences({"late": 4}), Differences({"late": 4})) for text in HOSTILE
    )
    ages = tuple(Age(text, 1, 0, (0.0,) * 5) for text in HOSTILE)
    report = Report(HOSTILE[1], HOSTILE[0], 0, 1, 10, 0, features, REPORT.steps, ages, samples)
    document = shown(report, tmp_path)
    assert re.search(r"<html[^>]*data-owned", document) is None
    assert "main-svg" in drawn(document, "by-feature-at_row")
    assert "&lt;img src=x onerror=" in document and "{{ 7 * 7 }}" in document


def test_the_page_asks_for_no_other_file(tmp_path: Path) -> None:
    html = page(REPORT)
    assert not re.search(r"<(script|link|img|iframe)[^>]*\b(src|href)=(?!\"data:)", html)


def test_what_is_shown_is_text() -> None:
    assert "1 event &lt;b&gt;came&lt;/b&gt; after it" in page(REPORT)


def test_a_report_of_nothing() -> None:
    html = page(Report("cost", "f" * 64, 0, 1, 0, 0, (), (), (), ()))
    assert "<b>0</b>predictions" in html


@pytest.mark.parametrize(
    ("share", "text"),
    [(1, "100%"), (0, "0%"), (0.5, "50%"), (1 - 1e-9, "> 99.9999%"), (1e-9, "< 0.0001%"), (0.123456, "12.3456%")],
)
def test_a_share_is_never_rounded_to_all_or_nothing(share: float, text: str) -> None:
    assert percent(share) == text


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PenstockError, match="cannot be written"):
        write_page(REPORT, tmp_path / "file" / "page.html")
