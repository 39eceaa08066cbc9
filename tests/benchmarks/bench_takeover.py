"""A promotion while 1,000 requests/s are answered: seconds until the first prediction of the new version, and the delay
of requests (sent to read back) during the change beside that before it. Every request is answered once, and the former
version says nothing after the new one. Run: ``python -m tests.benchmarks.bench_takeover``, with
another number of requests/s behind it where the machine is slow or busy.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
from rich.console import Console
from rich.table import Table

from penstock.jobs.kafka.broker import Broker
from penstock.jobs.kafka.clients import consumer, producer
from penstock.jobs.models.folder import load_current, save
from penstock.jobs.models.pointer import Pointer, set_alias, set_current
from penstock.jobs.project.project import Project, load_project
from penstock.jobs.serving.run import infer
from tests.benchmarks import bench_inference as paced
from tests.projects import SQLITE

RATE = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
#: Seconds until the process is as fast as it gets; without a change; between two changes, and how long one lasts.
WARM_S, QUIET_S, EVERY_S, CHANGE_S = 15.0, 30.0, 6.0, 2.0
CHANGES = 10

Seconds = npt.NDArray[np.float64]


def main() -> None:
    """Prints a line for each promotion, and the delays."""
    console = Console()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with Broker(folder / "kafka") as broker:
            project = paced.project_of(folder / "shop", broker.bootstrap_servers, SQLITE, "confluent")
            paced.prepare(project)
            console.print(_measure(project))


def _measure(project: Project) -> Table:
    versions = _versions(project)
    sent: list[float] = []
    seen: list[tuple[float, int, str]] = []
    promoted: list[tuple[float, str]] = []
    total = int(RATE * (WARM_S + QUIET_S + CHANGES * EVERY_S))
    context = get_context("spawn")
    ready, stop = context.Event(), context.Event()
    job = context.Process(target=_run, args=(project.folder, ready, stop))
    reading, assigned = threading.Event(), threading.Event()
    reader = threading.Thread(target=_read, args=(project, total, seen, assigned, reading))
    job.start()
    reader.start()
    ready.wait()
    assigned.wait()
    changes = threading.Thread(target=_promote, args=(project, versions, promoted))
    changes.start()
    _send(project, total, sent)
    reader.join()
    changes.join()
    stop.set()
    job.join()
    return _grid(np.array(sent), seen, promoted)


def _versions(project: Project) -> list[str]:
    """So many versions as changes: copies of the one that was trained, which stays the current one."""
    models = project.config.models_at
    one = load_current(models, project.model("guess").model_plan)
    text, made = one.read(), one.metadata.created
    later = (one.metadata.model_copy(update={"created": made + timedelta(seconds=n + 1)}) for n in range(CHANGES))
    versions = [save(models, metadata, text, current=False) for metadata in later]
    set_current(models, "guess", one.version)
    return versions


def _run(folder: Path, ready: Any, stop: Any) -> None:
    infer(load_project(folder), ["guess"], stop, told=lambda line: ready.set() if "offset" in line else None)


def _promote(project: Project, versions: Sequence[str], promoted: list[tuple[float, str]]) -> None:
    time.sleep(WARM_S + QUIET_S)
    for version in versions:
        promoted.append((time.time(), version))
        set_alias(project.config.models_at, "guess", "current", Pointer(version))
        time.sleep(EVERY_S)


def _send(project: Project, total: int, sent: list[float]) -> None:
    with producer(paced._load(project), linger_ms=0) as sender:
        began = time.time()
        for number in range(total):
            time.sleep(max(0.0, began + number / RATE - time.time()))
            sent.append(time.time())
            sender.send("requests", paced._request(number, paced.T))


def _read(project: Project, total: int, seen: list[Any], assigned: threading.Event, done: threading.Event) -> None:
    topic = project.model("guess").output
    options = {"isolation_level": "read_committed", "auto_offset_reset": "latest"}
    with consumer(paced._load(project), [topic], **options) as reader:
        while not reader.assignment():
            reader.poll(timeout_ms=100)
        for place in reader.assignment():
            reader.position(place)
        assigned.set()
        while len(seen) < total:
            for records in reader.poll(timeout_ms=100).values():
                now = time.time()
                seen += [(now, int(r.key.rsplit(b"-", 1)[1]), orjson.loads(r.value)["version"]) for r in records]
    done.set()


def _grid(sent: Seconds, seen: Sequence[tuple[float, int, str]], promoted: Sequence[tuple[float, str]]) -> Table:
    offsets = np.array([offset for _, offset, _ in seen])
    assert len(np.unique(offsets)) == len(offsets) == len(sent), "a request was lost or answered twice"
    order = list(dict.fromkeys(version for _, _, version in seen))
    runs = 1 + sum(left != right for (_, _, left), (_, _, right) in pairwise(seen))
    assert runs == len(order) == CHANGES + 1, "a former version answered after a new one"
    arrived = np.array([at for at, _, _ in seen])
    delays = (arrived - sent[offsets - offsets.min()]) * 1000
    firsts = {version: next(at for at, _, each in seen if each == version) for _, version in promoted}
    waited = [firsts[version] - at for at, version in promoted]
    begun = sent[0] + WARM_S
    quiet = delays[(arrived > begun) & (arrived < promoted[0][0])]
    changing = np.zeros(len(arrived), dtype=np.bool_)
    for at, _ in promoted:
        changing |= (arrived >= at) & (arrived < at + CHANGE_S)
    grid = Table("", "requests", "p50 ms", "p99 ms", title=f"{CHANGES} promotions at {RATE}/s")
    for name, some in (("before", quiet), ("during", delays[changing])):
        grid.add_row(name, f"{len(some):,}", *(f"{np.percentile(some, percent):.1f}" for percent in (50, 99)))
    ratio = np.percentile(delays[changing], 99) / np.percentile(quiet, 99)
    grid.add_row("p99 during / before", "", "", f"{ratio:.2f}")
    grid.add_row("promoted to first prediction, s", "", f"{np.median(waited):.2f}", f"most {max(waited):.2f}")
    return grid


if __name__ == "__main__":
    main()
