"""``penstock parity`` from start to end. Run: ``python -m tests.benchmarks.bench_parity``."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

EVENTS = 10_000
#: A busy key has more events than the oracle looks at; of many keys each has a few.
PLANES = {"3,000 planes": 3_000, "100 planes": 100, "3 planes": 3}

DEFINITIONS = """
from penstock import Stream, View, count, last, lifetime, max, mean, min, sliding, std, sum
flights = Stream("flights", topic="flights", time="ts", id="flight", disorder="10m", columns=dict(
    flight="string", plane="int64", carrier="string", delay="float64", miles="float64"))
late = flights.delay > 15
traffic = View("traffic", flights, key="plane", features=dict(
    n=count().over("30m", "3h"), delay=mean(flights.delay).over("3h", sliding("30d", step="1h")),
    worst=max(flights.delay).over("30m")))
carriers = View("carriers", flights, key="carrier", features=dict(
    delay=mean(flights.delay).over("3h"), late=count(where=late).over("30d")))
day = View("day", flights, key="plane", features=dict(n=count().over("1d"), miles=sum(flights.miles).over("1d")))
spread = View("spread", flights, key=["plane", "carrier"], features=dict(
    sd=std(flights.delay).over("7d"), last=last(flights.delay).over(lifetime())))
least = View("least", flights, key="plane", filter=~late, features=dict(least=min(flights.delay).over("1d")))
"""


def main() -> None:
    """Prints seconds of the whole command, its JVM among them."""
    grid = Table("keys", "seconds", "values compared", title=f"parity: {EVENTS:,} events x 5 views, two orders")
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name:
        folder = Path(name)
        (folder / "definitions.py").write_text(DEFINITIONS)
        for title, planes in PLANES.items():
            (folder / "events.jsonl").write_text("\n".join(_events(planes)))
            grid.add_row(title, *_timed(folder))
    Console().print(grid)


def _events(planes: int) -> list[str]:
    chance = random.Random(7)
    rows = (
        dict(ts=60_000 * i, flight=str(i), plane=chance.randrange(planes), carrier=chance.choice("abcdefgh"),
             delay=round(chance.gauss(10, 40), 1), miles=float(chance.randrange(200, 3_000)))
        for i in range(EVENTS)
    )  # fmt: skip
    return [json.dumps(row) for row in rows]


def _timed(folder: Path) -> tuple[str, str]:
    command = [sys.executable, "-m", "penstock.jobs.cli", "parity", str(folder / "definitions.py"), "--json"]
    begun = time.perf_counter()
    done = subprocess.run([*command, "--events", str(folder / "events.jsonl")], capture_output=True, check=True)
    seconds = time.perf_counter() - begun
    return f"{seconds:.1f}", f"{json.loads(done.stdout)['values']:,}"


if __name__ == "__main__":
    main()
