"""A model's inputs, and what is kept of the rows read for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.jobs.project.project import Project
from penstock.jobs.serving.inputs import Input, Rows, inputs_of
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow
from tests.jobs.shop import make_project

Inputs = dict[str, Input]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


@pytest.fixture
def inputs(project: Project) -> Inputs:
    return {item.name: item for item in inputs_of(project.model("cost").model_plan, project.plans)}


def test_only_used_features_are_taken(inputs: Inputs) -> None:
    assert list(inputs) == ["customer", "big", "routes", "shops", "weather", "hub"]
    assert inputs["hub"].features == (("cost_30s", "float64"),)
    assert [name for name, item in inputs.items() if item.own] == ["customer", "big"]


def test_keys_follow_the_views_columns(inputs: Inputs) -> None:
    rows = [{"shop": "s1", "city": "x"}, {"shop": "s2", "city": None}]
    assert inputs["routes"].keys(rows) == [("s1", "x"), ("s2", None)]
    assert inputs["weather"].keys(rows) == [("x",), (None,)]
    assert inputs["weather"].keys([]) == []


def test_rows_say_what_was_read(project: Project, inputs: Inputs) -> None:
    item = inputs["routes"]
    keys = [("s1", "x"), ("s2", "y")]
    with open_store(project.folder) as store:
        store.write_rows(item.schema, [FeatureRow(keys[0], 7, 3, (2.5, True))])
        rows = Rows(item, keys, *store.read_rows([(item.schema, keys)]))
    assert rows.t == [7, None]
    assert rows.read == [
        b'{"view":"routes","key":{"shop":"s1","city":"x"},"t":7,"seq":3}',
        b'{"view":"routes","key":{"shop":"s2","city":"y"},"t":null,"seq":null}',
    ]
    assert {name: values.tolist() for name, values in rows.features.items()} == {
        "routes.cost_30s": [2.5, None],
        "routes.first_30s": [True, None],
    }
