"""A whole year of flights through a session cluster at parallelism 4, whose task managers and job manager are killed.

``python -m tests.chaos.session`` runs it: in the end the last row of every key, in the stream and in the store, must
equal batch.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from penstock.jobs.kafka.broker import Broker
from tests.flights import Days, ms
from tests.flink_cluster import MANAGER, TASKS, flink_cluster
from tests.jobs.streaming.flights_on_cluster import Flights, run

KILLS = (TASKS[0], MANAGER, TASKS[1], MANAGER)


def main() -> None:
    """All of it, and a sentence."""
    start, end = ms("2013-01-01"), ms("2014-01-03")
    days, began = Days(start, start, start, end), time.monotonic()
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
    main()
