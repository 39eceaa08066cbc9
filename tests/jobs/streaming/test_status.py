"""What a status says without a stream; with one, see the tests of the stream."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock.features.errors import PenstockError
from penstock.jobs.process.children import Child
from penstock.jobs.process.ports import free_port
from penstock.jobs.project.project import Project
from penstock.jobs.streaming.status import read_counts, status_file, wait_caught_up, wait_stream
from tests.kafka_broker import Kafka
from tests.projects import make_project

DEFINITIONS = """
from penstock import Stream, View, count
orders = Stream("orders", topic="orders", time="ts", columns=dict(shop="string"))
view = View("view", orders, key="shop", features=dict(n=count().over("1h")))
"""


class Sleeping(Child):
    """A process that only waits."""

    def __init__(self, log: Path) -> None:
        super().__init__("sleep", [], log)
        self._command = ["-c", "import time; time.sleep(600)"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path, DEFINITIONS)


def say(project: Project, pid: int, port: int) -> None:
    status_file(project).parent.mkdir(parents=True)
    reached = {"rest": f"https://127.0.0.1:{port}", "job": "0", "secret": str(project.folder), "pid": pid}
    status_file(project).write_text(json.dumps(reached))


def test_no_stream_is_said(project: Project) -> None:
    with pytest.raises(PenstockError, match="no stream is running") as caught:
        read_counts(project)
    assert caught.value.hint == "run 'penstock stream'"


def test_a_stream_that_does_not_answer_is_said(project: Project) -> None:
    say(project, 1, free_port())
    with pytest.raises(PenstockError, match="the Flink job does not answer"):
        read_counts(project)


def test_a_stream_that_ends_at_its_start_is_told_with_its_last_words(project: Project, tmp_path: Path) -> None:
    child = Child("stream", ["stream", "--project", str(tmp_path / "nowhere")], tmp_path / "log").start()
    with pytest.raises(PenstockError, match="'penstock stream' ended too early") as caught:
        wait_stream(project, child)
    assert "there is no penstock.toml" in str(caught.value.hint)


@pytest.mark.parametrize("left_behind", [True, False])
def test_a_stream_that_does_not_come_up_is_told(project: Project, tmp_path: Path, left_behind: bool) -> None:
    with Sleeping(tmp_path / "log") as child:
        say(project, 1 if left_behind else child.pid, free_port())
        with pytest.raises(PenstockError, match="the stream did not start within 1 s"):
            wait_stream(project, child, timeout_s=0.6)


def test_a_stream_that_ends_while_it_is_waited_for_is_told(kafka: Kafka, tmp_path: Path) -> None:
    project = make_project(tmp_path, DEFINITIONS, servers=kafka.servers)
    child = Child("stream", ["--help"], tmp_path / "log").start()
    with pytest.raises(PenstockError, match=r"ended too early|no stream is running"):
        wait_caught_up(project, child, {"orders": 1})
    child.stop()
