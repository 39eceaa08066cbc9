"""The Flink job beside hand-written Flink SQL ``OVER``. Run: ``python -m tests.benchmarks.bench_stream``.

All read the same topic, with the same broker, producer settings, checkpoints, state backend and JVM, one after the
other. SQL has one window of an hour and no decay; ours has the same, and then three windows with decay. A rate is that
of the second half of what a job did: the first warms the JVM up, and fills the windows.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
from confluent_kafka import Producer
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic
from rich.console import Console
from rich.table import Table

from penstock.jobs.kafka.broker import Broker
from penstock.jobs.process.ports import free_port

HOUR_MS = 3_600_000
#: The SQL job is stopped after this long; its rate is that of what it did.
LIMIT_S = 60.0
#: A job whose topic has not grown for this long is done.
QUIET_S = 4.0


@dataclass(frozen=True)
class Load:
    """``keys`` with ``per_hour`` events each."""

    name: str
    keys: int
    per_hour: int
    events: int


#: So many that ours run as long as SQL may: the JVM's compilers take a share of the processors for half a minute.
EVENTS = 6_000_000
LOADS = (Load("about 50 events in a window", 10_000, 50, EVENTS), Load("about 3000", 20, 3_000, EVENTS))
#: Events between two looks at the producer's answers.
POLL_EVERY = 10_000


@dataclass(frozen=True)
class Measured:
    """Events per second in the second half, and the rows out. ``whole``: of all events."""

    rate: float
    rows: int
    whole: bool


def main() -> None:
    """Prints the rates of the three jobs under each load, and their ratios to SQL."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name, Broker(Path(name)) as broker:
        bench = Bench(Path(name), broker.bootstrap_servers)
        for load in LOADS:
            Console().print(bench.compare(load))


class Bench:
    """Runs jobs against one broker."""

    def __init__(self, folder: Path, servers: str) -> None:
        self._folder, self._servers, self._runs = folder, servers, 0

    def compare(self, load: Load) -> Table:
        """The three jobs on one topic."""
        self.topics("dead")
        source = self.produce(load)
        grid = Table(
            "job", "events/s", "ratio", "rows out", title=f"Kafka → Flink → Kafka, {load.name} ({load.events:,} events)"
        )
        sql = self._run("tests.benchmarks.sql_job", source, load.events, ())
        ones = self._run("tests.benchmarks.own_job", source, load.events, ("1h",))
        threes = self._run("tests.benchmarks.own_job", source, load.events, ("1m", "10m", "1h"))
        names = ("hand-written SQL OVER, 1h", "Penstock, 1h and decay", "Penstock, 1m 10m 1h and decay")
        for title, one in zip(names, (sql, ones, threes), strict=True):
            rows = f"{one.rows:,}" + ("" if one.whole else f" (stopped after {LIMIT_S:.0f} s)")
            grid.add_row(title, f"{one.rate:,.0f}", f"{one.rate / sql.rate:.1f}", rows)
        return grid

    def topics(self, *names: str) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self._servers)
        have = set(admin.list_topics())
        if missing := [NewTopic(name, 1, 1) for name in names if name not in have]:
            admin.create_topics(missing)
        admin.close()

    def produce(self, load: Load) -> str:
        topic = f"in-{load.keys}"
        self.topics(topic)
        rand = random.Random(load.keys)
        producer = Producer(
            {"bootstrap.servers": self._servers, "compression.type": "lz4", "queue.buffering.max.messages": 1_000_000}
        )
        step = HOUR_MS / (load.keys * load.per_hour)
        for i in range(load.events):
            key = f"customer-{rand.randrange(load.keys):06}"
            row = {"ts": int(i * step), "id": f"order-{i:010}", "k": key, "x": round(rand.uniform(-100, 1000), 2)}
            producer.produce(topic, orjson.dumps(row))
            if i % POLL_EVERY == 0:
                producer.poll(0)
        producer.flush()
        return topic

    def _run(self, module: str, source: str, events: int, windows: Sequence[str]) -> Measured:
        self._runs += 1
        target = f"out-{self._runs}"
        made = f"{target}-v" if windows else target
        self.topics(made)
        arguments = [str(self._folder / target), str(free_port()), self._servers, source, target, *windows]
        with process(module, arguments, self._folder / f"{target}.log") as job:
            return self._watch(job, made, events, exact=not windows)

    def _watch(self, process: subprocess.Popen[bytes], topic: str, events: int, *, exact: bool) -> Measured:
        """``exact``: a job with one row for each event, so that its rows say how far it came when it is stopped."""
        place = TopicPartition(topic, 0)
        seen: list[tuple[float, int]] = []
        grown = time.monotonic()
        with KafkaConsumer(bootstrap_servers=self._servers) as consumer:
            while not seen or time.monotonic() - grown < QUIET_S:
                self._check(process)
                now, rows = time.monotonic(), consumer.end_offsets([place])[place]
                if rows > (seen[-1][1] if seen else 0):
                    seen.append((now, rows))
                    grown = now
                if exact and seen and now - seen[0][0] > LIMIT_S:
                    return Measured(_second_half(seen, rows), rows, whole=False)
                time.sleep(0.1)
        rows = seen[-1][1]
        return Measured(_second_half(seen, events), rows, whole=True)

    def _check(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is not None:
            log = (self._folder / f"out-{self._runs}.log").read_text(errors="replace")
            raise SystemExit(f"the job ended: {process.args!r}\n{log[-3000:]}")


def _second_half(seen: Sequence[tuple[float, int]], events: int) -> float:
    """Events per second; ``seen``: seconds and rows out by then, at the end those of all ``events``."""
    (end, rows), (middle, before) = seen[-1], next(one for one in seen if one[1] >= seen[-1][1] / 2)
    return events * (rows - before) / rows / (end - middle)


@contextmanager
def process(module: str, arguments: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


if __name__ == "__main__":
    main()
