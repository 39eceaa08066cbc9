"""A backlog of requests before a slow store: the memory of ``infer`` must not grow with it.

``python -m tests.chaos.backpressure`` does it with 20,000 and 200,000 requests, with each Kafka client.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from penstock.jobs.kafka.broker import Broker
from penstock.jobs.kafka.clients import consumer
from penstock.jobs.process.children import Child
from penstock.jobs.process.ports import HOST
from tests.chaos.door import door
from tests.jobs.serving.running import Shop, train_model
from tests.jobs.shop import make_project
from tests.projects import REDIS
from tests.redis_server import redis_server

CLIENTS = ("kafka-python", "confluent")
#: What the slow store takes for a reply, in seconds; requests in a batch.
DELAY_S, BATCH = 0.02, 500
#: Memory with a backlog of ten times as much, against that with the first one: confluent-kafka reads 64 MB ahead.
BOUND = 1.5
#: Seconds until answers must have come; records sent at once.
PATIENCE_S, AT_ONCE = 600.0, 10_000


@dataclass(frozen=True)
class Peaks:
    """The greatest resident memory of ``infer`` so far, in kB: after the first backlog, and after one of ten times."""

    few: int
    many: int

    @property
    def ratio(self) -> float:
        """How much it has grown."""
        return self.many / self.few


def measure(folder: Path, client: str, few: int) -> Peaks:
    """Has ``few`` requests answered that are all there, and then ten times as many in all."""
    with _shop(folder, client) as shop:
        _fill(shop, few)
        with _infer(shop) as child:
            first = _peak_after(shop, child, few)
        _fill(shop, 9 * few)
        with _infer(shop) as child:
            return Peaks(first, _peak_after(shop, child, 10 * few))


@contextlib.contextmanager
def _shop(folder: Path, client: str) -> Iterator[Shop]:
    """The shop with a broker of its own and its store behind a slow door."""
    with Broker(folder / "kafka") as broker, redis_server(folder) as redis, door(redis.port) as entrance:
        entrance.delay_s = DELAY_S
        online = REDIS.format(f"{HOST}:{entrance.port}")
        shop = Shop(folder / "shop", servers=broker.bootstrap_servers, client=client, batch=BATCH, online=online)
        models = train_model(folder / "model", make_project(folder / "model").model("cost").model_plan)
        shutil.copytree(models, shop.project.config.state / "models")
        yield shop


def _infer(shop: Shop) -> Child:
    where = ["--project", str(shop.project.folder), "--group", shop.group]
    return Child("infer", ["infer", "cost", "--from", "earliest", *where], shop.project.config.state / "infer.log")


def _fill(shop: Shop, number: int) -> None:
    for first in range(0, number, AT_ONCE):
        # no customer: none waits for its own event
        shop.send(*({"customer": None, "amount": 1.0, "city": "x"} for _ in range(first, min(number, first + AT_ONCE))))


def _peak_after(shop: Shop, child: Child, answers: int) -> int:
    deadline = time.monotonic() + PATIENCE_S
    while _committed(shop) < answers:
        child.check()
        assert time.monotonic() < deadline, child.said()
        time.sleep(0.5)
    status = Path(f"/proc/{child.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def _committed(shop: Shop) -> int:
    with consumer(shop.project.config, None, group_id=shop.group) as reader:
        return sum(reader.committed(place) or 0 for place in reader.places(shop.topic))


def main() -> None:
    """Both clients, and what was seen."""
    for client in CLIENTS:
        with tempfile.TemporaryDirectory(prefix="penstock-chaos-") as folder:
            peaks = measure(Path(folder), client, 20_000)
        Console().print(f"{client}: {peaks.few / 1e3:.0f} MB at 20,000 requests, {peaks.ratio:.2f} of it at 200,000")
        assert peaks.ratio < BOUND


if __name__ == "__main__":
    main()
