"""The backfill beside SQL written by hand for DuckDB. Run: ``python -m tests.benchmarks.bench_backfill``.

The hand-written query has float sums that drift and one frame per window; it reads the same Parquet, gives the same
change points and writes Parquet. How the cost grows: with events, and with events in a window.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from penstock import Stream, View, count, max, mean, min, sum
from penstock.jobs.batch.backfill import backfill

HOUR_MS = 3_600_000
MEMORY = "4GB"
WINDOWS = {"1m": 60_000, "10m": 600_000, "1h": HOUR_MS}

events = Stream("events", history="*.parquet", time="ts", columns=dict(k="string", x="float64"))

#: events, keys, events of a key in an hour
LOADS = ((250_000, 10_000, 50), (1_000_000, 10_000, 50), (1_000_000, 20, 3_000))


def main() -> None:
    """Prints events per second of both, for one window and for three."""
    grid = Table("events", "in an hour", "windows", "by hand /s", "backfill /s", "ratio", title="backfill, DuckDB")
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name:
        for number, load in enumerate(LOADS):
            folder = Path(name) / str(number)
            folder.mkdir()
            _write(folder, *load)
            for windows in (["1h"], list(WINDOWS)):
                hand, own = _by_hand(folder, windows), _own(folder, windows)
                rates = (load[0] / hand, load[0] / own)
                grid.add_row(
                    f"{load[0]:,}",
                    f"{load[2]:,}",
                    " ".join(windows),
                    *(f"{r:,.0f}" for r in rates),
                    f"{hand / own:.1f}",
                )
    Console().print(grid)


def _write(folder: Path, events: int, keys: int, per_hour: int) -> None:
    step = HOUR_MS / (keys * per_hour)
    with duckdb.connect() as db:
        db.execute("SELECT setseed(0.5)")
        db.execute(
            f"""COPY (SELECT 'customer-' || CAST(random() * {keys} AS INTEGER) AS k, round(random() * 1000, 2) AS x,
            make_timestamp(CAST(i * {step} AS BIGINT) * 1000) AS ts FROM range({events}) AS r(i))
            TO '{folder}/events.parquet' (FORMAT parquet)"""
        )


def _by_hand(folder: Path, windows: list[str]) -> float:
    marks = [
        f"SELECT k, epoch_ms(ts) + {WINDOWS[name]} AS t, NULL AS x FROM '{folder}/events.parquet'" for name in windows
    ]
    calls = ", ".join(
        f"count(x) OVER w{name} AS n_{name}, sum(x) OVER w{name} AS s_{name}, min(x) OVER w{name} AS lo_{name}, "
        f"max(x) OVER w{name} AS hi_{name}, avg(x) OVER w{name} AS m_{name}"
        for name in windows
    )
    frames = ", ".join(
        f"w{name} AS (PARTITION BY k ORDER BY t RANGE BETWEEN {WINDOWS[name] - 1} PRECEDING AND CURRENT ROW)"
        for name in windows
    )
    started = time.perf_counter()
    with duckdb.connect(config={"memory_limit": MEMORY}) as db:
        db.execute(
            f"""COPY (WITH marks AS (SELECT k, epoch_ms(ts) AS t, x FROM '{folder}/events.parquet'
            UNION ALL {" UNION ALL ".join(marks)})
            SELECT DISTINCT k, t, {calls} FROM marks WINDOW {frames} ORDER BY k, t)
            TO '{folder}/hand.parquet' (FORMAT parquet)"""
        )
    return time.perf_counter() - started


def _own(folder: Path, windows: list[str]) -> float:
    of = dict(n=count(events.x), s=sum(events.x), lo=min(events.x), hi=max(events.x), m=mean(events.x))
    plan = View("v", events, key="k", features={name: feature.over(*windows) for name, feature in of.items()}).plan
    out = folder / f"own-{len(windows)}"
    started = time.perf_counter()
    backfill(plan, str(folder / "events.parquet"), 0, 2**50, out, memory=MEMORY)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
