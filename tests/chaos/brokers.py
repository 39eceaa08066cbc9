"""The whole path on three brokers that keep every record three times: each is killed in turn, amid requests.

``python -m tests.chaos.brokers`` kills them and prints a table. In the end must hold what must after kills; and neither
stream nor inference may end meanwhile.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from kafka import KafkaAdminClient
from rich.console import Console
from rich.table import Table

from tests.chaos.matrix import Cell, Fate, run
from tests.chaos.world import World, world
from tests.flights import Days, ms
from tests.kafka_cluster import NODES, KafkaCluster, kafka_cluster

#: Seconds for which a broker is away.
AWAY_S = 10.0


class Killer:
    """Kills a broker, and starts it again a while later; the next one is not killed before all replicas are whole.

    As a context manager it waits for the last one.
    """

    def __init__(self, all: World, cluster: KafkaCluster) -> None:
        self._world, self._cluster = all, cluster
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="broker")
        self._back: Future[None] | None = None

    def __enter__(self) -> Callable[[Cell], None]:
        return self._kill

    def __exit__(self, *exception: object) -> None:
        with self._pool:
            self._settle()

    def _kill(self, cell: Cell) -> None:
        self._settle()
        self._world.ready()
        node = int(cell.part.split()[-1])
        self._cluster.kill(node)
        self._back = self._pool.submit(self._restart, node)

    def _restart(self, node: int) -> None:
        time.sleep(AWAY_S)
        self._cluster.start(node)
        self._cluster.await_whole(*NODES)

    def _settle(self) -> None:
        if self._back is not None:
            self._back.result()


def kill_brokers(folder: Path, days: Days, cells: Sequence[Cell]) -> tuple[list[Fate], Counter[str]]:
    """Kills each, as the kill matrix's ``run``."""
    with kafka_cluster(folder / "kafka") as cluster:
        count = len(NODES)
        kafka = f'bootstrap_servers = "{cluster.servers}"\npartitions = {count}\nreplication = {count}'
        with world(folder, days, kafka=kafka) as all:
            _assert_replicated(cluster, all.project.names.prefix)
            return run(all, days, cells, Killer(all, cluster))


def _assert_replicated(cluster: KafkaCluster, prefix: str) -> None:
    with KafkaAdminClient(bootstrap_servers=cluster.servers) as admin:
        topics = [topic for topic in admin.describe_topics() if topic["name"].startswith(prefix)]
    counts = {len(partition["replica_nodes"]) for topic in topics for partition in topic["partitions"]}
    assert counts == {len(NODES)}, counts


def main() -> None:
    """Each broker, and a table."""
    cells = [Cell(f"broker {node}", "dies") for node in NODES]
    days = Days(ms("2013-10-01"), ms("2013-10-06"), ms("2013-10-08"), ms("2013-10-09"))
    with tempfile.TemporaryDirectory(prefix="penstock-chaos-") as folder:
        fates, starts = kill_brokers(Path(folder), days, cells)
    assert not starts, starts
    table = Table("dies", "seconds", title="the longest time without a prediction")
    for fate in fates:
        table.add_row(fate.cell.part, f"{fate.silence_s:.1f}")
    Console().print(table)
    Console().print("stream and inference went on; every request answered once; stream and store = batch")


if __name__ == "__main__":
    main()
