"""Predictions of a real run, explained: what went wrong has its name, and nothing else has one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from penstock.features.errors import PenstockError, RefusedError, UsageError
from penstock.jobs.explain.run import Entry, Explanation, explain
from penstock.jobs.project.project import Project
from tests.jobs.shop import write_history
from tests.jobs.story import ORDERS, RATINGS, RETURNS, SHOPS, Story, T

OF_CUSTOMER = ["customer.amount_1h", "customer.orders_1h", "each"]
#: What rests on the customer's events in one topic or in two.
OF_BOTH = ["both.events_1h", *OF_CUSTOMER]


def causes(found: Explanation) -> dict[str, str]:
    """Entry → cause, of those that differ."""
    return {entry.name: entry.cause for entry in sorted(found.entries, key=lambda e: e.name) if entry.cause}


def entry(found: Explanation, name: str) -> Entry:
    return next(entry for entry in found.entries if entry.name == name)


def words(found: Explanation, name: str) -> str:
    return entry(found, name).words or ""


def test_where_all_was_well_every_bit_is_the_same(story: Story) -> None:
    found = explain(story.project, story.ids["first"])
    assert causes(found) == {}
    assert found.sound
    assert found.request == {**ORDERS[1]}
    assert found.prediction["version"] == (story.project.config.state / "models/cost/current").read_text().strip()
    assert found.replayed is not None and found.replayed.same
    values = {e.name: (e.value, e.at_row, e.at_request) for e in found.entries}
    assert values["customer.amount_1h"] == (20.5,) * 3
    assert values["each"] == (20.5 / 2,) * 3
    assert values["rated.stars_1d"] == (11 / 3,) * 3
    assert values["shops.opened"] == (SHOPS[0]["opened"],) * 3
    assert values["amount"] == (20.5, None, None)


def test_contributions_add_up_to_the_prediction_and_the_greatest_stand_first(story: Story) -> None:
    found = explain(story.project, story.ids["first"])
    assert found.replayed is not None
    parts = [entry.contribution or 0.0 for entry in found.entries]
    assert sum(parts) + found.replayed.base == pytest.approx(found.prediction["value"])
    assert [abs(part) for part in parts] == sorted(map(abs, parts), reverse=True)
    assert any(parts)


def test_an_event_that_came_late_after_the_fact(story: Story) -> None:
    found = explain(story.project, story.ids["second"])
    assert causes(found) == dict.fromkeys(OF_BOTH, "late")
    assert (entry(found, "customer.orders_1h").value, entry(found, "customer.orders_1h").at_row) == (2, 3)
    assert words(found, "customer.orders_1h").startswith("1 event of the row's time or earlier came after it")
    assert f"first {story.ids['third']}" in words(found, "customer.orders_1h")
    assert found.sound


def test_events_of_a_union_that_came_late_from_either_topic(story: Story) -> None:
    second, third = (explain(story.project, story.ids[order]) for order in ("second", "third"))
    both = entry(second, "both.events_1h")
    assert (both.value, both.at_row, both.at_request) == (2, 4, 4)
    assert words(second, both.name).startswith("2 events of the row's time or earlier came after it, ")
    assert words(second, both.name).endswith(
        f"first {story.topic}-returns-0-0; without what came late batch says what was served"
    )
    # its row was emitted after the return, which lies in another topic than what came late
    both = entry(third, "both.events_1h")
    assert (both.value, both.at_row, both.at_request) == (3, 4, 2)
    assert words(third, both.name).startswith("1 event of the row's time or earlier came after it, ")
    assert f"first {story.ids['third']};" in words(third, both.name)


def test_a_late_request_and_a_row_that_is_later_than_it(story: Story) -> None:
    found = explain(story.project, story.ids["third"])
    assert causes(found) == {**dict.fromkeys(OF_BOTH, "late"), "rated.stars_1d": "ahead"}
    assert words(found, "rated.stars_1d") == "the row read is 15s later than the request"
    assert (entry(found, "rated.stars_1d").at_row, entry(found, "rated.stars_1d").at_request) == (3.0, 5.0)
    orders = entry(found, "customer.orders_1h")
    assert (orders.value, orders.at_row, orders.at_request) == (2, 3, 2)


def test_a_stale_read(story: Story) -> None:
    found = explain(story.project, story.ids["fourth"])
    assert found.prediction["stale"]
    assert causes(found) == dict.fromkeys(OF_BOTH, "stale")
    assert words(found, "each").startswith("the row read is 1m older than the request")
    assert words(found, "each").endswith("the request's own event had not come in time")


def test_a_row_that_was_not_there_yet(story: Story) -> None:
    found = explain(story.project, story.ids["stranger"])
    assert causes(found) == dict.fromkeys(OF_BOTH, "stale")
    assert "had no row" in words(found, "each")


@pytest.mark.parametrize("order", ["second", "stranger"])
def test_events_that_history_does_not_have_yet_come_from_their_topic(story: Story, order: str, tmp_path: Path) -> None:
    project = story.copy(tmp_path / "shop")
    for source in ("orders", "returns"):
        shutil.rmtree(project.config.data / source)
    without = explain(project, story.ids[order])
    write_history(project, "orders", ORDERS[:2])
    half = explain(project, story.ids[order])
    write_history(project, "returns", RETURNS)
    one = explain(project, story.ids[order])
    assert explain(story.project, story.ids[order]).entries == without.entries == half.entries == one.entries


def redefined(text: str) -> str:
    return text.replace("features=dict(\n    orders=", "filter=orders.amount > 21, features=dict(\n    orders=")


def test_another_definition_of_the_view(story: Story, tmp_path: Path) -> None:
    found = explain(story.copy(tmp_path / "shop", redefined), story.ids["first"])
    assert causes(found) == dict.fromkeys(OF_CUSTOMER, "redefined")
    assert "the row is of fingerprint" in words(found, "each")
    assert found.replayed is not None and found.replayed.same


def test_another_vector(story: Story, tmp_path: Path) -> None:
    project = story.copy(tmp_path / "shop", lambda text: text.replace("1h", "2h"))
    found = explain(project, story.ids["first"])
    assert causes(found) == dict.fromkeys(["both.events_2h", "customer.amount_2h", "customer.orders_2h"], "redefined")
    assert {"customer.amount_1h", "customer.amount_2h"} <= {entry.name for entry in found.entries}
    assert entry(found, "each").equal


def test_history_that_says_otherwise_than_the_topic(story: Story, tmp_path: Path) -> None:
    project = story.copy(tmp_path / "shop")
    write_history(project, "orders", [ORDERS[0], {**ORDERS[1], "amount": 21.5}, *ORDERS[2:]])
    found = explain(project, story.ids["first"])
    assert causes(found) == {"customer.amount_1h": "other history", "each": "other history"}
    assert "history has 1 event that the topic never had, first of" in words(found, "each")
    assert f"the topic has 1 event that history does not have, first {story.ids['first']};" in words(found, "each")
    assert found.sound


def test_a_late_event_beside_a_history_that_says_otherwise(story: Story, tmp_path: Path) -> None:
    project = story.copy(tmp_path / "shop")
    write_history(project, "orders", [ORDERS[0], {**ORDERS[1], "amount": 21.5}, *ORDERS[2:]])
    found = explain(project, story.ids["second"])
    assert causes(found) == {**dict.fromkeys(OF_CUSTOMER, "other history"), "both.events_1h": "late"}


def test_history_that_ends_too_early(story: Story, tmp_path: Path) -> None:
    project = story.copy(tmp_path / "shop")
    write_history(project, "ratings", RATINGS[:3])
    found = explain(project, story.ids["first"])
    assert causes(found) == {"rated.stars_1d": "missing history"}
    assert "at hand end at" in words(found, "rated.stars_1d")


def test_a_file_that_was_written_anew(story: Story, tmp_path: Path) -> None:
    project = story.copy(tmp_path / "shop")
    write_history(project, "shops", [{"shop": "s", "opened": T}])
    found = explain(project, story.ids["first"])
    assert causes(found) == {"shops.opened": "late"}
    assert (entry(found, "shops.opened").at_row, entry(found, "shops.opened").cause) == (T, "late")


def test_a_version_that_is_gone_leaves_the_rest(story: Story, tmp_path: Path) -> None:
    project = story.copy(tmp_path / "shop")
    models = project.config.state / "models" / "cost"
    shutil.rmtree(models / (models / "current").read_text().strip())
    found = explain(project, story.ids["first"])
    assert isinstance(found.gone, UsageError) and "is gone" in found.gone.what
    assert found.replayed is None and not found.sound
    assert causes(found) == {} and entry(found, "each").contribution is None


def test_a_version_of_another_fingerprint_is_refused(story: Story, tmp_path: Path, monkeypatch: Any) -> None:
    made = explain(story.project, story.ids["first"]).prediction
    monkeypatch.setattr("penstock.jobs.explain.run.find_prediction", lambda *_: {**made, "fingerprint": "f" * 64})
    found = explain(story.project, story.ids["first"])
    assert isinstance(found.gone, RefusedError)


def test_a_request_that_was_refused_says_why(story: Story) -> None:
    with pytest.raises(PenstockError, match="was refused: not json") as error:
        explain(story.project, story.letter)
    assert "dead_letters" in str(error.value.where)


def left(project: Project) -> list[str]:
    return [path.name for path in project.config.state.iterdir() if path.name.startswith(".")]


def test_nothing_is_left_behind(story: Story) -> None:
    explain(story.project, story.ids["second"])
    assert left(story.project) == []
