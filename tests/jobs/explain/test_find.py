from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import PenstockError, UsageError
from jobs.explain.find import RequestPlace, find_model, find_place, find_prediction, find_request
from tests.jobs.story import Story


@pytest.mark.parametrize("id", ["", "x", "orders", "orders-0", "orders-0-x", "-0-1", "orders-0--1", "orders-0-1.5"])
def test_what_is_no_id(story: Story, id: str) -> None:
    with pytest.raises(UsageError, match="is not the id of a prediction") as error:
        find_place(story.project, id)
    assert story.topic in str(error.value.hint)


def test_the_nearest_topic_is_named(story: Story) -> None:
    with pytest.raises(UsageError, match="no model answers requests of the topic") as error:
        find_place(story.project, f"{story.topic}s-0-1")
    assert error.value.allowed == story.topic and error.value.hint == f"did you mean {story.topic!r}?"


def test_a_partition_and_an_offset_that_are_not_there(story: Story) -> None:
    with pytest.raises(UsageError, match="has no partition 7"):
        find_request(story.project, RequestPlace(story.topic, 7, 0))
    with pytest.raises(UsageError, match="has no offset 7 yet") as error:
        find_request(story.project, RequestPlace(story.topic, 0, 7))
    assert error.value.allowed == "0 to 6"


def test_a_request_and_its_prediction(story: Story) -> None:
    place = find_place(story.project, story.ids["third"])
    assert place == RequestPlace(story.topic, 0, 3)
    record = find_request(story.project, place)
    made = find_prediction(story.project, find_model(story.project, place, None), place, record)
    assert (made["id"], made["event"]) == (str(place), "third")


def test_a_prediction_of_a_request_that_is_gone_is_found(story: Story) -> None:
    place = find_place(story.project, story.ids["third"])
    assert find_prediction(story.project, story.project.model("cost"), place, None)["event"] == "third"


SECOND = """
other = Model("other", on=orders, inputs=[orders.amount], output="predictions.other", label=orders.amount)
unasked = Model("unasked", on=ratings, inputs=[ratings.stars], output="predictions.unasked", label=ratings.stars)
"""


def test_several_models_on_one_topic_must_be_told_apart(story: Story, tmp_path: Path) -> None:
    project = story.copy(tmp_path / "shop", lambda text: text + SECOND)
    place = find_place(project, story.ids["first"])
    with pytest.raises(UsageError, match="several models answer") as error:
        find_model(project, place, None)
    assert error.value.allowed == "cost, other"
    assert find_model(project, place, "other").name == "other"
    with pytest.raises(UsageError, match="does not answer requests of"):
        find_model(project, place, "unasked")
    with pytest.raises(UsageError, match="there is no model"):
        find_model(project, place, "csot")


def test_no_answer_yet(story: Story, tmp_path: Path) -> None:
    project = story.copy(tmp_path / "shop", lambda text: text.replace('output="predictions.', 'output="nowhere.'))
    place = find_place(project, story.ids["first"])
    with pytest.raises(PenstockError, match="does not exist"):
        find_prediction(project, project.model("cost"), place, None)
