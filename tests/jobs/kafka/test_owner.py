"""Two projects on one broker: names that are their own, and what they may not share."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from penstock.features.errors import PenstockError, RefusedError, UsageError
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.kafka.owner import check_output, claim
from penstock.jobs.project.config import Config
from penstock.jobs.project.names import Names
from penstock.jobs.project.project import Project
from tests.kafka_broker import Kafka
from tests.projects import make_project, unique


def project(folder: Path, kafka: Kafka, name: str, **settings: Any) -> Project:
    made = make_project(folder / name, "", servers=kafka.servers)
    section = made.config.kafka.model_copy(update=settings)
    return replace(made, config=made.config.model_copy(update={"project": name, "kafka": section}))


def test_every_name_begins_with_the_project_or_the_prefix() -> None:
    assert Config(project="shop").names == Names("shop")
    names = Config.model_validate({"project": "shop", "kafka": {"prefix": "team-a.shop"}}).names
    assert names.features("spent") == "team-a.shop.features.spent"
    assert (names.dead_letters, names.owner) == ("team-a.shop.dead_letters", "team-a.shop.project")
    assert (names.stream_group, names.writer_group) == ("team-a.shop.stream", "team-a.shop.writer")
    assert names.infer_group("cost") == names.member("team-a.shop.infer.cost") == "team-a.shop.infer.cost"
    assert names.member("other") == "team-a.shop.other"


def test_a_prefix_is_what_a_topic_may_be_called(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"kafka\.prefix"):
        make_project(tmp_path, "", kafka='prefix = "a b"')


def test_projects_with_names_of_their_own_do_not_meet(tmp_path: Path, kafka: Kafka) -> None:
    for name in (unique("first"), unique("second")):
        claim(project(tmp_path, kafka, name))
        claim(project(tmp_path, kafka, name))  # the same project again, from any machine


def test_a_prefix_belongs_to_the_project_that_had_it_first(tmp_path: Path, kafka: Kafka) -> None:
    prefix = unique("shared")
    claim(project(tmp_path, kafka, "first", prefix=prefix))
    with pytest.raises(RefusedError) as caught:
        claim(project(tmp_path, kafka, "second", prefix=prefix))
    assert caught.value.what == f"the names {prefix}.… belong to the project 'first' on this Kafka"
    assert caught.value.where == f"the first record of the topic {prefix}.project"


def test_of_projects_that_claim_a_prefix_at_once_one_gets_it(tmp_path: Path, kafka: Kafka) -> None:
    prefix, refused = unique("raced"), []
    projects = [project(tmp_path, kafka, f"p{number}", prefix=prefix) for number in range(4)]

    def run(one: Project) -> None:
        try:
            claim(one)
        except RefusedError as error:
            refused.append(error.what)

    threads = [threading.Thread(target=run, args=[one]) for one in projects]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 3 and len(set(refused)) == 1


@pytest.mark.parametrize(
    ("headers", "owner"),
    [([("project", b"second")], "the project 'second'"), ([("fingerprint", b"f")], "no project")],
)
def test_an_output_topic_with_predictions_of_others_is_refused(
    tmp_path: Path, kafka: Kafka, headers: list[tuple[str, bytes]], owner: str
) -> None:
    topic, first = unique("predictions"), project(tmp_path, kafka, "first")
    ensure_topics(first.config, [topic])
    check_output(first, topic)
    with producer(first.config) as sender:
        sender.send(topic, b"{}", headers=[("project", b"first")])
    check_output(first, topic)
    with producer(first.config) as sender:
        sender.send(topic, b"{}", headers=headers)
    with pytest.raises(PenstockError) as caught:
        check_output(first, topic)
    assert caught.value.what == f"the output topic {topic} has records of {owner}"
    assert caught.value.where == f"{topic}-0 offset 1"
