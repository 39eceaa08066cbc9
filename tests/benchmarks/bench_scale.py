"""What one event, key and prediction cost, each part for itself. Run: ``python -m tests.benchmarks.bench_scale``.

Times are those of processors, on which other load on the machine has little influence; ``docs/scale.md`` calculates
with them. The stream has one view (15 features: five aggregates over 1m, 10m and 1h), the store one of 10, and a
prediction reads five views (30 features) from Redis.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from kafka import KafkaConsumer, TopicPartition
from redis import Redis
from rich.console import Console
from rich.table import Table

from penstock.features.compilers.flink.config import newest_checkpoint
from penstock.jobs.kafka.broker import Broker
from penstock.jobs.process.ports import free_port
from penstock.jobs.store.open import open_store
from penstock.jobs.streaming.http import ask
from penstock.jobs.streaming.writer import Writer, reader
from tests.benchmarks.bench_inference import backlog, prepare, project_of
from tests.benchmarks.bench_stream import QUIET_S, Bench, Load, process
from tests.benchmarks.bench_writer import DEFINITIONS, ROWS, filled
from tests.projects import REDIS, make_project
from tests.redis_server import RedisServer, redis_server

WINDOWS = ("1m", "10m", "1h")
#: At the end the state has the events of an hour: many of some keys, or one of many keys.
LOADS = (Load("50 events of a key in an hour", 10_000, 50, 2_000_000), Load("one", 200_000, 1, 600_000))
#: Requests of two runs: what starting `infer` costs is in both. Keys of each view.
FEW, MANY, KEYS = 10_000, 40_000, 10_000
MICRO = 1e6
UNKNOWN = 2**63 - 1
#: Seconds between two looks; and longer than two checkpoints are apart.
LOOK_S, CHECKPOINT_S = 0.2, 12.0


def main(parts: Sequence[str]) -> None:
    """Prints a table for the stream, one for the store and its writer, one for predictions; or of these ``parts``."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name:
        folder = Path(name)
        if "stream" in parts:
            with Broker(folder / "kafka") as broker:
                console.print(_stream(folder, broker))
        if "store" in parts:
            with redis_server(folder) as redis:
                console.print(_store(folder / "writer", redis))
        if "predictions" in parts:
            with Broker(folder / "predictions") as broker, redis_server(folder) as redis:
                console.print(_predictions(folder / "guess", broker, redis))


def _used(pid: int) -> float:
    """Processor time of a process, in microseconds."""
    times = psutil.Process(pid).cpu_times()
    return (times.user + times.system) * MICRO


def _pid(broker: Broker) -> int:
    pid = broker.status().pid
    assert pid is not None
    return pid


def _stream(folder: Path, broker: Broker) -> Table:
    columns = (
        "rows for each event",
        "Flink, us",
        "broker, us",
        "checkpoint for each key, bytes",
        "heap at most, bytes",
    )
    grid = Table("events", *columns, title="one event")
    bench = Bench(folder, broker.bootstrap_servers)
    bench.topics("dead")
    for number, load in enumerate(LOADS):
        source, target = bench.produce(load), f"scale-{number}"
        bench.topics(f"{target}-v")
        port = free_port()
        arguments = [str(folder / target), str(port), broker.bootstrap_servers, source, target, *WINDOWS]
        with process("tests.benchmarks.own_job", arguments, folder / f"{target}.log") as job:
            rows, flink, kafka, heap = _second_half(job.pid, port, broker, f"{target}-v", load.events)
            time.sleep(CHECKPOINT_S)
            state = newest_checkpoint(folder / target / "checkpoints")
        assert state is not None
        size = sum(file.stat().st_size for file in state.iterdir())
        bytes = (f"{size / load.keys:,.0f}", f"{heap / load.keys:,.0f}")
        grid.add_row(load.name, f"{rows:.2f}", f"{flink:.2f}", f"{kafka:.2f}", *bytes)
    return grid


@dataclass(frozen=True)
class _Look:
    rows: int
    flink: float
    broker: float
    heap: int


def _second_half(pid: int, port: int, broker: Broker, topic: str, events: int) -> tuple[float, float, float, int]:
    """Rows for each event of all; the time of Flink and of the broker for each event of the second half; and the least
    heap in use in the last quarter, which is what had just survived a collection of garbage.
    """
    place, looks, grown = TopicPartition(topic, 0), [_Look(0, 0.0, 0.0, 0)], time.monotonic()
    with KafkaConsumer(bootstrap_servers=broker.bootstrap_servers) as consumer:
        while looks[-1].rows == 0 or time.monotonic() - grown < QUIET_S:
            rows = consumer.end_offsets([place])[place]
            if rows > looks[-1].rows:
                flink = sum(_used(child.pid) for child in psutil.Process(pid).children(recursive=True))
                looks.append(_Look(rows, flink, _used(_pid(broker)), _heap(port)))
                grown = time.monotonic()
            time.sleep(LOOK_S)
    end = looks[-1]
    middle = next(look for look in looks if look.rows >= end.rows / 2)
    share = events * (end.rows - middle.rows) / end.rows
    heap = min(look.heap for look in looks if look.rows >= end.rows * 3 / 4)
    return end.rows / events, (end.flink - middle.flink) / share, (end.broker - middle.broker) / share, heap


def _heap(port: int) -> int:
    """Bytes in use of a mini-cluster's heap; ``UNKNOWN`` in its first moments."""
    address = f"http://127.0.0.1:{port}"
    (manager,) = ask(address, None, "/taskmanagers")["taskmanagers"]
    metrics = ask(address, None, f"/taskmanagers/{manager['id']}/metrics?get=Status.JVM.Memory.Heap.Used")
    return int(metrics[0]["value"]) if metrics else UNKNOWN


def _store(folder: Path, redis: RedisServer) -> Table:
    """Every row has a key of its own: none is overtaken within its batch."""
    grid = Table(
        "writer, us", "Redis, us", "Redis, bytes for each key", title=f"one row of 10 features ({ROWS:,} keys)"
    )
    with filled(folder, ROWS) as filled_folder, Redis(port=redis.port) as client:
        project = make_project(filled_folder, DEFINITIONS, store=REDIS.format(redis.connection_string))
        with open_store(project.folder) as store, reader(project) as rows:
            writer = Writer(project, rows, store)
            writer.step()
            begun, memory = writer.counts.read, client.info("memory")["used_memory"]
            used, server = time.process_time(), _used(redis.process.pid)
            while writer.counts.read < ROWS:
                writer.step()
            used, server = time.process_time() - used, _used(redis.process.pid) - server
            memory, count = client.info("memory")["used_memory"] - memory, ROWS - begun
    grid.add_row(f"{used / count * MICRO:.1f}", f"{server / count:.1f}", f"{memory / count:,.0f}")
    return grid


def _predictions(folder: Path, broker: Broker, redis: RedisServer) -> Table:
    """Each request has keys that no other of its batch has."""
    grid = Table(
        "infer, us", "Redis, us", "broker, us", title="one prediction (5 views, 30 features; batches of 2,000)"
    )
    online = REDIS.format(redis.connection_string)
    project = project_of(folder, broker.bootstrap_servers, online, "confluent", batch=2_000)
    prepare(project, KEYS)
    infer, served = [], 0.0
    for number in (FEW, MANY):
        children, used = _of_children(), _used(redis.process.pid)
        backlog(project, number, keys=KEYS)
        infer.append(_of_children() - children)
        served = (_used(redis.process.pid) - used) / number
    grid.add_row(f"{(infer[1] - infer[0]) / (MANY - FEW):.1f}", f"{served:.1f}")
    return grid


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * MICRO


if __name__ == "__main__":
    main(sys.argv[1:] or ("stream", "store", "predictions"))
