"""Compiled trees take over in the background, or do not, and it is said which."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.features.span import Span
from penstock.features.vector import Values
from penstock.jobs.models.compiled import code_key, compile_code, find_code, private_folder
from penstock.jobs.models.compiling import FOLDER, compiling
from penstock.jobs.models.folder import LoadedModel, load_current
from penstock.jobs.training.train import train
from tests.jobs.models.examples import COLUMNS, CUT, END, plan, rows, write_set

PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    file = write_set(folder / "set.parquet", plan(), rows())
    train(file, plan(), folder / "models", Span(0, CUT), Span(CUT, END))
    return folder / "models"


@pytest.fixture
def model(trained: Path) -> LoadedModel:
    return load_current(trained, plan())


def key(model: LoadedModel) -> str:
    return code_key(model.metadata.model_sha256)


def say(model: LoadedModel, state: Path, until: Callable[[], bool] | None = None) -> list[str]:
    """What is told until there is a line, or until ``until`` holds."""
    lines: list[str] = []
    done = until or (lambda: bool(lines))
    with compiling(model, state, lines.append):
        deadline = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    return lines


def predictions(model: LoadedModel) -> bytes:
    return model.predict({name: Values.of(type, rows(500)[name]) for name, type in COLUMNS.items()}).tobytes()


def test_they_take_over_and_not_one_bit_changes(model: LoadedModel, tmp_path: Path) -> None:
    before = predictions(model)
    (line,) = say(model, tmp_path)
    assert line.startswith(f"cost {model.version}: compiled trees predict, equal to LightGBM to the bit on ")
    assert line.endswith("rows about its own thresholds (greatest difference 0)")
    assert predictions(model) == before
    assert model.trees._compiled is not None


def test_what_was_compiled_once_is_used_again(model: LoadedModel, trained: Path, tmp_path: Path) -> None:
    say(model, tmp_path)
    code = find_code(tmp_path / FOLDER, key(model))
    assert code is not None
    written = code.stat().st_mtime_ns
    again = load_current(trained, plan())
    (line,) = say(again, tmp_path)
    assert "compiled trees predict" in line and code.stat().st_mtime_ns == written


def test_code_of_other_trees_is_not_used(model: LoadedModel, tmp_path: Path) -> None:
    folder = private_folder(tmp_path / FOLDER)
    text = model.file.read_text()
    start = text.index("leaf_value=") + len("leaf_value=")
    other = tmp_path / "other.txt"
    other.write_text(text[:start] + "1" + text[start:])
    compile_code(other, folder, key(model))
    (line,) = say(model, tmp_path)
    assert "LightGBM predicts: compiled trees differ from it on" in line
    assert model.trees._compiled is None


def test_a_folder_that_others_can_use_leaves_it_to_lightgbm(model: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER).chmod(0o777)
    (line,) = say(model, tmp_path)
    assert "LightGBM predicts: no compiled trees: native code is only loaded from a folder" in line
    assert model.trees._compiled is None


def test_trees_that_cannot_be_compiled_are_left_to_lightgbm(trained: Path, tmp_path: Path) -> None:
    models = shutil.copytree(trained, tmp_path / "models")
    model = load_current(models, plan())
    model.file.write_text("tree\nnothing\n")
    (line,) = say(model, tmp_path)
    assert "LightGBM predicts: no compiled trees: " in line
    assert model.trees._compiled is None


def test_an_end_before_the_compiler_s_ends_the_compiler(model: LoadedModel, tmp_path: Path) -> None:
    lock = tmp_path / FOLDER / f"{key(model)}.lock"
    assert say(model, tmp_path, lock.exists) == []
    assert find_code(tmp_path / FOLDER, key(model)) is None
