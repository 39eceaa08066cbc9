"""Made-up orders of eight shops, and their deliveries, from January to February 2026: always the same ones.

A delivery takes longer with more items, with more orders in the shop's last hour, and on the shop's slow days.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.jobs.template.files import EVENTS

START_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
DAYS, SHOPS, ORDERS_A_DAY = 59, 8, 40
HOUR_MS, DAY_MS, MINUTE_MS = 3_600_000, 86_400_000, 60_000
#: How often orders come in each hour of the day.
BUSY = np.array([1, 1, 1, 1, 1, 1, 2, 3, 3, 3, 5, 9, 12, 8, 4, 3, 4, 7, 12, 13, 9, 5, 3, 2], dtype=np.float64)
#: The share of orders that are never delivered.
LOST = 0.03

Numbers = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


def write_events(folder: Path) -> None:
    """Writes the files ``EVENTS``. Raises OSError."""
    numbers = np.random.default_rng(1)
    n = DAYS * SHOPS * ORDERS_A_DAY
    day, hour = numbers.integers(0, DAYS, n), numbers.choice(24, n, p=BUSY / BUSY.sum())
    ts = np.sort(START_MS + day * DAY_MS + hour * HOUR_MS + numbers.integers(0, HOUR_MS, n))
    shop, items = numbers.integers(0, SHOPS, n), 1.0 + numbers.poisson(1.5, n)
    slow = numbers.normal(0, 4, (SHOPS, DAYS)) + np.arange(SHOPS)[:, None]
    minutes = 15 + slow[shop, (ts - START_MS) // DAY_MS] + 2 * items + 1.5 * _last_hour(shop, ts)
    minutes = np.round(np.maximum(minutes + numbers.normal(0, 3, n), 5), 1)
    ids = np.array([f"o{number:05d}" for number in range(n)])
    names = np.array([f"shop-{number + 1}" for number in shop])
    delivered = np.flatnonzero(numbers.random(n) >= LOST)
    delivered = delivered[np.argsort((ts + minutes * MINUTE_MS)[delivered], kind="stable")]
    came = (ts + minutes * MINUTE_MS).astype(np.int64)[delivered]
    _write(folder / EVENTS[0], order_id=ids, shop=names, items=items, ts=ts)
    _write(folder / EVENTS[1], order_id=ids[delivered], shop=names[delivered], minutes=minutes[delivered], ts=came)


def _last_hour(shop: Whole, ts: Whole) -> Whole:
    """Of each order how many others came to its shop in the hour before it."""
    counts = np.zeros(len(ts), np.int64)
    for number in range(SHOPS):
        rows = np.flatnonzero(shop == number)
        counts[rows] = np.arange(len(rows)) - np.searchsorted(ts[rows], ts[rows] - HOUR_MS)
    return counts


def _write(file: Path, **columns: npt.NDArray[np.generic]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    times = pa.array(columns.pop("ts"), pa.int64()).cast(pa.timestamp("ms", tz="UTC"))
    pq.write_table(pa.table({**{name: pa.array(values) for name, values in columns.items()}, "ts": times}), file)
