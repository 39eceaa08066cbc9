"""A real Redis Cluster of one's own: three masters, each with a replica, for as long as a block lasts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from penstock.jobs.process.ports import free_port
from tests.redis_server import RedisServer, redis_server

MASTERS, SLOTS = 3, 16_384
#: A node that is silent for so long has failed, in milliseconds: on a busy machine one may wait for a processor.
NODE_TIMEOUT_MS = 4_000
_PATIENCE_S = 60.0


@dataclass
class RedisCluster:
    """The servers: first the masters, then in the same order a replica of each."""

    servers: list[RedisServer]

    @property
    def connection_string(self) -> str:
        """As Feast's configuration takes it."""
        return ",".join(server.connection_string for server in self.servers)

    def client(self, number: int) -> Redis:
        """A plain client of one server."""
        return Redis(port=self.servers[number].port, socket_timeout=5)

    def id(self, number: int) -> str:
        """A server's name within the cluster."""
        with self.client(number) as client:
            return str(client.execute_command("CLUSTER MYID").decode())

    def role(self, number: int) -> str:
        """``master`` or ``slave``."""
        with self.client(number) as client:
            return str(client.execute_command("ROLE")[0].decode())

    def move(self, slot: int, source: int, target: int, between: Callable[[], None] = lambda: None) -> int:
        """Moves a slot with its keys, one by one. ``between`` is called before and after each. Returns how many."""
        ids = self.id(source), self.id(target)
        with self.client(source) as giver, self.client(target) as taker:
            taker.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", ids[0])
            giver.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", ids[1])
            between()
            moved = 0
            # redis-py gives the answer of CLUSTER GETKEYSINSLOT as text, and keys are bytes
            while keys := [key for key in giver.keys("*") if key_slot(key) == slot]:
                giver.execute_command("MIGRATE", "127.0.0.1", self.servers[target].port, keys[0], 0, 5_000)
                moved += 1
                between()
            for client in (taker, giver):
                client.execute_command("CLUSTER SETSLOT", slot, "NODE", ids[1])
        return moved

    def kill(self, number: int) -> None:
        """SIGKILL: nothing is said to anybody."""
        self.servers[number].process.kill()
        self.servers[number].process.wait()

    def wait(self) -> None:
        """Until every server that runs sees a whole cluster, and every replica follows its master."""
        running = [number for number, server in enumerate(self.servers) if server.process.poll() is None]
        wait_until(lambda: all(self._sound(number) for number in running))

    def _sound(self, number: int) -> bool:
        with suppress(RedisError), self.client(number) as client:
            state = client.execute_command("CLUSTER INFO")
            replication = client.info("replication")
            linked = replication["role"] == "master" or replication["master_link_status"] == "up"
            return bool(state["cluster_state"] == "ok" and linked)
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    """Returns when the condition holds."""
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {_PATIENCE_S} s"
        time.sleep(0.05)


@contextmanager
def redis_cluster(folder: Path) -> Iterator[RedisCluster]:
    """Starts the servers in ``folder`` and makes a cluster of them; stops them at the end."""
    with ExitStack() as opened:
        cluster = RedisCluster([opened.enter_context(_server(folder, number)) for number in range(2 * MASTERS)])
        _join(cluster)
        cluster.wait()
        yield cluster


def _server(folder: Path, number: int) -> AbstractContextManager[RedisServer]:
    own = folder / str(number)
    own.mkdir(parents=True)
    port = free_port()
    # by itself the cluster's own port is 10,000 above the server's, among those that the system gives to clients
    options = ["--cluster-enabled", "yes", "--cluster-port", str(free_port(but=port))]
    options += ["--cluster-node-timeout", str(NODE_TIMEOUT_MS), "--repl-diskless-sync-delay", "0"]
    return redis_server(own, *options, port=port)


def _join(cluster: RedisCluster) -> None:
    buses = [int(server.command[server.command.index("--cluster-port") + 1]) for server in cluster.servers]
    for number in range(2 * MASTERS):
        with cluster.client(number) as client:
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
    for number in range(2 * MASTERS):
        with cluster.client(number) as client:
            for other, bus in zip(cluster.servers, buses, strict=True):
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", other.port, bus)
            if number < MASTERS:
                first, last = SLOTS * number // MASTERS, SLOTS * (number + 1) // MASTERS - 1
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
    for number in range(MASTERS):
        with cluster.client(MASTERS + number) as client:
            replicate(client, cluster.id(number))


def replicate(client: Redis, master: str) -> None:
    """Has a server follow a master, as soon as it knows it."""

    def done() -> bool:
        with suppress(RedisError):
            client.execute_command("CLUSTER REPLICATE", master)
            return True
        return False

    wait_until(done)
