"""One stream of orders, spelled in several ways, and the files that hold its rows so."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from penstock import Stream, View, column, count, last, max, record_key, sum
from penstock.features.ingest import Row
from penstock.features.plan import SourcePlan, ViewPlan
from penstock.features.records.spelling import spell
from penstock.features.records.times import iso_text

#: The columns of an order.
PLAIN: dict[str, Any] = dict(
    id="string", customer="string", ts="timestamp", amount=column("float64", places=2), items="int64", gift="bool",
    state="string", shipped="timestamp",
)  # fmt: skip

#: Spelling → the columns of the same orders.
SPELLINGS: dict[str, dict[str, Any]] = {
    "flat": PLAIN,
    "nested": dict(
        id=column("string", path="order.id"), customer=column("string", path='order["the customer"].name'),
        ts=column("timestamp", path="order.placed.at"), amount=column("float64", places=2, path="order.total.amount"),
        items=column("int64", path="order.lines[1].count"), gift=column("bool", path='flags["@gift"]'),
        state=column("string", path="order.state.key"), shipped=column("timestamp", path="order.shipped.t"),
    ),
    "seconds and text": dict(
        id=column("string", cast="number"), customer="string", ts=column("timestamp", unit="s"),
        amount=column("float64", places=2, cast=("decimal", "text")), items=column("int64", cast=("text", "fraction")),
        gift=column("bool", cast=("text", "number")), state=column("string", values={"O": "open", "P": "paid"}),
        shipped=column("timestamp", unit="us", cast="text"),
    ),
    "renamed and ISO": dict(
        id=column("string", path="Order-ID"), customer=record_key(path="customer.id"),
        ts=column("timestamp", path="@timestamp", unit="iso8601"), amount=column("float64", places=2, path="Betrag"),
        items=column("int64", path="seq"), gift=column("bool", path="class"), state=column("string", path="t"),
        shipped=column("timestamp", path="a.b", unit="iso8601", zone="Europe/Berlin"),
    ),
}  # fmt: skip


def orders(spelling: str, **more: Any) -> Stream:
    """The stream in a spelling."""
    return Stream("orders", topic="orders", time="ts", id="id", columns=SPELLINGS[spelling], **more)


def view(source: Stream) -> View:
    """What customers order."""
    return View("customers", source, key="customer", filter=source.state == "paid", features=dict(
        n=count().over("10s"), amount=sum(source.amount).over("10s"), items=sum(source.items).over("1m"),
        gift=last(source.gift).over("1m"), shipped=max(source.shipped).over("1m"),
    ))  # fmt: skip


def lines(source: SourcePlan, rows: Sequence[Row]) -> list[bytes]:
    """The rows as lines of a file of records."""
    return [spell(source, row).line({}) for row in rows]


def write_json(source: SourcePlan, rows: Sequence[Row], file: Path) -> None:
    """JSON lines, compressed as the name says."""
    raw = b"".join(line + b"\n" for line in lines(source, rows))
    if file.suffix == ".gz":
        file.write_bytes(gzip.compress(raw))
    elif file.suffix == ".zst":
        with pa.output_stream(file, compression="zstd") as out:
            out.write(raw)
    else:
        file.write_bytes(raw)


def write_csv(rows: Sequence[Row], file: Path) -> None:
    """A table of texts, for the spelling of seconds and text."""
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(PLAIN)
        for row in rows:
            writer.writerow(["" if value is None else value for value in _as_text(row).values()])


def write_typed(rows: Sequence[Row], file: Path) -> None:
    """Parquet with the columns' own names and types."""
    types = dict(id=pa.string(), customer=pa.string(), ts=pa.int64(), amount=pa.float64(), items=pa.int64(),
                 gift=pa.bool_(), state=pa.string(), shipped=pa.timestamp("ms", "UTC"))  # fmt: skip
    pq.write_table(pa.Table.from_pylist(list(rows), pa.schema(list(types.items()))), file)


def write_nested(rows: Sequence[Row], file: Path) -> None:
    """Parquet with structs, lists and a map, for the nested spelling."""
    text, ms = pa.string(), pa.timestamp("us", "UTC")
    order = pa.struct([
        ("id", text), ("the customer", pa.struct([("name", text)])), ("placed", pa.struct([("at", ms)])),
        ("total", pa.struct([("amount", pa.float64())])), ("lines", pa.list_(pa.struct([("count", pa.int32())]))),
        ("state", pa.struct([("key", text)])), ("shipped", pa.struct([("t", pa.timestamp("ms"))])),
    ])  # fmt: skip
    schema = pa.schema([("order", order), ("flags", pa.map_(text, pa.bool_()))])
    pq.write_table(pa.Table.from_pylist([_nested(row) for row in rows], schema), file)


def _nested(row: Row) -> dict[str, Any]:
    made = {
        "id": row["id"], "the customer": {"name": row["customer"]}, "placed": {"at": row["ts"] * 1000},
        "total": None if row["amount"] is None else {"amount": row["amount"]}, "state": {"key": row["state"]},
        "lines": [] if row["items"] is None else [None, {"count": row["items"]}], "shipped": {"t": row["shipped"]},
    }  # fmt: skip
    return {"order": made, "flags": [] if row["gift"] is None else [("@gift", row["gift"])]}


def _as_text(row: Row) -> dict[str, Any]:
    """As the spelling of seconds and text has it."""
    return {
        **row,
        "ts": f"{row['ts'] / 1000:.3f}",
        "amount": None if row["amount"] is None else f"{row['amount']:.2f}",
        "items": None if row["items"] is None else f"{row['items']}.0",
        "gift": None if row["gift"] is None else str(row["gift"]),
        "state": None if row["state"] is None else row["state"][0].upper(),
        "shipped": None if row["shipped"] is None else str(row["shipped"] * 1000 + 7),
    }


def write_text(rows: Sequence[Row], file: Path) -> None:
    """Parquet of texts, decimals and doubles, for the spelling of seconds and text."""
    types = dict(id=pa.int64(), customer=pa.string(), ts=pa.float64(), amount=pa.decimal128(18, 3), items=pa.float64(),
                 gift=pa.int8(), state=pa.string(), shipped=pa.string())  # fmt: skip
    made = [
        {
            **_as_text(row), "id": int(row["id"]), "ts": row["ts"] / 1000, "items": row["items"],
            "gift": None if row["gift"] is None else int(row["gift"]),
            "amount": None if row["amount"] is None else Decimal(f"{row['amount']:.2f}"),
        }
        for row in rows
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(made, pa.schema(list(types.items()))), file)


def write_iso(rows: Sequence[Row], file: Path) -> None:
    """Parquet of renamed columns and ISO texts, for the spelling of these."""
    made = [
        {
            "Order-ID": row["id"], "customer": row["customer"], "@timestamp": iso_text(row["ts"]),
            "Betrag": row["amount"], "seq": row["items"], "class": row["gift"], "t": row["state"],
            "a": {"b": None if row["shipped"] is None else iso_text(row["shipped"])},
        }
        for row in rows
    ]  # fmt: skip
    text = pa.string()
    schema = pa.schema([
        ("Order-ID", text), ("customer", text), ("@timestamp", text), ("Betrag", pa.float64()),
        ("seq", pa.int64()), ("class", pa.bool_()), ("t", text), ("a", pa.struct([("b", text)])),
    ])  # fmt: skip
    pq.write_table(pa.Table.from_pylist(made, schema), file)


#: Spelling → the files that can hold its rows, by their names' ends.
FILES: dict[str, dict[str, Any]] = {
    "flat": {".parquet": write_typed},
    "nested": {".parquet": write_nested},
    "seconds and text": {".parquet": write_text, ".csv": write_csv},
    "renamed and ISO": {".parquet": write_iso},
}


def plan(spelling: str) -> ViewPlan:
    """The view over a spelling."""
    return view(orders(spelling)).plan
