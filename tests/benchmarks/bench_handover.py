"""From Parquet to the stream's state: ``python -m tests.benchmarks.bench_handover [EVENTS]``.

Rates are of processor time, so that a machine that others use gives the same: one core is one second of it in a second.
The job's is that of Flink's whole JVM, compilers and checkpoints too, between two looks at its counts. The first half
of the events warms it up.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psutil
from rich.console import Console
from rich.table import Table

from penstock.jobs.handover.history import write_history
from penstock.jobs.kafka.broker import Broker
from penstock.jobs.process.children import Child
from penstock.jobs.project.project import Project
from penstock.jobs.streaming.status import read_counts, status_file, wait_stream
from tests.projects import make_project

DEFINITIONS = """
from penstock import Stream, View, count, lifetime, max, mean, min, sum

orders = Stream("orders", topic="orders", history="orders.parquet", time="ts", {id}
    columns=dict(id="string", k="string", x="float64"))
view = View("view", orders, key="k", features=dict(n=count().over("1m", "10m", "1h", lifetime()),
    x=sum(orders.x).over("1m", "10m", "1h"), least=min(orders.x).over("1m", "10m", "1h"),
    most=max(orders.x).over("1h")))
"""
CUT = 1_700_000_000_000
HOUR_MS = 3_600_000
LOADS = {"10,000 keys, 50 events an hour": (10_000, 50), "20 keys, 3,000 an hour": (20, 3_000)}


@dataclass(frozen=True)
class Look:
    """Events counted so far, wall-clock and processor seconds of the job's JVM."""

    events: int
    wall: float
    processor: float


def main(events: int) -> None:
    """Prints, for each load, what sorting costs and what building the state costs."""
    grid = Table("load", "id", "sorted and written", "read into the state", "both", "wall", title=f"{events:,} events")
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name, Broker(Path(name) / "kafka") as broker:
        for load, (keys, per_hour) in LOADS.items():
            for id in ("", 'id="id", lateness="10m",'):
                folder = Path(name) / f"{keys} {bool(id)}"
                project = make_project(folder, DEFINITIONS.format(id=id), servers=broker.bootstrap_servers)
                write_parquet(project, events, keys, events * HOUR_MS // (keys * per_hour))
                written = sorting(project)
                first, last = looks(project, events)
                read = (last.processor - first.processor) / (last.events - first.events)
                wall = (last.events - first.events) / (last.wall - first.wall)
                rates = [f"{1 / cost:,.0f}" for cost in (written / events, read, written / events + read)]
                grid.add_row(load, "yes" if id else "no", *rates, f"{wall:,.0f}")
    grid.caption = "events for a second of one core's time; wall: events a second, beside whatever else ran"
    Console().print(grid)


def write_parquet(project: Project, events: int, keys: int, span: int) -> None:
    """In no order."""
    file = project.config.data / "orders.parquet"
    file.parent.mkdir()
    duckdb.sql(
        f"""COPY (SELECT make_timestamp_ms({CUT} - 1 - CAST(i * {span / events} AS BIGINT)) AS ts,
        printf('order-%010d', i) AS id, printf('customer-%06d', hash(i) % {keys}) AS k,
        CAST(hash(i + 1) % 110000 AS DOUBLE) / 100 - 100 AS x FROM range({events}) AS r(i) ORDER BY hash(i))
        TO '{file}' (FORMAT parquet)"""
    )


def sorting(project: Project) -> float:
    """Processor seconds."""
    folder = project.config.state / "alone"
    folder.mkdir(parents=True)
    before = resource.getrusage(resource.RUSAGE_SELF)
    write_history(project, folder, CUT, 1, lambda words: None)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def looks(project: Project, events: int) -> tuple[Look, Look]:
    """When half of the events, and when nearly all of them were in the state."""
    arguments = ["stream", "--cut-over", "2023-11-14T22:13:20Z", "--project", str(project.folder)]
    with Child("stream", arguments, project.folder / "stream.log") as child:
        wait_stream(project, child, timeout_s=900)
        seen = [look for look in watched(project, child, events) if look.events >= events // 2]
        child.kill()
    return seen[0], next(look for look in seen if look.events >= events * 0.98)


def watched(project: Project, child: Child, events: int) -> Iterator[Look]:
    """Looks until all events have been counted."""
    jvm = psutil.Process(json.loads(status_file(project).read_text())["jvm"])
    while True:
        child.check()
        times = jvm.cpu_times()
        counts = read_counts(project).get("view", {})
        yield (look := Look(sum(counts.values()), time.monotonic(), times.user + times.system))
        if look.events >= events:
            return
        time.sleep(0.2)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4_000_000)
