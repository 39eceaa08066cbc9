"""What ``penstock stream`` tells: the Flink job's counts, the writer's, and how far both are behind their topics."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from penstock.features.errors import PenstockError
from penstock.jobs.kafka.lag import progress, read_by_stream, written_by_stream
from penstock.jobs.metrics.lag import lag_family
from penstock.jobs.project.project import Project
from penstock.jobs.streaming.status import read_counted, running_job
from penstock.jobs.streaming.writer import WriterCounts


class StreamMetrics(Collector):
    """Asked for each time that Prometheus comes by. ``written`` gives the writer's counts so far, ``lost`` by source
    the offsets that were gone before they were read.

    What Flink or Kafka does not answer at that moment is left out, and ``penstock_up`` says so.
    """

    def __init__(self, project: Project, written: WriterCounts, lost: Mapping[str, int]) -> None:
        self._project, self._written, self._lost = project, written, lost

    def collect(self) -> Iterator[Metric]:
        """The families, each whole."""
        up = GaugeMetricFamily("penstock_up", "1 where the part answers, else 0.", labels=["part"])
        for part, families in (("flink", self._flink), ("kafka", self._kafka)):
            try:
                found = list(families())
            except PenstockError:
                found = []
            yield from found
            up.add_metric([part], float(bool(found)))
        yield up
        yield self._losses()
        yield from self._writer()

    def _flink(self) -> Iterator[Metric]:
        events = CounterMetricFamily(
            "penstock_events", "Events of a view by what became of them.", labels=["view", "source", "class"]
        )
        rest = running_job(self._project)
        counted = read_counted(self._project, rest)
        for (view, source), counts in counted.of_sources.items():
            for name, number in counts.items():
                events.add_metric([view, source, name], number)
        dead = CounterMetricFamily("penstock_dead_letters", "Dead letters of a source.", labels=["source", "reason"])
        for source, reasons in counted.dead.items():
            for reason, number in reasons.items():
                dead.add_metric([source, reason], number)
        state = rest.checkpoints()
        restarts = GaugeMetricFamily("penstock_flink_restores", "Restores of the job's state since its start.")
        restarts.add_metric([], state.restored)
        yield from (events, dead, restarts)
        if state.newest_ms is not None:
            age = GaugeMetricFamily("penstock_checkpoint_age_seconds", "Time since the newest complete checkpoint.")
            age.add_metric([], time.time() - state.newest_ms / 1000)
            yield age

    def _kafka(self) -> Iterator[Metric]:
        read, written = read_by_stream(self._project), written_by_stream(self._project)
        yield lag_family(progress(self._project.config, [*read.values(), *written.values()]))

    def _losses(self) -> Metric:
        lost = CounterMetricFamily("penstock_lost_offsets", "Offsets gone before they were read.", labels=["reader"])
        for source, number in list(self._lost.items()):
            lost.add_metric([source], number)
        lost.add_metric(["writer"], self._written.lost)
        return lost

    def _writer(self) -> Iterator[Metric]:
        written = self._written
        rows = CounterMetricFamily("penstock_writer_rows", "Feature rows read from a view's topic.", labels=["view"])
        for view, number in list(written.by_view.items()):
            rows.add_metric([view], number)
        newest = GaugeMetricFamily(
            "penstock_writer_time_seconds",
            "The greatest t written, since the epoch: event time, or that of a change.",
            labels=["view"],
        )
        for view, t in list(written.newest.items()):
            newest.add_metric([view], t / 1000)
        applied = CounterMetricFamily("penstock_writer_applied", "Rows that the store took: newer than what it had.")
        applied.add_metric([], written.applied)
        erased = CounterMetricFamily("penstock_writer_erased", "Keys that tombstones erased from the store.")
        erased.add_metric([], written.erased)
        batches = CounterMetricFamily("penstock_writer_batches", "Writes to the store.")
        batches.add_metric([], written.batches)
        seconds = CounterMetricFamily("penstock_writer_store_seconds", "Time spent in writes to the store.")
        seconds.add_metric([], written.store_seconds)
        yield from (rows, newest, applied, erased, batches, seconds)
