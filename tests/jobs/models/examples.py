"""A small model and training sets for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from penstock import Model, Stream
from penstock.features.plan import ModelPlan
from penstock.jobs.batch.parts import BEFORE, FINGERPRINT, FROM, TO
from penstock.jobs.models.arrays import arrow_type
from penstock.jobs.parquet.checksums import PLACEHOLDER, add_checksum

COLUMNS = {"x": "float64", "n": "int64", "kind": "string", "gift": "bool", "placed": "timestamp"}
CUT, END = 6_000, 8_000


def plan(
    label: str | None = "float64", name: str = "cost", training: dict[str, Any] | None = None, **more: str
) -> ModelPlan:
    """A model of the five types whose label is a column of its own stream. ``training``: what is for training alone;
    a function gives it from the stream.
    """
    columns = {"id": "string", **COLUMNS, **more, "y": label or "float64"}
    orders = Stream("orders", topic="orders", history="orders/*.parquet", time="ts", id="id", columns=columns)
    inputs = [orders[column] for column in (*COLUMNS, *more)]
    target = orders.y if label else None
    more_of = {key: given(orders) if callable(given) else given for key, given in (training or {}).items()}
    return Model(name, on=orders, inputs=inputs, label=target, output="predictions.cost", **more_of).model_plan


def rows(n: int = END) -> dict[str, Any]:
    """Columns of n requests at t = 0, 1, …; the label follows x and kind."""
    numbers = np.random.default_rng(1)
    x = numbers.normal(size=n)
    kind = numbers.choice(["a", "b", "c"], n)
    return {
        "id": [f"o{i}" for i in range(n)],
        "t": list(range(n)),
        "x": [None if i % 11 == 0 else v for i, v in enumerate(x.tolist())],
        "n": numbers.integers(0, 5, n).tolist(),
        "kind": [None if i % 13 == 0 else k for i, k in enumerate(kind.tolist())],
        "gift": [bool(i % 2) for i in range(n)],
        "placed": [1_000 * i for i in range(n)],
        "label": [
            None if i % 17 == 0 else 10 * v + 5 * (k == "b") for i, (v, k) in enumerate(zip(x, kind, strict=True))
        ],
    }


def write_set(
    file: Path, of: ModelPlan, columns: dict[str, Any], span: tuple[int, int] = (0, END), *, before: bool = False
) -> Path:
    """The training set of these columns."""
    label = "float64" if of.label is None else of.label.type
    types = {"id": "string", "t": "int64", **{item.name: item.type for item in of.vector}, "label": label}
    types |= {item.name: item.type for item in (of.weight, of.group, of.part) if item is not None}
    metadata = {
        FINGERPRINT: of.fingerprint.encode(),
        BEFORE: b"true" if before else b"false",
        FROM: str(span[0]).encode(),
        TO: str(span[1]).encode(),
    }
    metadata |= PLACEHOLDER
    schema = pa.schema([pa.field(name, arrow_type(type)) for name, type in types.items()], metadata=metadata)
    pq.write_table(pa.table([pa.array(columns[f.name], f.type) for f in schema], schema=schema), file)
    add_checksum(file)
    return file
