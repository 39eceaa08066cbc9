from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from penstock.features.errors import PenstockError, UsageError
from penstock.features.ingest import BadEvent
from penstock.jobs.explain.find import RequestPlace, find_model, find_place, find_prediction, find_request
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.project.project import Project
from penstock.jobs.serving.answers import dead_letter
from tests.jobs.story import Story
from tests.kafka_broker import Kafka
from tests.projects import make_project, unique


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


# -- clocks --------------------------------------------------------------------------------------------------------


AHEAD = """
from penstock import Model, Stream
orders = Stream("orders", topic="TOPIC", time="ts", columns=dict(amount="float64"))
cost = Model("cost", on=orders, inputs=[orders.amount], output="out-TOPIC", label=orders.amount)
"""


@pytest.fixture
def ahead(kafka: Kafka, tmp_path: Path) -> tuple[Project, RequestPlace, Any]:
    """A request whose producer's clock is 30 minutes ahead, and which has no answer yet."""
    topic = unique("ahead")
    project = make_project(tmp_path, AHEAD.replace("TOPIC", topic), servers=kafka.servers)
    ensure_topics(project.config, [topic, f"out-{topic}", project.names.dead_letters])
    with producer(project.config) as sender:
        sender.send(topic, b'{"ts": 1}', timestamp_ms=int(time.time() * 1000) + 30 * 60_000)
    place = RequestPlace(topic, 0, 0)
    return project, place, find_request(project, place)


def answer(project: Project, place: RequestPlace, model: str) -> None:
    with producer(project.config) as sender:
        sender.send(f"out-{place.topic}", orjson.dumps({"id": str(place), "model": model}), str(place).encode())


def test_a_prediction_is_found_whose_request_has_a_time_ahead(ahead: tuple[Project, RequestPlace, Any]) -> None:
    project, place, request = ahead
    answer(project, RequestPlace(place.topic, 0, 1), "cost")
    answer(project, place, "other")  # of another model that answers into the same topic
    answer(project, place, "cost")
    found = find_prediction(project, project.model("cost"), place, request)
    assert found == {"id": str(place), "model": "cost"}


def test_a_dead_letter_is_found_whose_request_has_a_time_ahead(ahead: tuple[Project, RequestPlace, Any]) -> None:
    project, place, request = ahead
    value, headers = dead_letter("infer cost", "orders", request, BadEvent("wrong type", "amount is not float64"))
    with producer(project.config) as sender:
        sender.send(project.names.dead_letters, value, None, headers)
    with pytest.raises(PenstockError, match="was refused: wrong type: amount is not float64"):
        find_prediction(project, project.model("cost"), place, request)
