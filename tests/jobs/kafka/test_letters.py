from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from penstock.features.errors import PenstockError
from penstock.jobs.kafka import letters as module
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.kafka.letters import LetterReader, Refused
from penstock.jobs.project.project import Project
from tests.kafka_broker import Kafka
from tests.projects import make_project, unique


@pytest.fixture
def project(kafka: Kafka, tmp_path: Path) -> Project:
    made = make_project(tmp_path, "", servers=kafka.servers)
    return replace(made, config=made.config.model_copy(update={"project": unique("refused")}))


def send(project: Project, *letters: tuple[str, int, str | None]) -> None:
    """Letters of a job about an offset, for a view."""
    with producer(project.config) as sender:
        for job, offset, view in letters:
            letter: dict[str, Any] = {"job": job, "topic": "orders", "partition": 0, "offset": offset}
            letter |= {"source": "orders", "view": view, "error": "not json", "detail": "x", "raw": ""}
            sender.send(project.names.dead_letters, orjson.dumps(letter))


def test_each_record_is_counted_once_and_each_job_named(project: Project) -> None:
    with pytest.raises(PenstockError, match="does not exist"):
        LetterReader(project).look()
    ensure_topics(project.config, [project.names.dead_letters])
    reader = LetterReader(project)
    assert (reader.look().letters, reader.look().refused) == (0, [])
    # of both jobs, written again after a restart, and of one view of two
    send(project, ("stream", 1, None), ("infer cost", 1, None), ("stream", 1, None), ("stream", 2, "spent"))
    found = reader.look()
    assert (found.letters, found.records, found.whole) == (4, 2, True)
    assert found.refused == [
        Refused("infer cost", "orders", None, "not json", 1),
        Refused("stream", "orders", "spent", "not json", 1),
        Refused("stream", "orders", None, "not json", 1),
    ]
    send(project, ("stream", 3, None))
    assert (reader.look().letters, reader.look().records) == (5, 3)
    with producer(project.config) as sender:
        for raw in (b"no letter", b"[]", b'{"topic": 1}', None):
            sender.send(project.names.dead_letters, raw, b"key")
    found = reader.look()
    assert (found.letters, found.records) == (9, 7)
    assert Refused("unknown", "unknown", None, "unknown", 4) in found.refused


def test_of_many_letters_the_newest_are_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NEWEST", 2)
    ensure_topics(project.config, [project.names.dead_letters])
    send(project, *(("stream", offset, None) for offset in range(5)))
    found = LetterReader(project).look()
    assert (found.letters, found.records, found.whole) == (5, 2, False)
