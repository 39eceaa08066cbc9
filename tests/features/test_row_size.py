"""The texts of a row share the room that a record has; what that means for events is in ``tests/parity``."""

from __future__ import annotations

import orjson
import pytest

from penstock.features import DefinitionError, Stream, View, count, first, histogram, last_k, top_k
from penstock.features.plan import ViewPlan
from penstock.features.row_size import LEAST_BYTES, ROW_BYTES

events = Stream("events", topic="t", time="ts", columns=dict(k="string", n="int64", s="string", x="float64"))


def largest_row(plan: ViewPlan) -> int:
    """Bytes of key and value of the largest row, with texts that JSON makes as long as it can."""
    text = "\x01" * plan.text_limit
    greatest = {"string": text, "int64": -(2**63), "float64": -2.2250738585072014e-308}
    key = {each.name: greatest[each.type] for each in plan.key}
    values = {}
    for feature in plan.features:
        value = greatest[feature.type.removeprefix("list<").removesuffix(">")]
        values[feature.name] = [value] * feature.most if feature.type.startswith("list<") else value
    row = {"key": key, "t": -(2**63), "seq": 2**63 - 1, "values": values}
    return len(orjson.dumps(key)) + len(orjson.dumps(row))


@pytest.mark.parametrize(
    ("key", "features"),
    [
        ("k", dict(c=count().over("1m"))),
        (["k", "s"], dict(a=first(events.s).over("1m", "2m"), b=first(events.x).over("1m"))),
        ("n", dict(a=last_k(events.s, 1000).over("1m", "2m"), b=last_k(events.x, 1000).over("1m"))),
        ("k", dict(a=top_k(events.n, 1000).over("1m"), b=histogram(events.n, range(1001)).over("1m"))),
    ],
)
def test_the_largest_row_fits_and_uses_most_of_the_room(key: str, features: dict) -> None:  # type: ignore[type-arg]
    plan = View("v", events, key=key, features=features).plan
    assert 0.9 * ROW_BYTES < largest_row(plan) <= ROW_BYTES


def test_what_is_always_too_large_is_refused() -> None:
    lists = {f"l{i}": last_k(events.s, 1000).over("1m") for i in range(9)}
    with pytest.raises(DefinitionError, match=r"the rows of v can be too large: 9000 values") as caught:
        View("v", events, key="k", features=lists).plan  # noqa: B018
    assert (
        str(caught.value.allowed)
        == f"rows of at most {ROW_BYTES} bytes, whose texts have {LEAST_BYTES} bytes of it each"
    )
