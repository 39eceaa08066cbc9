"""The kernel takes over, or LightGBM goes on, and a line says which."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from penstock.features.span import Span
from penstock.features.vector import Values
from penstock.jobs.models.folder import LoadedModel, load_current
from penstock.jobs.models.kernel.takeover import take_over
from penstock.jobs.training.train import train
from tests.jobs.models.examples import COLUMNS, CUT, END, plan, rows, write_set


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    file = write_set(folder / "set.parquet", plan(), rows())
    train(file, plan(), folder / "models", Span(0, CUT), Span(CUT, END))
    return folder / "models"


@pytest.fixture
def model(trained: Path, tmp_path: Path) -> LoadedModel:
    return load_current(shutil.copytree(trained, tmp_path / "models"), plan())


def predictions(model: LoadedModel) -> bytes:
    return model.predict({name: Values.of(type, rows(500)[name]) for name, type in COLUMNS.items()}).tobytes()


def test_it_takes_over_and_not_one_bit_changes(model: LoadedModel) -> None:
    before = predictions(model)
    line = take_over(model)
    assert line.startswith(f"cost {model.version}: the tree kernel (")
    assert ") predicts, equal to LightGBM to the bit on " in line and line.endswith("rows about its own thresholds")
    assert model.trees.runtime.startswith("kernel, ")
    assert predictions(model) == before


def test_other_trees_do_not_take_over(model: LoadedModel) -> None:
    text = model.read().decode()
    start = text.index("leaf_value=") + len("leaf_value=")
    Path(model.where, "model.txt").write_text(text[:start] + "1" + text[start:])
    before = predictions(model)
    assert ": LightGBM predicts: the kernel differs from it in " in take_over(model)
    assert model.trees.runtime == "LightGBM" and predictions(model) == before


@pytest.mark.parametrize("text", ["tree\nnothing\n", ""])
def test_trees_that_cannot_be_read_are_left_to_lightgbm(model: LoadedModel, text: str) -> None:
    Path(model.where, "model.txt").write_text(text)
    assert ": LightGBM predicts: no kernel: the model's trees cannot be read: " in take_over(model)
    assert model.trees.runtime == "LightGBM"
