from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import HistogramMetricFamily

from jobs.metrics.buckets import SECONDS, Buckets


@given(st.lists(st.lists(st.sampled_from([*SECONDS, 0.0, 0.0015, 61.0]) | st.floats(0, 100)), max_size=4))
def test_batches_are_counted_as_prometheus_counts_single_values(batches: list[list[float]]) -> None:
    registry = CollectorRegistry()
    single = Histogram("x", "x", buckets=SECONDS, registry=registry)
    batched = Buckets(SECONDS)
    for batch in batches:
        batched.observe(batch)
        for value in batch:
            single.observe(value)
    family = HistogramMetricFamily("x", "x")
    batched.add_to(family, [])
    wanted = {(s.name, *s.labels.values()): s.value for s in next(iter(registry.collect())).samples}
    found = {(s.name, *s.labels.values()): s.value for s in family.samples}
    assert found.keys() == wanted.keys() - {("x_created",)}
    for name, value in found.items():
        assert np.isclose(value, wanted[name])
