"""Write and read of the online stores beside stock Feast. Run: ``python -m tests.benchmarks.bench_store``."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from feast import FeatureStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from rich.console import Console
from rich.table import Table

from penstock.jobs.store.bulk import BulkStore
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow, ViewSchema
from tests.jobs.store.projects import REDIS, SQLITE, applied, make_project, wide_rows, wide_schema
from tests.redis_server import redis_server

KEYS = 10_000
ENTITIES = (1, 10, 100, 1000)
SCHEMAS = tuple(wide_schema(f"view_{i}") for i in range(3))
STOCK = {SQLITE: "sqlite", REDIS: "redis"}
SECONDS_PER_READ_CASE = 2.0
CALLS_IN_TURN = 5

Write = Callable[[ViewSchema, Any], Any]


def main() -> None:
    """Prints rows/s written and ms per read of each store, beside stock Feast and as a ratio to it."""
    console = Console()
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name)) as server:
        options = {SQLITE: "path: online.db", REDIS: f"connection_string: {server.connection_string}"}
        for store, option in options.items():
            folder = Path(name) / STOCK[store]
            # another database of the server: neither meets the other's rows
            other = f"{option},db=1" if store == REDIS else option
            stock = applied(make_project(folder / "stock", STOCK[store], other), *SCHEMAS)
            feast = applied(make_project(folder / "own", store, option), *SCHEMAS)
            with open_store(folder / "own") as own:
                console.print(_writes(STOCK[store], own, stock))
                console.print(_reads(STOCK[store], own, feast, stock))


def _writes(name: str, own: BulkStore, stock: FeatureStore) -> Table:
    grid = Table("way", "new keys", "newer rows", "ratio", title=f"{name}: rows/s, {KEYS} keys x 10 features")
    base = _row_rates(_online_write_batch(stock), _protos)
    for title, rates in (
        ("stock write_to_online_store(df)", _row_rates(_write_to_online_store(stock), _frame)),
        ("stock online_write_batch", base),
        ("write_rows", _row_rates(own.write_rows, lambda schema, rows: rows)),
    ):
        grid.add_row(title, *(f"{rate:,.0f}" for rate in rates), f"{rates[1] / base[1]:.1f}")
    return grid


def _row_rates(write: Write, form: Callable[[ViewSchema, list[FeatureRow]], Any]) -> list[float]:
    """Rows/s for keys that are new (the last view's), and for newer rows of the same keys."""
    rates = []
    for t in (1_000_000, 2_000_000):
        for schema in SCHEMAS:
            rows = form(schema, wide_rows(schema, KEYS, t))
            started = time.perf_counter()
            write(schema, rows)
            seconds = time.perf_counter() - started
        rates.append(KEYS / seconds)
    return rates


def _online_write_batch(stock: FeatureStore) -> Write:
    provider = stock._get_provider()
    views = {schema.name: stock.get_feature_view(schema.name) for schema in SCHEMAS}
    return lambda schema, rows: provider.online_write_batch(stock.config, views[schema.name], rows, None)


def _write_to_online_store(stock: FeatureStore) -> Write:
    return lambda schema, frame: stock.write_to_online_store(schema.name, frame)


def _frame(schema: ViewSchema, rows: list[FeatureRow]) -> pd.DataFrame:
    columns: dict[str, Sequence[Any]] = {schema.key[0][0]: [row.key[0] for row in rows]}
    columns.update(zip(schema.feature_names, zip(*(row.values for row in rows), strict=True), strict=True))
    # newer than what online_write_batch wrote, or the store would leave it out
    columns["event_timestamp"] = [_time(row.t + 10_000_000) for row in rows]
    return pd.DataFrame(columns)


def _protos(schema: ViewSchema, rows: list[FeatureRow]) -> list[Any]:
    key = schema.key[0][0]
    return [
        (
            EntityKey(join_keys=[key], entity_values=[Value(int64_val=row.key[0])]),
            {
                name: Value(int64_val=value) if type == "int64" else Value(double_val=value)
                for (name, type), value in zip(schema.features, row.values, strict=True)
            },
            _time(row.t),
            None,
        )
        for row in rows
    ]


def _time(t: int) -> datetime:
    return datetime.fromtimestamp(t / 1000, tz=UTC)


def _reads(name: str, own: BulkStore, feast: FeatureStore, stock: FeatureStore) -> Table:
    title = f"{name}: ms per read of 30 features of 3 views (median)"
    grid = Table("entities", "read_rows", "get_online_features", "stock store", "ratio", "ratio to stock", title=title)
    features = [f"{schema.name}:{feature}" for schema in SCHEMAS for feature in schema.feature_names]
    for count in ENTITIES:
        keys = [(key,) for key in random.Random(count).sample(range(KEYS), count)]
        rows = [{"customer": key} for (key,) in keys]
        ms = _alternately(
            lambda keys=keys: own.read_rows([(schema, keys) for schema in SCHEMAS]),
            lambda rows=rows: feast.get_online_features(features, rows),
            lambda rows=rows: stock.get_online_features(features, rows),
        )
        grid.add_row(str(count), *(f"{one:.2f}" for one in ms), f"{ms[1] / ms[0]:.1f}", f"{ms[2] / ms[0]:.1f}")
    return grid


def _alternately(*ways: Callable[[], Any]) -> list[float]:
    """The median milliseconds of each way; they take turns, so that other load meets all of them."""
    taken: list[list[float]] = [[] for _ in ways]
    deadline = time.perf_counter() + SECONDS_PER_READ_CASE * len(ways)
    while time.perf_counter() < deadline or len(taken[0]) < 5:
        for way, times in zip(ways, taken, strict=True):
            started = time.perf_counter()
            for _ in range(CALLS_IN_TURN):
                way()
            times.append((time.perf_counter() - started) * 1000 / CALLS_IN_TURN)
    return [statistics.median(times[1:]) for times in taken]


if __name__ == "__main__":
    main()
