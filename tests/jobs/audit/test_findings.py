from __future__ import annotations

from penstock.jobs.audit.findings import CAUSES, Finding, first


def test_the_surest_cause_is_told() -> None:
    found = [Finding(cause, f"seen: {cause}") for cause in reversed(CAUSES)]
    assert first(found) == found[-1]
    assert first(found[:2]) == Finding("ahead", "seen: ahead")


def test_what_has_none_is_unexplained() -> None:
    assert first([]).cause == "unexplained"
