"""The lag of consumer groups, as one family."""

from __future__ import annotations

from prometheus_client.core import GaugeMetricFamily, Metric

from penstock.jobs.kafka.lag import Pair, Progress

#: How far each group is in its topic.
GroupProgress = dict[Pair, Progress]


def lag_family(found: GroupProgress) -> Metric:
    """``penstock_lag_records`` of each group and topic."""
    family = GaugeMetricFamily("penstock_lag_records", "Records not committed yet.", labels=["group", "topic"])
    for (group, topic), progress in found.items():
        family.add_metric([group, topic], progress.lag)
    return family
