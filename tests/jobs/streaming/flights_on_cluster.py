"""Flights through a session cluster whose parts are killed, and what they must be in the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from penstock.features.errors import PenstockError
from penstock.jobs.demo.outcome import backfill_all, feature_topics
from penstock.jobs.demo.verify import Evidence, store_rows
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.kafka.readback import read_many
from penstock.jobs.kafka.replay import FullSpeed, replay
from penstock.jobs.process.children import Child
from penstock.jobs.process.waiting import until
from penstock.jobs.project.context import Context
from penstock.jobs.project.project import Project, load_project
from penstock.jobs.store.catalogue import apply
from penstock.jobs.store.open import open_store
from penstock.jobs.store.schema import schema_of
from penstock.jobs.streaming.status import StreamStatus, running_job, status_file, wait_caught_up, wait_stream
from tests.flights import Days, flights_project
from tests.flink_cluster import MANAGER, TASKS, FlinkCluster

#: Subtasks of the job, and partitions of each topic.
PARALLELISM = 4
STREAM = "penstock stream"
#: Seconds until what was killed is made good.
PATIENCE_S = 180.0


class Flights:
    """A project whose job runs in ``cluster``; its topics are the ``prefix``'s own, at ``servers``."""

    def __init__(
        self, folder: Path, days: Days, cluster: FlinkCluster, servers: str, prefix: str, replication: int = 1
    ) -> None:
        self._cluster, self._days = cluster, days
        self.project = _configured(flights_project(folder, days), cluster, servers, prefix, replication)
        ensure_topics(self.project.config, [self.project.topic(name) for name in self.project.streamed])
        apply(self.project)
        where = ["--project", str(self.project.folder)]
        self.child = Child("stream", ["stream", *where], self.project.config.state / "logs" / "stream.log")
        self.sent: Counter[str] = Counter()

    def send(self, start: int, end: int) -> None:
        """The events of a span, at full speed."""
        with producer(self.project.config, delivery_timeout_ms=300_000) as sender:
            self.sent.update(replay(self.project, sender, start, end, FullSpeed()))

    def kill(self, part: str) -> None:
        """Kills a part once the job has a checkpoint, starts it again, and waits until the job runs.

        A part of the cluster, or ``STREAM``: the command, whose job goes on in the cluster.
        """
        taken = self._checkpoints()
        assert until(lambda: self._checkpoints() > taken, PATIENCE_S, 0.2), self.child.said()
        if part == STREAM:
            self._kill_stream()
            return
        said = "does not know the job any more" if part == MANAGER else "the job restarts after a failure"
        before, times = self.job, self.child.log.read_text().count(said)
        self._cluster.kill(part)
        self._cluster.start(part)
        assert until(lambda: self.child.log.read_text().count(said) > times, PATIENCE_S), self.child.said()
        assert until(self._runs, PATIENCE_S, 0.2), self.child.said()
        assert (self.job != before) == (part == MANAGER)

    def _kill_stream(self) -> None:
        before = self.job
        self.child.kill()
        self.child.start()
        wait_stream(self.project, self.child, timeout_s=PATIENCE_S)
        assert f"the job {before} of an earlier run is ended" in self.child.said(), self.child.said()

    @property
    def job(self) -> str:
        """The id of the running job; empty while there is none."""
        file = status_file(self.project)
        return str(json.loads(file.read_text())["job"]) if file.is_file() else ""

    def _checkpoints(self) -> int:
        """How many the job has taken; 0 while the cluster does not say."""
        try:
            return running_job(self.project).checkpoints().completed
        except PenstockError:
            return 0

    def _runs(self) -> bool:
        self.child.check()
        try:
            return running_job(self.project).state() == "RUNNING"
        except PenstockError:
            return False

    def settle(self) -> StreamStatus:
        """Returns when all that was sent is counted and stored."""
        return wait_caught_up(self.project, self.child, dict(self.sent))

    def assert_equal_to_batch(self) -> int:
        """The last row of every key in the stream, and in the store, to the bit; how many values there were."""
        project, proof = self.project, self.project.config.state / "proof"
        proof.mkdir()
        topics = feature_topics(project)
        read_many(project, {topic: proof / f"{view}.ndjson" for view, topic in topics.items()}, lambda rows: None)
        backfill_all(Context(None, False), project, self._days.start, self._days.end, proof / "batch")
        batch = {name: proof / "batch" / name for name in project.plans}
        values = 0
        with (
            Evidence(project.plans, batch, memory=project.config.batch.memory).opened() as evidence,
            open_store(project.folder) as online,
        ):
            for view in topics:
                evidence.load_stream(view, proof / f"{view}.ndjson")
                keys, schema = evidence.keys(view), schema_of(project.plans[view])
                stored = store_rows(project.plans[view], keys, online.read_rows([(schema, keys)])[0])
                last = evidence.stream_against_batch(view, in_order=False)
                for found in (last, evidence.store_against_batch(view, stored)):
                    assert found.equal and found.rows, found.samples
                    values += found.values
        return values


def _configured(project: Project, cluster: FlinkCluster, servers: str, prefix: str, replication: int) -> Project:
    toml, definitions = project.folder / "penstock.toml", project.folder / "definitions.py"
    kafka = f'bootstrap_servers = "{servers}"\nprefix = "{prefix}"\npartitions = {PARALLELISM}\n'
    text = toml.read_text().replace('bootstrap_servers = "local"', f"{kafka}replication = {replication}")
    text = text.replace("checkpoint_ms = 5000", f"checkpoint_ms = 1000\nparallelism = {PARALLELISM}")
    toml.write_text(f"{text}\n{cluster.settings}")
    definitions.write_text(definitions.read_text().replace('topic="flights.', f'topic="{prefix}.'))
    return load_project(project.folder)


def run(flights: Flights, days: Days, kills: Sequence[str] = (TASKS[0], MANAGER)) -> tuple[StreamStatus, int]:
    """All flights, with a kill after each part of them; how many values equal batch."""
    step = (days.end - days.start) // (len(kills) + 1)
    with flights.child as child:
        # it waits for the cluster itself
        wait_stream(flights.project, child, timeout_s=PATIENCE_S)
        for number, part in enumerate(kills):
            flights.send(days.start + number * step, days.start + (number + 1) * step)
            flights.kill(part)
        flights.send(days.start + len(kills) * step, days.end)
        status = flights.settle()
        child.stop()
        assert child.code == 0, child.said()
        assert "no savepoint" not in child.said(), child.said()
    return status, flights.assert_equal_to_batch()
