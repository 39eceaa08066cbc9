"""A stream with a column of every spelling and cast, for ``records.json``: the records that both parsers read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from penstock import Stream, View, column, last

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("records.json").read_text())

COLUMNS = dict(
    amount=column("float64", places=2, cast=("decimal", "text"), path="order.total.amount"),
    price=column("float64", cast="text", path="order.price"),
    n=column("int64", cast=("text", "fraction"), path='order["n.n"]'),
    plain=column("int64", path="order.plain"),
    id=column("string", cast=("number", "fraction"), path="order.id"),
    ok=column("bool", cast=("text", "number"), path="order.ok"),
    state=column("string", values=("open", "paid"), path="order.state"),
    code=column("string", values={"1": "one", "2": "two"}, cast="number", path="order.code"),
    at=column("timestamp", unit="iso8601", zone="Europe/Berlin", path="meta.at"),
    s=column("timestamp", unit="s", cast="text", path="meta.s"),
    ns=column("timestamp", unit="ns", path="meta.ns"),
    sku=column("string", path="items[0].sku"),
    sku2=column("string", path="items[1].sku"),
    label=column("string", path='labels["a b"]["@x"]'),
    pick=column("string", path=("after.v", "before.v")),
)

SPELLED = Stream("spelled", topic="spelled", time="ts", columns=dict(k="string", **COLUMNS))
VIEW = View("shown", SPELLED, key="k", features={name: last(SPELLED[name]).over("1d") for name in COLUMNS})


def as_event(number: int, record: str) -> bytes:
    """The record with a key and a time of its own; it begins an object."""
    assert record[0] == "{"
    own = f'{{"k": "{number}", "ts": {number}'
    return (own + (", " if record[1:].lstrip()[:1] != "}" else "") + record[1:]).encode()
