"""A real Kafka cluster of three brokers, for as long as a block lasts: what one of them leads another can take over."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from penstock.jobs.kafka.broker import JARS, PROPERTIES, java
from penstock.jobs.process.ports import HOST, free_port

NODES = (1, 2, 3)
#: What one cluster's brokers have in common; any 16 bytes do.
_CLUSTER_ID = "cGVuc3RvY2stdGVzdHMtMA"
#: Seconds: until all have come up, until all have ended, between two looks; how long an answer may take, in ms.
START_S, STOP_S, LOOK_S, ASK_MS = 90.0, 30.0, 0.1, 2_000

#: What differs from the local broker's; of two lines of one name the last counts. Every node is a broker and a
#: controller. A record counts when two have it; who is silent for three seconds is dead.
_PROPERTIES = """\
node.id={node}
controller.quorum.voters={voters}
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""


class KafkaCluster:
    """The brokers of ``NODES``, their data and logs in folders of ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports: dict[int, int] = {}
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def servers(self) -> str:
        """Where clients find it: all of its brokers."""
        return ",".join(f"{HOST}:{port}" for port in self._ports.values())

    def format(self) -> None:
        """Gives each node its ports and an empty storage."""
        ports = [free_port() for _ in range(2 * len(NODES))]
        assert len(set(ports)) == len(ports)
        self._ports = dict(zip(NODES, ports, strict=False))
        controllers = dict(zip(NODES, ports[len(NODES) :], strict=True))
        voters = ",".join(f"{node}@{HOST}:{port}" for node, port in controllers.items())
        for node in NODES:
            places = {"host": HOST, "port": self._ports[node], "controller": controllers[node], "voters": voters}
            folder = self._home(node)
            (folder / "tmp").mkdir(parents=True)
            (folder / "server.properties").write_text((PROPERTIES + _PROPERTIES).format(node=node, **places))
            command = java(JARS, "kafka.tools.StorageTool", "format", f"--cluster-id={_CLUSTER_ID}")
            subprocess.run([*command, "--config=server.properties"], cwd=folder, check=True, capture_output=True)

    def start(self, *nodes: int) -> None:
        """Starts these, and returns as ``await_whole`` does."""
        for node in nodes:
            folder = self._home(node)
            with (folder / "log").open("ab") as log:
                self._processes[node] = subprocess.Popen(
                    java(JARS, "kafka.Kafka", "server.properties"),
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        self.await_whole(*nodes)

    def await_whole(self, *nodes: int) -> None:
        """Returns when each of these knows of all others, and of every partition where it should be."""
        deadline = time.monotonic() + START_S
        while not all(self._whole(node) for node in nodes):
            assert time.monotonic() < deadline, f"no cluster: see {self._folder}"
            time.sleep(LOOK_S)

    def kill(self, node: int) -> None:
        """SIGKILL, at once."""
        self._processes[node].kill()
        self._processes[node].wait()

    @contextmanager
    def frozen(self, node: int) -> Iterator[None]:
        """It stands still for as long as the block lasts, and then goes on as if nothing had been."""
        self._processes[node].send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._processes[node].send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ends all, one with the other: the last of a quorum would wait for those that have gone."""
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        for process in self._processes.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _home(self, node: int) -> Path:
        return self._folder / f"kafka{node}"

    def _whole(self, node: int) -> bool:
        timeouts = {"request_timeout_ms": ASK_MS, "bootstrap_timeout_ms": ASK_MS}
        try:
            with KafkaAdminClient(bootstrap_servers=f"{HOST}:{self._ports[node]}", **timeouts) as admin:
                if len(admin.describe_cluster()["brokers"]) < len(NODES):
                    return False
                topics = admin.describe_topics()
        except KafkaError:
            return False
        return all(
            len(partition["isr_nodes"]) == len(partition["replica_nodes"])
            for topic in topics
            for partition in topic["partitions"]
        )


@contextmanager
def kafka_cluster(folder: Path) -> Iterator[KafkaCluster]:
    """Starts a cluster in ``folder`` and stops it at the end."""
    cluster = KafkaCluster(folder)
    cluster.format()
    try:
        cluster.start(*NODES)
        yield cluster
    finally:
        cluster.stop()
