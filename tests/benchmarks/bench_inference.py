"""Inference with each online store and each Kafka client: requests per second, and where the time goes.

Run: ``python -m tests.benchmarks.bench_inference``; broker, store and those that send and read are on this machine.
The broker has had two minutes of load.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from rich.console import Console
from rich.table import Table

from penstock.features.span import Span
from penstock.jobs.kafka.broker import Broker
from penstock.jobs.kafka.clients import consumer, ensure_topics, producer
from penstock.jobs.models.folder import LoadedModel
from penstock.jobs.process.interpreter import SWITCH_S
from penstock.jobs.project.config import Config
from penstock.jobs.project.project import Project, load_project
from penstock.jobs.serving.answers import Answers
from penstock.jobs.serving.lookup import Lookup
from penstock.jobs.serving.reader import Reader
from penstock.jobs.serving.run import infer
from penstock.jobs.serving.transactions import Transactions
from penstock.jobs.store.catalogue import apply
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow
from penstock.jobs.store.schema import schema_of
from penstock.jobs.training.train import train
from tests.benchmarks.own_loop import run_loop
from tests.jobs.models.examples import write_set
from tests.jobs.shop import make_project
from tests.projects import REDIS, SQLITE
from tests.redis_server import redis_server

#: Three views that the request's own event feeds and two others, 30 features in all.
DEFINITIONS = """
from penstock import Model, Stream, View, count, max, mean, min, std, sum

columns = dict(id="string", a="int64", b="int64", c="int64", x="float64", y="float64")
requests = Stream("requests", topic="requests", time="ts", id="id", columns=columns)
others = Stream("others", topic="others", time="ts", columns=columns)

def features(of):
    return dict(n=count().over("1h", "1d"), x=mean(of.x).over("1h"), most=max(of.x).over("1h"),
                least=min(of.y).over("1h"), spread=std(of.y).over("1d"))

views = [View(f"{of.name}_{key}", of, key=key, features=features(of))
         for of, key in ((requests, "a"), (requests, "b"), (requests, "c"), (others, "a"), (others, "b"))]
v1, v2, v3, v4, v5 = views
guess = Model("guess", on=requests, inputs=[requests.x, requests.y, *views], label=requests.y,
              derived=dict(trend=v1.x_1h - v4.x_1h), output="predictions.guess")
"""

KEYS = 1_000
#: The features of each row.
VALUES = (5, 50, 1.5, 9.0, 0.5, 2.25)
BACKLOG = 20_000
BATCHES = (20, 500, 2_000)
#: What the loop that people write is given, record by record and in micro-batches.
LOOPS = {"own loop, record by record": (1, 1_000), "own loop, batch of 500": (500, 8_000)}
#: Requests per second at which every one of them keeps up.
COMPARED_RATE = 50
RATES = (100, 400, 1_000)
CLIENTS = ("kafka-python", "confluent")
#: The lines of each, without the address.
STORES = {"SQLite": SQLITE, "Redis": REDIS}
#: How long requests come at a steady rate, and before that until a process that has just begun is as fast as it gets.
PACED_SECONDS, WARM_SECONDS = 20.0, 6.0
#: How long they come from each client until a broker is: its second compiler makes it stand still meanwhile.
BROKER_SECONDS = 60.0
#: How long after a request the rows that know it are in the store, in seconds.
STREAM_S = 0.010
T = 1_700_000_000_000

#: What is timed, each as one method.
PARTS = {
    "read": (Reader, "poll"),
    "look up": (Lookup, "read"),
    "vector, model, records": (Answers, "make"),
    "of it the model": (LoadedModel, "predict_matrix"),
    "wait for the transaction before": (Transactions, "settle"),
    "transaction, beside all that": (Transactions, "_transact"),
}


#: What a process runs: folder, first offset, and how it is told to stop and tells what it did.
Runs = Callable[..., None]


@dataclass
class Run:
    """``rate`` requests/s, ``delays`` in ms (n,), and the ms that each part took, over so many transactions."""

    rate: float
    delays: np.ndarray
    parts: dict[str, float]
    requests: int
    batches: int


def main() -> None:
    """Prints for each store a table beside the loops, two for a backlog, and two for paced requests."""
    console = Console()
    # those that send and those that read back are threads of this process: none may wait long for another
    sys.setswitchinterval(SWITCH_S)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with Broker(folder / "kafka") as broker, redis_server(folder) as redis:
            projects = {
                name: partial(
                    project_of, folder / name, broker.bootstrap_servers, lines.format(redis.connection_string)
                )
                for name, lines in STORES.items()
            }
            for project in projects.values():
                prepare(project("confluent"))
            for client in CLIENTS:
                _paced(projects["Redis"](client), RATES[-1], known=True, seconds=BROKER_SECONDS)
            for name, project in projects.items():
                _measure(console, name, project)


def project_of(
    folder: Path, servers: str, online: str, client: str, batch: int = 500, store: str = "online"
) -> Project:
    # the processes that run read the folder: one configuration at a time
    settings = {"servers": servers, "client": client, "batch": batch, "store": store}
    return make_project(folder, DEFINITIONS, online=online, **settings)


def _measure(console: Console, name: str, project: Callable[..., Project]) -> None:
    console.print(_compared(name, project))
    backlog = {
        f"batch of {batch}, {client}": backlog(project(client, batch), BACKLOG)
        for batch in BATCHES
        for client in CLIENTS
    }
    console.print(_grid(f"{name}: requests that lie ready", backlog))
    console.print(_mirrored(name, project))
    for moment, known in ((f"{STREAM_S * 1000:.0f} ms later", False), ("when they come", True)):
        paced = {
            f"{rate}/s sent, {client}": _paced(project(client), rate, known=known)
            for rate in RATES
            for client in CLIENTS
        }
        title = f"{name}: requests that their views know {moment}, {WARM_SECONDS:.0f} s after the start"
        console.print(_grid(title, paced))


def _load(project: Project) -> Config:
    """For the clients that send and read back: the same whichever the job has, and the one that costs least."""
    return project.config.model_copy(update={"kafka": project.config.kafka.model_copy(update={"client": "confluent"})})


def prepare(project: Project, keys: int = KEYS) -> None:
    """Topics, a model, and a row of each key in each view."""
    plan = project.model("guess").model_plan
    ensure_topics(project.config, ["requests", plan.output, project.names.dead_letters])
    numbers, n = np.random.default_rng(1), 5_000
    columns: dict[str, Any] = {item.name: numbers.integers(0, 99, n).tolist() for item in plan.vector}
    columns |= {"id": [""] * n, "t": range(n), "label": numbers.normal(size=n).tolist()}
    file = write_set(project.folder / "set.parquet", plan, columns, (0, n))
    train(file, plan, project.config.state / "models", Span(0, n - 500), Span(n - 500, n))
    apply(project)
    _know(project, range(keys), T)


def _compared(name: str, project: Callable[..., Project]) -> Table:
    """Ours beside the loops, one after the other: requests that lie ready, and some that come at a steady rate."""
    loops = {name: (partial(run_loop, most=most), "kafka-python", n) for name, (most, n) in LOOPS.items()}
    runs = {**loops, **{f"penstock infer, {client}": (_run_job, client, BACKLOG) for client in CLIENTS}}
    ready = {name: backlog(project(client), n, run) for name, (run, client, n) in runs.items()}
    paced = {name: _paced(project(client), COMPARED_RATE, run, known=True) for name, (run, client, _) in runs.items()}
    grid = Table("", *runs, title=f"{name}: beside the loop that people write, 5 views, 30 features")
    grid.add_row("predictions/s, requests that lie ready", *(f"{run.rate:,.0f}" for run in ready.values()))
    for name in LOOPS:
        grid.add_row(f"times {name}", *(f"{run.rate / ready[name].rate:.1f}" for run in ready.values()))
    for percent in (50, 99):
        delays = (f"{np.percentile(run.delays, percent):.1f}" for run in paced.values())
        grid.add_row(f"sent to read back at {COMPARED_RATE}/s, p{percent} ms", *delays)
    return grid


def _mirrored(name: str, project: Callable[..., Project]) -> Table:
    """Requests that lie ready, their rows in the store and in memory."""
    _stream(project("confluent"), range(KEYS), T)
    runs = {
        f"{store}, batch of {batch}": backlog(project("confluent", batch, store), BACKLOG)
        for batch in BATCHES
        for store in ("online", "mirrored")
    }
    return _grid(f"{name}: requests that lie ready, confluent, the store and its mirror", runs)


def _stream(project: Project, keys: Sequence[int], t: int) -> None:
    """Rows of these keys in the topics of all views, as the Flink job writes them."""
    plans = project.streamed_views
    ensure_topics(project.config, [project.names.features(plan.name) for plan in plans])
    with producer(_load(project)) as sender:
        for plan in plans:
            headers = [("fingerprint", plan.fingerprint.encode())]
            values = dict(zip((feature.name for feature in plan.features), VALUES, strict=True))
            for number in keys:
                key = {plan.key[0].name: number}
                row = {"key": key, "t": t, "seq": 1, "values": values}
                sender.send(project.names.features(plan.name), orjson.dumps(row), orjson.dumps(key), headers)


def _know(project: Project, keys: Sequence[int], t: int) -> None:
    """Rows of these keys in all views."""
    rows = [FeatureRow((key,), t, 1, VALUES) for key in keys]
    with open_store(project.folder) as store:
        for plan in project.plans.values():
            store.write_rows(schema_of(plan), rows)


def _request(number: int, t: int, keys: int = KEYS) -> bytes:
    key = number % keys
    return orjson.dumps({"ts": t, "id": str(number), "a": key, "b": key, "c": key, "x": 1.5, "y": float(number)})


def backlog(project: Project, n: int, run: Runs | None = None, keys: int = KEYS) -> Run:
    """So many requests that lie ready."""
    with producer(_load(project)) as sender:
        for number in range(n):
            sender.send("requests", _request(number, T, keys))
    with _job(project, _end(project) - n, run) as job, _arrivals(project, n) as arrivals:
        arrivals.wait()
    times = sorted(arrivals.times.values())
    return job.run(n / max(times[-1] - times[0], 1e-9), np.array([]))


def _paced(
    project: Project, rate: int, run: Runs | None = None, *, known: bool = False, seconds: float = PACED_SECONDS
) -> Run:
    """``known``: the store knows all of them already. Those of the first ``WARM_SECONDS`` have no delay."""
    warm, n, sent, start = int(rate * WARM_SECONDS), int(rate * (WARM_SECONDS + seconds)), {}, _end(project)
    # a thread that has nothing to write would only take the others' time
    stream = nullcontext() if known else _Knowing(project)
    with _job(project, start, run) as job, _arrivals(project, n) as arrivals, stream as knowing:
        arrivals.ready()
        job.ready()
        with producer(_load(project), linger_ms=0) as sender:
            began = time.time()
            for number in range(n):
                time.sleep(max(0.0, began + number / rate - time.time()))
                t = T if known else int(time.time() * 1000)
                sent[start + number] = time.time()
                sender.send("requests", _request(number, t))
                if knowing is not None:
                    knowing.add(number % KEYS, t)
        arrivals.wait()
    timed = list(sent.items())[warm:]
    delays = np.array([(arrivals.times[offset] - at) * 1000 for offset, at in timed])
    return job.run(n / (max(arrivals.times.values()) - began), delays)


class _Knowing:
    """Stands for the stream: writes the rows that know a request a little later."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._due: list[tuple[float, int, int]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def add(self, key: int, t: int) -> None:
        """An event of this key."""
        self._due.append((time.time() + STREAM_S, key, t))

    def _write(self) -> None:
        schemas = [schema_of(plan) for plan in self._project.plans.values() if plan.source.name == "requests"]
        with open_store(self._project.folder) as store:
            while not self._stop.is_set() or self._due:
                due = [row for row in self._due if row[0] <= time.time()]
                del self._due[: len(due)]
                rows = [FeatureRow((key,), t, 1, VALUES) for _, key, t in due]
                for schema in schemas if rows else ():
                    store.write_rows(schema, rows)
                time.sleep(0.001)

    def __enter__(self) -> _Knowing:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()


class _Arrivals:
    """Reads committed predictions: the moment, in seconds, at which each request's (by offset) arrived."""

    def __init__(self, project: Project, wanted: int) -> None:
        self.times: dict[int, float] = {}
        self._project, self._wanted = project, wanted
        self._assigned = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        topic = self._project.model("guess").output
        options = {"isolation_level": "read_committed", "auto_offset_reset": "latest"}
        with consumer(_load(self._project), [topic], **options) as reader:
            while not reader.assignment():
                reader.poll(timeout_ms=100)
            for place in reader.assignment():
                reader.position(place)
            self._assigned.set()
            while len(self.times) < self._wanted:
                for records in reader.poll(timeout_ms=100).values():
                    now = time.time()
                    self.times.update((int(record.key.rsplit(b"-", 1)[1]), now) for record in records)

    def ready(self) -> None:
        """Returns when nothing can be missed."""
        self._assigned.wait()

    def wait(self) -> None:
        """Returns when all have arrived."""
        self._thread.join()


@contextmanager
def _arrivals(project: Project, wanted: int) -> Iterator[_Arrivals]:
    yield _Arrivals(project, wanted)


class _Job:
    """The inference job, or what runs instead of it, in a process of its own; the job with its parts timed."""

    def __init__(self, project: Project, start: int, run: Runs | None) -> None:
        context = get_context("spawn")
        self._ready, self._stop, self._said = context.Event(), context.Event(), context.Queue()
        arguments = (project.folder, start, self._ready, self._stop, self._said)
        self._process = context.Process(target=run or _run_job, args=arguments)
        self._process.start()

    def ready(self) -> None:
        """Returns when it reads."""
        self._ready.wait()

    def end(self) -> None:
        """Stops it."""
        self._stop.set()
        self._result: tuple[dict[str, float], dict[str, int]] = self._said.get(timeout=60)
        self._process.join()

    def run(self, rate: float, delays: np.ndarray) -> Run:
        """What was measured."""
        parts, counts = self._result
        return Run(rate, delays, parts, counts["requests"], counts["batches"])


@contextmanager
def _job(project: Project, start: int, run: Runs | None = None) -> Iterator[_Job]:
    job = _Job(project, start, run)
    try:
        yield job
    finally:
        job.end()


def _run_job(folder: Path, start: int, ready: Any, stop: Any, said: Any) -> None:
    spent: Counter[str] = Counter()
    for name, (kind, method) in PARTS.items():
        setattr(kind, method, _timed(spent, name, getattr(kind, method)))
    group = f"bench{time.time()}"
    counts = infer(load_project(folder), ["guess"], stop, group=group, start={0: start}, told=lambda line: ready.set())
    said.put((dict(spent), counts.to_dict()))


def _timed(spent: Counter[str], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*arguments: Any) -> Any:
        started = time.perf_counter()
        result = function(*arguments)
        # an idle wait for requests is no work
        if name != "read" or result:
            spent[name] += (time.perf_counter() - started) * 1000
        return result

    return timed


def _end(project: Project) -> int:
    with consumer(_load(project), ["requests"]) as reader:
        while not reader.assignment():
            reader.poll(timeout_ms=100)
        (end,) = reader.end_offsets(list(reader.assignment())).values()
    return int(end)


def _grid(title: str, runs: dict[str, Run]) -> Table:
    grid = Table("", *runs, title=title)
    grid.add_row("requests/s", *(f"{run.rate:,.0f}" for run in runs.values()))
    if all(len(run.delays) for run in runs.values()):
        for percent in (50, 99):
            delays = (f"{np.percentile(run.delays, percent):.1f}" for run in runs.values())
            grid.add_row(f"sent to read back, p{percent} ms", *delays)
    grid.add_row("requests in a transaction", *(f"{run.requests / run.batches:.1f}" for run in runs.values()))
    for part in PARTS:
        taken = (f"{run.parts.get(part, 0.0) / run.batches:.2f}" for run in runs.values())
        grid.add_row(f"{part}, ms for each transaction", *taken)
    return grid


if __name__ == "__main__":
    main()
