"""A slice of the flights with every part real, each started again whenever it has ended, as a supervisor would."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType

from penstock.features.errors import PenstockError
from penstock.jobs.demo.outcome import MODEL
from penstock.jobs.kafka.broker import Broker
from penstock.jobs.kafka.clients import admin, consumer, ensure_topics, producer
from penstock.jobs.kafka.readback import end_offsets
from penstock.jobs.kafka.replay import FullSpeed, replay
from penstock.jobs.process.children import Child
from penstock.jobs.process.ports import HOST
from penstock.jobs.project.config import Config
from penstock.jobs.project.project import Project, load_project
from penstock.jobs.streaming.status import running_job, status_file, wait_caught_up, wait_stream
from tests.chaos.disk import can_mount, small_disk
from tests.chaos.door import Door, door
from tests.flights import Days, flights_project, learn_history
from tests.redis_server import RedisServer, redis_server

#: Seconds between two looks at the parts.
LOOK_S = 0.2
#: Seconds for the stream to come up, be it at the second try.
READY_S = 150.0
#: A record of ten megabytes must fit.
LARGEST = 16 << 20

#: Seconds that a reply of the store behind the door may take: a frozen store is found out within a test's time.
STORE_ANSWERS_S = 3

PARTS = ("flink", "writer", "inference", "broker", "redis")


class Pausing(Child):
    """A ``penstock`` command that ``pausing`` can make stand still; ``folder`` holds the files for that."""

    def __init__(self, name: str, arguments: list[str], log: Path, folder: Path) -> None:
        super().__init__(name, arguments, log)
        self._command = ["-W", "ignore", "-m", "tests.chaos.pausing", str(folder), *arguments]


class Verifier:
    """Reads what is committed, all the while: the ids of predictions in the order in which a reader sees them, and
    when it saw each, in seconds since 1970.
    """

    def __init__(self, config: Config, topic: str) -> None:
        self._config, self._topic = config, topic
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._error: BaseException | None = None
        self.times: list[float] = []
        self._ids: list[str] = []

    def __enter__(self) -> Verifier:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join(30)

    @property
    def ids(self) -> list[str]:
        """What it has seen so far. Raises what ended it."""
        if self._error is not None:
            raise self._error
        return self._ids

    def _run(self) -> None:
        try:
            self._read()
        except BaseException as error:
            self._error = error

    def _read(self) -> None:
        with consumer(self._config, [self._topic]) as reader:
            while not self._stop.is_set():
                for records in reader.poll(timeout_ms=100).values():
                    self.times += [time.time()] * len(records)
                    self._ids += [(record.key or b"").decode() for record in records]


@dataclass
class World:
    """The parts, and how to kill each. ``starts`` counts those that the supervisor has made.

    ``broker``: the one of this world; None where others look after Kafka. ``door``: what stands before the store, where
    there is one.
    """

    project: Project
    broker: Broker | None
    redis: RedisServer
    stream: Child
    inference: Child
    pauses: Path
    door: Door | None
    starts: Counter[str] = field(default_factory=Counter)
    before: dict[str, int] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _keeping: threading.Lock = field(default_factory=threading.Lock)

    def kill(self, part: str) -> None:
        """SIGKILL, at once."""
        kills: dict[str, Callable[[], None]] = {
            "flink": lambda: os.kill(self._status()["jvm"], signal.SIGKILL),
            "writer": lambda: os.kill(self.stream.pid, signal.SIGKILL),
            "inference": self.inference.kill,
            "broker": lambda: os.kill(self.broker_pid, signal.SIGKILL),
            "redis": lambda: self.redis.process.kill(),
        }
        kills[part]()

    @property
    def broker_pid(self) -> int:
        """Of this world's broker."""
        pid = None if self.broker is None else self.broker.status().pid
        assert pid is not None
        return pid

    def begin_checkpoint(self) -> None:
        """Asks Flink for a checkpoint, and does not wait for it."""
        rest = running_job(self.project)
        rest._get(f"/jobs/{rest.job}/checkpoints", {"checkpointType": "CONFIGURED"})

    def reached(self) -> tuple[int, int]:
        """The process of the stream's JVM, and the port of its REST interface."""
        found = self._status()
        return found["jvm"], int(found["rest"].rsplit(":", 1)[1])

    def _status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(status_file(self.project).read_text())
        return found

    def ready(self) -> None:
        """Returns when every part runs: the next one is not killed while the last one still comes up."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            # a stream that ends in its start, for want of a part that is away, is started again
            with contextlib.suppress(PenstockError):
                wait_stream(self.project, self.stream)
                return
            time.sleep(LOOK_S)
        raise AssertionError(self.stream.said())

    @contextlib.contextmanager
    def supervised(self) -> Iterator[None]:
        """Starts again what ends, as long as the block lasts."""
        keeper = threading.Thread(target=self._keep, daemon=True)
        keeper.start()
        try:
            yield
        finally:
            self._stop.set()
            keeper.join(120)

    def unkept(self) -> threading.Lock:
        """While it is held nothing is started again."""
        return self._keeping

    def _keep(self) -> None:
        while not self._stop.wait(LOOK_S):
            with self._keeping:
                self._start_again()

    def _start_again(self) -> None:
        if self.broker is not None and not self.broker.status().running:
            self.starts["broker"] += 1
            self.broker.start()
        if self.redis.process.poll() is not None:
            self.starts["redis"] += 1
            self.redis.restart()
        for name, child in (("stream", self.stream), ("inference", self.inference)):
            if not child.running:
                self.starts[name] += 1
                child.start()


@contextlib.contextmanager
def world(folder: Path, days: Days, *, confined: bool = False, kafka: str | None = None) -> Iterator[World]:
    """History is in the store, the model is trained, stream and inference run; all is stopped at the end.

    ``confined``: the store has a door, and, where we may mount it, the stream's state a small disk. ``kafka``: the
    settings that lead to brokers that are there; None: the world has a broker of its own.
    """
    with contextlib.ExitStack() as running:
        redis = running.enter_context(redis_server(folder, "--appendonly", "yes"))
        entrance = running.enter_context(door(redis.port)) if confined else None
        store = ("penstock.jobs.store.redis.PenstockRedisOnlineStore", _reach(redis, entrance))
        project = flights_project(folder / "project", days, store)
        if kafka is not None:
            project = _at(project, kafka)
        if confined and can_mount():
            running.enter_context(small_disk(project.config.state / "stream"))
        learn_history(project, days)
        broker = _broker(project, running) if kafka is None else None
        _topics(project)
        pauses, logs = folder / "pauses", project.config.state / "logs"
        pauses.mkdir()
        where = ["--project", str(project.folder)]
        stream = Pausing("stream", ["stream", *where], logs / "stream.log", pauses)
        running.callback(stream.stop)
        stream.start()
        wait_stream(project, stream)
        with producer(project.config) as sender:
            sent = replay(project, sender, days.start, days.live, FullSpeed())
        wait_caught_up(project, stream, sent)
        first = _ends(project)
        infer = Pausing("infer", ["infer", MODEL, *where, "--from-offsets", first], logs / "infer.log", pauses)
        running.callback(infer.stop)
        infer.start()
        yield World(project, broker, redis, stream, infer, pauses, entrance, before=sent)


def _at(project: Project, kafka: str) -> Project:
    file = project.folder / "penstock.toml"
    file.write_text(file.read_text().replace('bootstrap_servers = "local"', kafka))
    return load_project(project.folder)


def _broker(project: Project, running: contextlib.ExitStack) -> Broker:
    broker = Broker(project.config.state)
    running.callback(broker.stop)
    broker.start()
    return broker


def _ends(project: Project) -> str:
    """Where the requests' topic ends, as ``--from-offsets`` takes it."""
    with consumer(project.config, None) as reader:
        ends = end_offsets(reader, project.topic(project.model(MODEL).on.name))
    return ",".join(f"{partition}:{offset}" for partition, offset in ends.items())


def _reach(redis: RedisServer, before: Door | None) -> str:
    """The option by which the jobs find the store."""
    if before is None:
        return f"connection_string: {redis.connection_string}"
    return f"connection_string: {HOST}:{before.port},socket_timeout={STORE_ANSWERS_S}"


def _topics(project: Project) -> None:
    requests = project.topic(project.model(MODEL).on.name)
    outputs = [project.model(MODEL).output, project.names.dead_letters]
    ensure_topics(project.config, [*(project.topic(name) for name in project.streamed), *outputs])
    with admin(project.config) as client:
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, requests, {"max.message.bytes": str(LARGEST)})])
