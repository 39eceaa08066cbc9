"""A training set is the same to the bit, whatever way its history is spelled and whatever files hold it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.jobs.batch.backfill import backfill
from penstock.jobs.training.training_set import training_set
from tests.parity.spellings import orders, write_csv, write_json, write_nested, write_typed
from tests.parity.test_spellings import some_rows
from tests.projects import make_project

DEFINITIONS = """
from penstock import Model
from tests.parity.spellings import orders as spelled, view

orders = spelled({spelling!r}, history="orders{end}")
customers = view(orders)
model = Model("m", on=orders, output="answers", label=orders.amount,
    inputs=[orders.amount, orders.items, orders.gift, orders.shipped, customers])
"""


def trained(folder: Path, spelling: str, end: str, write: object) -> pa.Table:
    project = make_project(folder, DEFINITIONS.format(spelling=spelling, end=end))
    project.config.data.mkdir(parents=True)
    assert callable(write)
    write(some_rows(80), project.config.data / f"orders{end}")
    backfill(
        project.plans["customers"], project.histories("customers"), -100_000, 200_000, project.backfills, memory="1GB"
    )
    training_set(project, "m", 0, 200_000, folder / "set.parquet")
    return pq.read_table(folder / "set.parquet").replace_schema_metadata(None)


def test_each_spelling_trains_on_the_same_bits(tmp_path: Path) -> None:
    flat = trained(tmp_path / "flat", "flat", ".parquet", write_typed)
    assert flat.num_rows > 20
    iso = "renamed and ISO"
    others = [
        trained(tmp_path / "nested", "nested", ".parquet", write_nested),
        trained(tmp_path / "text", "seconds and text", ".csv", write_csv),
        trained(tmp_path / "iso", iso, ".jsonl.gz", partial(write_json, orders(iso).source_plan)),
    ]
    for other in others:
        assert other.equals(flat)
