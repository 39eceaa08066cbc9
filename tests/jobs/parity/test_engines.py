"""The oracle a key at a time is the oracle."""

from hypothesis import HealthCheck, given, settings

from penstock.jobs.parity.compare import compare_answers
from penstock.jobs.parity.engines import oracle_stream, oracle_stream_by_key, stream_items
from tests.parity.strategies import World, worlds


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(worlds())
def test_a_key_at_a_time_is_the_same_stream(world: World) -> None:
    for plan in world.plans:
        items = stream_items(world.arrivals)
        whole = oracle_stream(plan, world.arrivals, items)
        result = compare_answers(plan, whole, oracle_stream_by_key(plan, items), ("whole", "by key"))
        assert result.differences == 0, result.samples
