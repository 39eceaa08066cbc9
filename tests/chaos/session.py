"""A whole year of flights through a session cluster at parallelism 4, whose task managers and job manager are killed.

``python -m tests.chaos.session [END]`` runs it: in the end the last row of every key, in stream and store, must
equal batch.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from penstock.jobs.kafka.broker import Broker
from tests.flights import Days, ms
from tests.flink_cluster import MANAGER, TASKS, flink_cluster
from tests.jobs.streaming.flights_on_cluster import STREAM, Flights, run

KILLS = (TASKS[0], MANAGER, STREAM, TASKS[1], MANAGER)


def main(end: str) -> None:
    """All of it, or what was before ``end``, and a sentence."""
    start, end_ms = ms("2013-01-01"), ms(end)
    days, began = Days(start, start, start, end_ms), time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="penstock-chaos-") as folder,
        Broker(Path(folder) / "kafka") as broker,
        flink_cluster(Path(folder) / "flink") as cluster,
    ):
        flights = Flights(Path(folder) / "project", days, cluster, broker.bootstrap_servers, "flights")
        status, values = run(flights, days, KILLS)
    late = sum(counts["too_late"] for counts in status.counts.values())
    assert late == 0, status.counts
    events, seconds = sum(flights.sent.values()), time.monotonic() - began
    print(f"killed: {', '.join(KILLS)}; {events:,} events, none too late; {values:,} values = batch; {seconds:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "2014-01-03")
