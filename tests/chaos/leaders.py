"""A broker of several is lost: what it led another takes over, and requests are answered on.

``python -m tests.chaos.leaders`` loses the leader of each part in each way with each client, and prints a table. In the
end must hold what must after kills: every request is answered once, for who reads what is committed. The same process
goes on after every loss; where its clients cannot, it makes new ones.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka.admin import AdminClient
from kafka import KafkaAdminClient
from rich.console import Console
from rich.table import Table

from penstock.jobs.kafka.clients import producer
from penstock.jobs.kafka.interface import Producer
from penstock.jobs.kafka.replay import identity
from penstock.jobs.process.children import Child
from tests.chaos.matrix import Cell, assert_once
from tests.chaos.world import Verifier
from tests.jobs.serving.running import Shop, T, train_model
from tests.jobs.shop import make_project
from tests.kafka_cluster import NODES, KafkaCluster, kafka_cluster

CLIENTS = ("kafka-python", "confluent")
#: What the broker that is lost leads or coordinates, and how it is lost.
PARTS = ("requests", "predictions", "group", "transactions")
WAYS = ("dies", "stands still")
#: Requests per second, and for how many seconds they come while all brokers are there, and while one is not.
RATE, WHOLE_S, AWAY_S = 100, 2.0, 8.0
#: Seconds within which what was sent is answered; milliseconds within which what is sent is taken.
PATIENCE_S, DELIVERY_MS = 60.0, 60_000
#: What the job says when it makes its clients anew.
ANEW = "the Kafka clients are made anew"
#: How long the cluster may take to say who leads, in seconds.
ANSWER_S = 30.0


@dataclass
class _Requests:
    """Sends them at a steady rate, to one partition after the other."""

    shop: Shop
    sender: Producer
    receipts: list[Any] = field(default_factory=list)

    def send(self, seconds: float) -> None:
        """For so long. No customer: none waits for its own event."""
        began = time.monotonic()
        for number in range(int(seconds * RATE)):
            time.sleep(max(0.0, began + number / RATE - time.monotonic()))
            value = orjson.dumps({"ts": T, "customer": None, "amount": float(number)})
            self.receipts.append(self.sender.send(self.shop.topic, value, partition=len(self.receipts) % len(NODES)))

    def ids(self) -> list[str]:
        """Of all that were sent; returns when Kafka has them."""
        return [identity(receipt) for receipt in self.receipts]


def lose(folder: Path, client: str, cells: Sequence[Cell]) -> dict[Cell, float]:
    """Loses one leader after the other, and has it back: the longest time without a prediction after each, in seconds.

    Prints how often the job made its clients anew. Raises AssertionError for a broken promise.
    """
    with (
        kafka_cluster(folder) as cluster,
        _served(folder, cluster, client) as (shop, job),
        Verifier(shop.project.config, shop.output) as verifier,
        producer(shop.project.config, linger_ms=0, delivery_timeout_ms=DELIVERY_MS) as sender,
    ):
        requests = _Requests(shop, sender)
        requests.send(WHOLE_S)
        _answered(requests, verifier, job.check)
        silences = {}
        for cell in cells:
            node, began = _leader(cluster, shop, cell.part), time.time()
            if cell.moment == "dies":
                cluster.kill(node)
                requests.send(AWAY_S)
                _answered(requests, verifier, job.check)
                cluster.start(node)
            else:
                with cluster.frozen(node):
                    requests.send(AWAY_S)
            requests.send(WHOLE_S)
            _answered(requests, verifier, job.check)
            cluster.await_whole(*NODES)
            times = [began, *(at for at in verifier.times if at > began)]
            silences[cell] = max(b - a for a, b in itertools.pairwise(times))
        print(f"{client}: clients made anew {job.said().count(ANEW)} times")
    return silences


@contextmanager
def _served(folder: Path, cluster: KafkaCluster, client: str) -> Iterator[tuple[Shop, Child]]:
    """The shop in a cluster, and the job that answers its requests."""
    several = {"partitions": len(NODES), "replication": len(NODES)}
    shop = Shop(folder / "shop", servers=cluster.servers, client=client, **several)
    models = train_model(folder / "model", make_project(folder / "model").model("cost").model_plan)
    shutil.copytree(models, shop.project.config.state / "models")
    where = ["--project", str(shop.project.folder), "--group", shop.group]
    with Child("infer", ["infer", "cost", "--from", "earliest", *where], folder / "infer.log") as job:
        yield shop, job


def _answered(requests: _Requests, verifier: Verifier, look: Callable[[], None]) -> None:
    """Returns when every request is, exactly once; looks after the job until then."""
    wanted = requests.ids()
    deadline = time.monotonic() + PATIENCE_S
    while len(verifier.ids) < len(wanted):
        look()
        assert time.monotonic() < deadline, (len(verifier.ids), len(wanted))
        time.sleep(0.05)
    assert_once(verifier.ids, wanted)


def _leader(cluster: KafkaCluster, shop: Shop, part: str) -> int:
    if part == "group":
        client = AdminClient({"bootstrap.servers": cluster.servers})  # its answers end with it
        asked = client.describe_consumer_groups([shop.group])
        return int(asked[shop.group].result(ANSWER_S).coordinator.id)
    with KafkaAdminClient(bootstrap_servers=cluster.servers) as admin:
        if part == "transactions":
            name = shop.project.names.member(shop.group)
            nodes = admin.list_transactions().items()
            return next(n for n, each in nodes if any(one.transactional_id.startswith(name) for one in each))
        (topic,) = admin.describe_topics([{"requests": shop.topic, "predictions": shop.output}[part]])
        return next(each["leader_id"] for each in topic["partitions"] if each["partition_index"] == 0)


def main() -> None:
    """All of it, and a table."""
    cells = [Cell(part, way) for way in WAYS for part in PARTS]
    found = {}
    for client in CLIENTS:
        with tempfile.TemporaryDirectory(prefix="penstock-chaos-") as folder:
            found[client] = lose(Path(folder), client, cells)
    table = Table("leader of", "it", *CLIENTS, title="the longest time without a prediction, in seconds")
    for cell in cells:
        table.add_row(cell.part, cell.moment, *(f"{found[client][cell]:.1f}" for client in CLIENTS))
    Console().print(table)
    Console().print("every request answered once")


if __name__ == "__main__":
    main()
