"""Columns for requests, out of one read and out of several."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.jobs.serving.gather import gathered
from penstock.jobs.serving.inputs import Input, Rows, inputs_of
from penstock.jobs.serving.requests import Found
from penstock.jobs.store.bulk import BulkStore
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow
from tests.jobs.shop import make_project

KEYS = [("a", "x"), ("b", "x"), ("c", "x")]


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[tuple[Input, BulkStore]]:
    project = make_project(tmp_path)
    item = next(i for i in inputs_of(project.model("cost").model_plan, project.plans) if i.name == "routes")
    with open_store(tmp_path) as store:
        store.write_rows(item.schema, [FeatureRow(key, 1, 1, (float(i), None)) for i, key in enumerate(KEYS[:2])])
        yield item, store


def read(item: Input, store: BulkStore, keys: list[tuple[str, str]]) -> Rows:
    return Rows(item, keys, *store.read_rows([(item.schema, keys)]))


def costs(found: list[Found]) -> Any:
    columns = gathered(found)
    assert columns["routes.first_30s"].tolist() == [None] * len(found)
    return columns["routes.cost_30s"].tolist()


def test_one_read_in_any_order_and_more_than_once(reading: tuple[Input, BulkStore]) -> None:
    rows = read(*reading, KEYS)
    assert costs([Found(rows, i) for i in (0, 1, 2)]) == [0.0, 1.0, None]
    assert costs([Found(rows, i) for i in (2, 0, 0)]) == [None, 0.0, 0.0]
    assert costs([Found(rows, 1)]) == [1.0]


def test_several_reads(reading: tuple[Input, BulkStore]) -> None:
    item, store = reading
    first = read(item, store, KEYS)
    store.write_rows(item.schema, [FeatureRow(KEYS[0], 2, 1, (9.5, None))])
    second = read(item, store, KEYS[:1])
    assert costs([Found(first, 0), Found(second, 0), Found(first, 1), Found(first, 2)]) == [0.0, 9.5, 1.0, None]
