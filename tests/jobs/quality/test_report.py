"""The report of a ledger, and its page."""

from __future__ import annotations

import random

import numpy as np
import orjson
import pytest

from penstock.features.errors import UsageError
from penstock.jobs.ledger.joining import Answer, Outcome
from penstock.jobs.ledger.ledger import Ledger
from penstock.jobs.ledger.scores import HOUR_MS
from penstock.jobs.quality.page import page
from penstock.jobs.quality.report import report
from penstock.jobs.training.metrics import metrics_of
from tests.jobs.ledger.test_ledger import DAY, plan_of

N = 600
PLAN = plan_of("l1")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """Two versions have answered the same requests, and a third one others; every tenth label is not there yet."""
    chance = random.Random(4)
    answers, outcomes = [], []
    for n in range(N):
        x = chance.random()
        for version, off in (("a", 1.0), ("b", 0.5)):
            value = orjson.dumps(x + chance.gauss(0, off))
            answers.append(Answer(f"r{n}", version, f'"e{n}"', n * HOUR_MS // 4, value, orjson.dumps({"x": x})))
        if n % 10:
            outcomes.append(Outcome(f'"e{n}"', n * HOUR_MS // 4 + 7, 0, n, x))
    answers.append(Answer("other", "c", '"e1"', 0, b"9.0", b'{"x":null}'))
    made = Ledger(tmp_path_factory.mktemp("ledger") / "a.db", PLAN, 90 * DAY)
    made.add(answers, outcomes, {})
    return made


def test_versions_are_compared_on_the_requests_that_both_have_answered(ledger: Ledger) -> None:
    (found,) = report(ledger, PLAN).comparisons
    assert (found.first, found.second, found.rows) == ("a", "b", N * 9 // 10)
    assert found.difference is not None and found.difference < 0 and found.better == "b"
    rows = ledger.db.execute("SELECT version, answer, label FROM predictions WHERE outcome = 'labelled'").fetchall()
    for version, loss in (("a", found.first_loss), ("b", found.second_loss)):
        pairs = np.array([(float(answer), label) for of, answer, label in rows if of == version])
        assert loss == metrics_of(PLAN.objective, *pairs.T, np.ones(len(pairs)))["mae"]


def test_parts_and_steps_add_up_to_the_whole(ledger: Ledger) -> None:
    found = report(ledger, PLAN, slices=["x", "t"])
    assert found.step_ms == 24 * HOUR_MS
    for version, whole in found.versions.items():
        steps = [score for cell, score in found.over_time.items() if cell.version == version]
        assert sum(score.predictions for score in steps) == whole.predictions
        for parts in found.slices.values():
            assert sum(part.rows for part in parts[version]) == whole.labelled
    assert [part.value for part in found.slices["x"]["c"]] == ["null"]


def test_a_range_counts_its_own_requests(ledger: Ledger) -> None:
    from penstock.features.span import Span

    found = report(ledger, PLAN, Span(0, 10 * HOUR_MS))
    assert found.versions["a"].predictions == 40
    assert found.step_ms == HOUR_MS and found.comparisons[0].bounds is None


def test_a_slice_that_is_not_there_is_refused(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="have no 'y'"):
        report(ledger, PLAN, slices=["y"])


def test_the_page_has_every_version_and_every_plot(ledger: Ledger) -> None:
    html = page(report(ledger, PLAN, slices=["x"]))
    for id in ("versions", "over-time", "with-label", "comparisons", "comparison-0", "slice-0"):
        assert f'id="{id}"' in html
    assert "not known" not in html and "<script src" not in html
