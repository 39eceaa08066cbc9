"""Functions of doubles over doubles of every size: the same bits on every engine."""

from __future__ import annotations

import json

import numpy as np

from penstock import Stream, View, last
from penstock.features.compilers.flink.driver import HarnessDriver
from penstock.jobs.parity.compare import compare_answers
from penstock.jobs.parity.engines import duckdb_batch, flink_stream, oracle_batch, oracle_stream, stream_items
from penstock.jobs.parity.events import arrival

doubles = Stream("doubles", topic="doubles", time="ts", columns=dict(k="string", x="float64"))
x = doubles.x
PLAN = View(
    "v",
    doubles,
    key="k",
    features=dict(
        root=last(x.sqrt()).over("1ms"),
        log=last(x.log()).over("1ms"),
        exp=last(x.exp()).over("1ms"),
        near=last(x.round()).over("1ms"),
        down=last(x.floor()).over("1ms"),
        up=last(x.ceil()).over("1ms"),
        whole=last(x.cast("int64")).over("1ms"),
    ),
).plan


def values() -> list[float]:
    """Any bits; where exp is a number; around 1, where log is small; halves; the ends of the algorithms' branches."""
    random = np.random.default_rng(7)
    any_bits = random.integers(0, 2**64, 1500, dtype=np.uint64).view(np.float64)
    near_one = 1 + random.normal(size=500) * 10.0 ** random.integers(-12, 1, 500)
    halves = random.integers(-(2**53), 2**53, 500) / 2
    ends = [0.0, 5e-324, 2.0**-1022, 709.782712893384, 709.7827128933841, -745.1332191019411, -745.1332191019412]
    branches = [0.34657359027997264, 1.0397207708399179, 2.0**-28, -(2.0**-28), 2.0**0.5, 0.5**0.5, 2.0**63]
    found = np.concatenate([any_bits, random.uniform(-750, 720, 1000), near_one, halves, ends, branches])
    return [float(value) for value in found[np.isfinite(found)]]


def test_functions_of_doubles_have_the_same_bits_on_every_engine(driver: HarnessDriver) -> None:
    raws = [json.dumps({"ts": 5 * i, "k": f"{i % 500}", "x": value}).encode() for i, value in enumerate(values())]
    came = [arrival(PLAN.source, i, raw) for i, raw in enumerate(raws)]
    items = stream_items(came)
    result = compare_answers(PLAN, oracle_batch(PLAN, came), duckdb_batch(PLAN, came), ("oracle", "duckdb"))
    assert result.differences == 0, result.samples
    exact = oracle_stream(PLAN, came, items)
    result = compare_answers(PLAN, exact, flink_stream(driver, [PLAN], items)["v"], ("oracle", "flink"))
    assert result.differences == 0, result.samples
