"""The whole path on a slice of the real flights, every part real, and every part restarted in the middle.

The store is SQLite here; tests/chaos has it all with Redis.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from penstock.jobs.audit.run import audit
from penstock.jobs.demo.outcome import backfill_all, feature_topics
from penstock.jobs.demo.proofs import parity_of
from penstock.jobs.explain.run import explain
from penstock.jobs.kafka.broker import Broker
from penstock.jobs.kafka.clients import consumer, ensure_topics, producer
from penstock.jobs.kafka.readback import read_values
from penstock.jobs.kafka.replay import FullSpeed, Lead, replay
from penstock.jobs.process.children import Child
from penstock.jobs.project.context import Context
from penstock.jobs.project.project import Project
from penstock.jobs.streaming.status import StreamStatus, wait_caught_up, wait_stream
from tests.flights import Days, flights_project, learn_history, ms

MODEL = "arrival_delay"
DAYS = Days(ms("2013-10-01"), ms("2013-10-08"), ms("2013-10-10"), ms("2013-10-10T18:00:00"))
LEAD_MS = 30 * 60_000


@dataclass
class Events:
    """A pace that lets things happen at certain events: ``at`` pairs how many were sent with what happens then."""

    pace: Lead
    at: list[tuple[int, Callable[[], None]]]
    sent_so_far: int = 0
    happened: list[int] = field(default_factory=list)

    def wait(self, t: int) -> None:
        """What is due happens, then the pace decides."""
        while self.at and self.at[0][0] <= self.sent_so_far:
            number, happen = self.at.pop(0)
            happen()
            self.happened.append(number)
        self.pace.wait(t)

    def sent(self, source: str, t: int, receipt: Any) -> None:
        """Counts."""
        self.sent_so_far += 1
        self.pace.sent(source, t, receipt)


@pytest.mark.timeout(600)
def test_stream_is_batch_and_every_request_is_answered_once_whatever_restarts(
    tmp_path: Path,
) -> None:
    project = flights_project(tmp_path / "it's [1] 100% ü", DAYS)
    context = Context(None, False)
    learn_history(project, DAYS)
    with contextlib.ExitStack() as running:
        broker = Broker(project.config.state)
        running.callback(broker.stop)
        broker.start()
        before, sent, status = _live(project, broker, running)
        proof = project.config.state / "proof"
        _read_back(project, proof, before["departures"])
        backfill_all(context, project, DAYS.start, DAYS.end, proof / "batch")
        stream, stored, vectors = parity_of(context, project, proof)
        audited = audit(project, MODEL, DAYS.live, DAYS.end)
        explained = explain(project, _ids(proof / "predictions.ndjson")[-1], MODEL)
    for view, counts in status.counts.items():
        assert sum(counts.values()) == sent[project.view(view).plan.source.name]
    for part in (stream, stored, vectors):
        assert part.equal, part.samples
    assert min(stream.values, stored.values, vectors.values) > 1_000
    requests, predictions = (_ids(proof / f"{name}.ndjson") for name in ("requests", "predictions"))
    assert len(predictions) == len(requests) > 500
    assert max(Counter(predictions).values()) == 1
    # what differs came late or was read early: nothing is without a cause
    assert audited.predictions == len(predictions)
    assert set(audited.causes("at_row")) <= {"late", "stale"}
    assert set(audited.causes("at_request")) <= {"late", "stale", "ahead"}
    assert audited.share("at_row") > 0.99
    assert explained.sound, explained.to_dict()


def _live(
    project: Project, broker: Broker, running: contextlib.ExitStack
) -> tuple[dict[str, int], dict[str, int], StreamStatus]:
    """Streams history, then the live hours, while each part dies once."""
    model = project.model(MODEL)
    ensure_topics(project.config, [*(project.topic(name) for name in project.streamed), model.output])
    logs, where = project.config.state / "logs", ["--project", str(project.folder)]
    stream = Child("stream", ["stream", *where], logs / "stream.log")
    running.callback(stream.stop)
    stream.start()
    wait_stream(project, stream)
    with producer(project.config) as sender:
        before = replay(project, sender, DAYS.start, DAYS.live, FullSpeed())
    wait_caught_up(project, stream, before)
    first = f"0:{before['departures']}"
    infer = Child("infer", ["infer", MODEL, *where, "--from-offsets", first], logs / "infer.log")
    running.callback(infer.stop)
    infer.start()
    sent = _live_hours(project, _deaths(project, stream, infer, broker), before)
    status = wait_caught_up(project, stream, sent)
    infer.stop()
    stream.stop()
    return before, sent, status


def _deaths(project: Project, stream: Child, infer: Child, broker: Broker) -> list[tuple[int, Callable[[], None]]]:
    def inference() -> None:
        infer.kill()
        infer.start()

    def job_and_writer() -> None:
        stream.kill()
        stream.start()
        wait_stream(project, stream)

    def kafka() -> None:
        broker.stop()
        broker.start()
        # without a broker they end with a message, and whoever watches over them starts them again
        infer.stop()
        stream.stop()
        stream.start()
        wait_stream(project, stream)
        infer.start()

    return [(300, inference), (600, job_and_writer), (900, kafka)]


def _live_hours(
    project: Project, deaths: list[tuple[int, Callable[[], None]]], before: dict[str, int]
) -> dict[str, int]:
    model = project.model(MODEL)
    with (
        consumer(project.config, [model.output]) as reader,
        producer(project.config, linger_ms=0) as sender,
        Lead(reader, model.on.name, LEAD_MS) as lead,
    ):
        pace = Events(lead, deaths)
        live = replay(project, sender, DAYS.live, DAYS.end, pace)
        lead.drain()
    assert pace.happened == [300, 600, 900]
    return {name: before[name] + live[name] for name in live}


def _read_back(project: Project, proof: Path, first: int) -> None:
    proof.mkdir()
    for view, topic in feature_topics(project).items():
        read_values(project, topic, proof / f"{view}.ndjson")
    read_values(project, project.model(MODEL).output, proof / "predictions.ndjson")
    read_values(project, project.topic("departures"), proof / "requests.ndjson", start={0: first})


def _ids(file: Path) -> list[str]:
    return [str(line.get("id", line.get("flight_id"))) for line in map(orjson.loads, file.read_bytes().splitlines())]
