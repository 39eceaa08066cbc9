from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import HistogramMetricFamily

from penstock.jobs.metrics.buckets import SECONDS, Buckets


@given(st.lists(st.lists(st.sampled_from([*SECONDS, 0.0, 0.0015, 61.0]) | st.floats(0, 100)), max_size=4))
def test_each_bucket_counts_what_is_at_most_its_bound(batches: list[list[float]]) -> None:
    buckets = Buckets(SECONDS)
    for batch in batches:
        buckets.observe(batch)
    family = HistogramMetricFamily("x", "x")
    buckets.add_to(family, [])
    values = [value for batch in batches for value in batch]
    found = {(s.name, s.labels.get("le")): s.value for s in family.samples}
    for bound in SECONDS:
        assert found["x_bucket", str(bound)] == sum(value <= bound for value in values)
    assert found["x_bucket", "+Inf"] == found["x_count", None] == len(values)
    assert np.isclose(found["x_sum", None], sum(values))
