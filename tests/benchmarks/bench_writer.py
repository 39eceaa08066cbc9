"""The store writer, from a filled feature topic into each store. Run: ``python -m tests.benchmarks.bench_writer``."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from penstock.jobs.kafka.broker import Broker
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.kafka.whole import WholeTopics
from penstock.jobs.project.project import Project
from penstock.jobs.store.open import open_store
from penstock.jobs.streaming.writer import BATCH, Writer, reader
from tests.projects import REDIS, SQLITE, make_project
from tests.redis_server import redis_server

ROWS = 200_000
#: Every row a key of its own: all are written. Few keys: most rows are overtaken within their batch.
KEYS = {"each row its own key": ROWS, "4,000 keys": 4_000, "100 keys": 100}

DEFINITIONS = """
from penstock import Stream, View, count, max, mean, sliding
flights = Stream("flights", topic="flights", time="ts", columns=dict(plane="int64", delay="float64"))
view = View("view", flights, key="plane", features=dict(
    flights=count().over("30m", "3h", "1d"), worst=max(flights.delay).over("30m", "3h"),
    delay=mean(flights.delay).over("30m", "3h", "1d", "7d", sliding("30d", step="1h"))))
"""


def main() -> None:
    """Prints rows/s and microseconds of processor time per row: reading alone, and into each store."""
    grid = Table(
        "keys", "store", "rows/s", "processor us/row", "rows written", title=f"writer: {ROWS:,} rows x 10 features"
    )
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name, redis_server(Path(name)) as server:
        stores = {"SQLite": SQLITE, "Redis": REDIS.format(server.connection_string)}
        for title, keys in KEYS.items():
            with filled(Path(name) / str(keys), keys) as folder:
                grid.add_row(title, "none", *_read(make_project(folder, DEFINITIONS)))
                for number, (store, lines) in enumerate(stores.items()):
                    # another database of the server: no rows of the case before
                    lines = lines + (f",db={list(KEYS).index(title)}" if store == "Redis" else "")
                    grid.add_row(title, store, *_write(make_project(folder, DEFINITIONS, store=lines), number))
    Console().print(grid)


@contextmanager
def filled(folder: Path, keys: int) -> Iterator[Path]:
    """A project whose feature topic holds the rows, in order of time."""
    project = make_project(folder, DEFINITIONS)
    (plan,) = project.plans.values()
    topic = project.names.features(plan.name)
    numbers = random.Random(7)
    with Broker(project.config.state):
        ensure_topics(project.config, [topic])
        headers = [("fingerprint", plan.fingerprint.encode()), ("topic", b"flights"), ("partition", b"0")]
        with producer(project.config) as sender:
            for number in range(ROWS):
                key = {"plane": number % keys}
                values = {
                    feature.name: numbers.randrange(500) if feature.type == "int64" else numbers.random() * 60
                    for feature in plan.features
                }
                row = {"key": key, "t": 1_357_000_000_000 + number, "seq": number // keys, "values": values}
                sender.send(topic, orjson.dumps(row), orjson.dumps(key), [*headers, ("offset", b"%d" % number)])
        yield folder


def _read(project: Project) -> tuple[str, str, str]:
    with reader(project) as rows:
        WholeTopics(rows, [project.names.features(plan.name) for plan in project.streamed_views])
        started, used, count = time.perf_counter(), time.process_time(), 0
        while count < ROWS:
            count += sum(map(len, rows.poll(timeout_ms=1_000, max_records=BATCH).values()))
        return _rates(started, used, 0)


def _write(project: Project, number: int) -> tuple[str, str, str]:
    with open_store(project.folder) as store, reader(project) as rows:
        writer = Writer(project, rows, store)
        for place in rows.assignment():
            rows.seek(place, 0)  # another store was written before
        started, used = time.perf_counter(), time.process_time()
        while writer.counts.read < ROWS:
            writer.step()
        return _rates(started, used, writer.counts.applied)


def _rates(started: float, used: float, applied: int) -> tuple[str, str, str]:
    seconds, processor = time.perf_counter() - started, time.process_time() - used
    return f"{ROWS / seconds:,.0f}", f"{processor / ROWS * 1e6:.1f}", f"{applied:,}"


if __name__ == "__main__":
    main()
