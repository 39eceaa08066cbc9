"""A Redis Cluster that is never left alone: slots move, masters die or stand still, replicas take over.

``python -m tests.chaos.redis_cluster [ROUNDS] [SEED]`` goes through rounds of all that, while two writers and a reader
go on, and prints a table. No later read may find an older row than one that a store has taken, and none may be lost.
"""

from __future__ import annotations

import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from penstock.jobs.store.open import open_store
from tests.jobs.store.clustered import Traffic, project
from tests.redis_cluster import MASTERS, NODE_TIMEOUT_MS, SLOTS, RedisCluster, redis_cluster, wait_until

ROUNDS = 4
#: Slots that move in a round.
MOVED = 40
#: For how long a server stands still, in seconds: longer than it takes to be given up.
STILL_S = 3 * NODE_TIMEOUT_MS / 1000


@dataclass(frozen=True)
class Fate:
    """What was done, how long it took until rows were taken again, in seconds, and how many batches there were."""

    disturbance: str
    seconds: float
    batches: int


def masters(cluster: RedisCluster) -> list[int]:
    """The servers that are masters now."""
    return [number for number in range(2 * MASTERS) if alive(cluster, number) and cluster.role(number) == "master"]


def alive(cluster: RedisCluster, number: int) -> bool:
    """Does the server run?"""
    return cluster.servers[number].process.poll() is None


def move_slots(cluster: RedisCluster, chance: random.Random) -> None:
    """Some slots go from one master to another, with their keys."""
    source, target = chance.sample(masters(cluster), 2)
    with cluster.client(source) as client:
        own = [slot for slot in range(SLOTS) if client.execute_command("CLUSTER COUNTKEYSINSLOT", slot)]
    for slot in chance.sample(own, min(MOVED, len(own))):
        cluster.move(slot, source, target, lambda: time.sleep(0.01))


def kill_a_master(cluster: RedisCluster, chance: random.Random) -> None:
    """A master dies; when its replica has taken over, it comes back and follows it."""
    number = chance.choice(masters(cluster))
    before = len(masters(cluster))
    cluster.kill(number)
    wait_until(lambda: len(masters(cluster)) == before)
    cluster.servers[number].restart()
    wait_until(lambda: cluster.role(number) == "slave")


def stop_a_master(cluster: RedisCluster, chance: random.Random) -> None:
    """A master stands still until another has taken over, and then goes on, not knowing of it."""
    number = chance.choice(masters(cluster))
    process = cluster.servers[number].process
    process.send_signal(signal.SIGSTOP)
    time.sleep(STILL_S)
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: cluster.role(number) == "slave")


def stop_a_replica(cluster: RedisCluster, chance: random.Random) -> None:
    """A replica stands still: its master's rows wait until it is given up, or goes on."""
    number = chance.choice([each for each in range(2 * MASTERS) if each not in masters(cluster)])
    process = cluster.servers[number].process
    process.send_signal(signal.SIGSTOP)
    time.sleep(STILL_S)
    process.send_signal(signal.SIGCONT)


def take_over(cluster: RedisCluster, chance: random.Random) -> None:
    """A replica takes over by itself, without asking its master."""
    number = chance.choice([each for each in range(2 * MASTERS) if each not in masters(cluster)])
    with cluster.client(number) as client:
        client.execute_command("CLUSTER FAILOVER TAKEOVER")
    wait_until(lambda: cluster.role(number) == "master")


DISTURBANCES: tuple[Callable[[RedisCluster, random.Random], None], ...] = (
    move_slots,
    kill_a_master,
    take_over,
    stop_a_replica,
    stop_a_master,
)


def disturb(folder: Path, rounds: int, seed: int) -> list[Fate]:
    """Goes through the rounds. Raises AssertionError for a row that is stale, torn or lost."""
    chance, fates = random.Random(seed), list[Fate]()
    with redis_cluster(folder / "servers") as cluster:
        shop = project(folder / "shop", cluster)
        with Traffic(shop, seed) as traffic:
            for _ in range(rounds):
                for disturbance in chance.sample(DISTURBANCES, len(DISTURBANCES)):
                    began, before = time.monotonic(), traffic.batches
                    disturbance(cluster, chance)
                    cluster.wait()
                    after = traffic.batches
                    wait_until(lambda after=after: traffic.batches > after + 20)  # type: ignore[misc]
                    fates.append(Fate(disturbance.__name__, time.monotonic() - began, traffic.batches - before))
                    assert traffic.wrong == [], traffic.wrong[:3]
        with open_store(shop) as store:
            lost = traffic.lost(store)
        assert lost == [], lost[:3]
        assert traffic.wrong == [], traffic.wrong[:3]
    return fates


def main(rounds: int, seed: int) -> None:
    """Prints each disturbance."""
    with tempfile.TemporaryDirectory(prefix="penstock-chaos-") as folder:
        fates = disturb(Path(folder), rounds, seed)
    table = Table("disturbance", "seconds", "batches", title=f"Redis Cluster, {rounds} rounds, seed {seed}")
    for fate in fates:
        table.add_row(fate.disturbance.replace("_", " "), f"{fate.seconds:.1f}", str(fate.batches))
    Console().print(table)


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [ROUNDS, 1][len(given) :]))
