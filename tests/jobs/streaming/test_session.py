"""``penstock stream`` with its job in a session cluster: a real standalone cluster behind TLS, parts of it killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.features.compilers.flink.config import JobSettings
from penstock.jobs.streaming.state import newest_state
from tests.flights import Days, ms
from tests.flink_cluster import flink_cluster
from tests.jobs.streaming.flights_on_cluster import Flights, run
from tests.kafka_broker import Kafka
from tests.projects import unique

DAYS = Days(ms("2013-10-01"), ms("2013-10-01"), ms("2013-10-01"), ms("2013-10-03"))


@pytest.mark.timeout(600)  # on a machine that others share
def test_flights_in_a_cluster_that_loses_a_task_manager_and_its_job_manager(kafka: Kafka, tmp_path: Path) -> None:
    with flink_cluster(tmp_path / "flink") as cluster:
        prefix = unique("flights")
        flights = Flights(tmp_path / "project", DAYS, cluster, kafka.servers, prefix)
        status, values = run(flights, DAYS)
        for view, counts in status.counts.items():
            assert counts["too_late"] == counts["duplicate"] == 0, view
        assert values > 2_000
        kept = JobSettings(tmp_path, 0, 0, storage=tmp_path / "flink" / "storage" / prefix)
        state = newest_state(kept)
        assert state is not None and state.parent == kept.savepoints
