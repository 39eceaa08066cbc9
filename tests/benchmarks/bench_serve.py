"""``penstock serve`` beside ``feast serve`` with ``Booster.predict`` behind FastAPI: one run, machine, Redis and model.
The load generator is on the same processors. Each figure stands with the load of the machine in that minute.

Run: ``python -m tests.benchmarks.bench_serve``.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import orjson
import psutil
from rich.console import Console
from rich.table import Table

from penstock.jobs.process.ports import free_port
from tests.benchmarks.bench_hot_path import KEYS, USUAL, T, _prepared
from tests.benchmarks.http_load import Load, Run, run
from tests.redis_server import redis_server

#: Connections of each kind of load, and for how long it lasts.
CONNECTIONS, SECONDS = 16, 8.0
RATE, ROWS = 1_000.0, 100
#: Other bodies than the last so many.
BODIES = 500
START_S = 180.0


@dataclass(frozen=True)
class Server:
    """Where it listens, the processes that it is, and how it takes a body of these requests."""

    name: str
    port: int
    path: str
    processes: Sequence[subprocess.Popen[bytes]]
    wrapped: bool

    def bodies(self, rows: int) -> list[str]:
        """Bodies of so many requests each."""
        chance = random.Random(rows)
        made = [[_request(chance.randrange(KEYS * KEYS)) for _ in range(rows)] for _ in range(BODIES)]
        if self.wrapped:
            return [orjson.dumps({"requests": body}).decode() for body in made]
        return [orjson.dumps(body[0] if rows == 1 else body).decode() for body in made]

    def processor_s(self) -> float:
        """Seconds that all of its processes have used."""
        every = [psutil.Process(process.pid) for process in self.processes]
        every += [child for process in every for child in process.children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in every)


def _request(number: int) -> dict[str, object]:
    keys = {f"k{view}": (number * (2 * view + 1)) % KEYS for view in range(USUAL.views)}
    return {"ts": T, "id": str(number), **keys, "x": 1.5, "y": float(number % 97)}


def main() -> None:
    """Prints one table beside the service that people write, and one with what is to be reached."""
    console = Console(width=150)
    with tempfile.TemporaryDirectory() as temporary, redis_server(Path(temporary)) as redis, ExitStack() as running:
        folder = Path(temporary) / "project"
        with _prepared(folder, replace(USUAL, redis=True), redis.connection_string):
            pass
        ours = running.enter_context(_penstock(folder))
        own = running.enter_context(_own(folder))
        console.print(_beside(ours, own))
        console.print(_alone(ours))


def _beside(ours: Server, own: Server) -> Table:
    names = ("", own.name, ours.name, "times", "load average")
    grid = Table(
        *names, title=f"{CONNECTIONS} connections, each sends when it is answered; 5 views, 30 features, 100 trees"
    )
    for rows in (1, ROWS):
        runs = {}
        for server in (own, ours):
            before = server.processor_s()
            done = _run(server, Load(server.port, server.path, server.bodies(rows), CONNECTIONS, SECONDS))
            # the seconds that warm it are in both
            runs[server.name] = done, (server.processor_s() - before) / max(1.0, done.answers * (SECONDS + 1) / SECONDS)
        (theirs, their_s), (mine, my_s) = runs[own.name], runs[ours.name]
        what = f"{rows} in a body"
        load = _load()
        grid.add_row(
            f"{what}: bodies/s", f"{theirs.rate:,.0f}", f"{mine.rate:,.0f}", f"{mine.rate / theirs.rate:.1f}", load
        )
        grid.add_row(f"{what}: p50 ms", f"{theirs.p50:.1f}", f"{mine.p50:.1f}", f"{theirs.p50 / mine.p50:.1f}", load)
        grid.add_row(f"{what}: p99 ms", f"{theirs.p99:.1f}", f"{mine.p99:.1f}", f"{theirs.p99 / mine.p99:.1f}", load)
        spent = (f"{their_s * 1e6:,.0f}", f"{my_s * 1e6:,.0f}", f"{their_s / my_s:.1f}")
        grid.add_row(f"{what}: processor us for a body", *spent, load)
    return grid


def _alone(ours: Server) -> Table:
    grid = Table("penstock serve", "reached", "wanted", "load average")
    paced = _run(ours, Load(ours.port, ours.path, ours.bodies(1), CONNECTIONS, SECONDS, RATE))
    grid.add_row(f"single predictions/s at {RATE:,.0f}/s sent", f"{paced.rate:,.0f}", f"{RATE:,.0f}", _load())
    grid.add_row("p50 and p99 of these, ms", f"{paced.p50:.2f}, {paced.p99:.2f}", "p99 under 5", _load())
    for connections in (1, 4):
        many = _run(ours, Load(ours.port, ours.path, ours.bodies(ROWS), connections, SECONDS))
        what = f"predictions/s in bodies of {ROWS}, {connections} connections"
        grid.add_row(what, f"{many.rate * ROWS:,.0f}", "30,000", _load())
    return grid


def _run(server: Server, load: Load) -> Run:
    done = run(load)
    assert not done.failed, f"{server.name}: {done.failed} of {done.answers} are not answered"
    return done


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


@contextmanager
def _penstock(folder: Path) -> Iterator[Server]:
    port = free_port()
    toml = folder / "penstock.toml"
    toml.write_text(toml.read_text() + f"\n[serve]\nport = {port}\ndeadline_ms = 60000\n")
    with _process(["penstock", "serve", "guess", "--project", str(folder)], port, "/health/live") as process:
        yield Server("penstock serve", port, "/models/guess/predict", [process], False)


@contextmanager
def _own(folder: Path) -> Iterator[Server]:
    features, port = free_port(), free_port()
    feast = ["feast", "--chdir", str(folder), "serve", "--port", str(features), "--no-access-log"]
    own = ["uvicorn", "tests.benchmarks.own_service:app", "--port", str(port), "--no-access-log"]
    os.environ.update(OWN_PROJECT=str(folder), OWN_FEATURES=f"http://127.0.0.1:{features}")
    with (
        _process([*feast, "--max-requests", "1000000000"], features, "/health") as first,
        _process(own, port, "/docs") as second,
    ):
        yield Server("feast serve, FastAPI, Booster", port, "/predict", [first, second], True)


@contextmanager
def _process(command: Sequence[str], port: int, path: str) -> Iterator[subprocess.Popen[bytes]]:
    """One that answers 200 at ``path``; it is stopped at the end."""
    tool = Path(sys.executable).parent / command[0]
    process = subprocess.Popen([str(tool), *command[1:]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_S
        while not _answers(f"http://127.0.0.1:{port}{path}"):
            assert process.poll() is None and time.monotonic() < deadline, f"{command[0]} does not start"
            time.sleep(0.2)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


if __name__ == "__main__":
    main()
