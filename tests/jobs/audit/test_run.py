"""An audit of a real run: everything counted once, by its cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.features.errors import UsageError
from penstock.jobs.audit.batch import MOMENTS
from penstock.jobs.audit.findings import CAUSES
from penstock.jobs.audit.run import audit
from tests.jobs.shop import write_history
from tests.jobs.story import ORDERS, Story, T

#: All requests of the story but the first of all, which found everything just starting.
SPAN = (T, T + 3_600_000)
REQUESTS = len(ORDERS) - 1


def test_every_value_that_differs_is_counted_by_its_cause(story: Story) -> None:
    report = audit(story.project, "cost", *SPAN)
    assert report.predictions == REQUESTS
    assert [(each.alias, each.part, each.predictions) for each in report.answered] == [("current", None, REQUESTS)]
    by_name = {feature.name: feature for feature in report.features}
    of_both = {"both.events_1h", "customer.amount_1h", "customer.orders_1h", "each"}
    assert set(by_name) == {*of_both, "rated.stars_1d", "shops.opened"}
    assert {feature.values for feature in report.features} == {REQUESTS}
    # the second and the third read a row that did not know the third; the stranger had none
    for name in of_both:
        assert by_name[name].at_row.by_cause == {"late": 2, "stale": 1}
        assert by_name[name].at_request.by_cause["stale"] == 2
    assert by_name["rated.stars_1d"].at_row.by_cause == {}
    assert by_name["rated.stars_1d"].at_request.by_cause == {"ahead": 1}
    assert by_name["shops.opened"].at_request.count == 0
    assert report.different("at_row") == 12 and report.causes("at_row") == {"late": 8, "stale": 4}
    assert report.share("at_row") == 1 - 12 / (6 * REQUESTS)


def test_steps_ages_and_samples_agree_with_the_counts(story: Story) -> None:
    report = audit(story.project, "cost", *SPAN)
    assert sum(step.values for step in report.steps) == report.values
    assert sum(step.at_row for step in report.steps) == report.different("at_row")
    assert sum(step.at_request for step in report.steps) == report.different("at_request")
    ages = {age.input: age for age in report.ages}
    assert set(ages) == {"both", "customer", "rated"}
    assert (ages["customer"].rows, ages["customer"].none) == (4, 1)
    assert (ages["customer"].quartiles[0], ages["customer"].quartiles[-1]) == (-30_000, 60_000)
    assert {(sample.moment, sample.cause) for sample in report.samples} >= {("at_row", "late"), ("at_request", "ahead")}
    ahead = next(sample for sample in report.samples if sample.cause == "ahead")
    assert (ahead.id, ahead.served, ahead.batch) == (story.ids["third"], 3.0, 5.0)


def test_only_requests_of_the_range(story: Story) -> None:
    report = audit(story.project, "cost", T, T + 60_000)
    assert report.predictions == 2
    assert report.causes("at_row") == {"late": 4}


def test_no_request_at_all(story: Story) -> None:
    report = audit(story.project, "cost", T - 10**9, T - 10**8)
    assert (report.predictions, report.values, report.share("at_row")) == (0, 0, 1.0)


def test_an_empty_range_is_refused(story: Story) -> None:
    with pytest.raises(UsageError, match="is empty"):
        audit(story.project, "cost", T, T)


def test_the_causes_that_explain_least_stand_first_among_the_samples(story: Story, tmp_path: Path) -> None:
    project = story.copy(tmp_path / "shop")
    write_history(project, "orders", [ORDERS[0], {**ORDERS[1], "amount": 21.5}, *ORDERS[2:]])
    report = audit(project, "cost", *SPAN)
    places = [([*MOMENTS].index(sample.moment), -CAUSES.index(sample.cause)) for sample in report.samples]
    assert len(set(places)) > 1 and places == sorted(places)
    # the topic has the event as it was served
    assert report.causes("at_row")["other history"] > 0
