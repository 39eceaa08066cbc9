"""Versions on disk: written whole, switched at once, and refused when they are not what was written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from penstock.features.errors import PenstockError, RefusedError, UsageError
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.features.vector import Values
from penstock.jobs.models.folder import LoadedModel, load_current, load_version
from penstock.jobs.models.pointer import set_current
from penstock.jobs.training.train import train
from tests.jobs.models.examples import COLUMNS, CUT, END, plan, rows, write_set


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with one version."""
    folder = tmp_path_factory.mktemp("trained")
    file = write_set(folder / "set.parquet", plan(), rows())
    train(file, plan(), folder / "models", Span(0, CUT), Span(CUT, END))
    return folder / "models"


@pytest.fixture
def models(trained: Path, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return Path(shutil.copytree(trained, tmp_path / "models"))


def current(models: Path) -> Path:
    return models / "cost" / (models / "cost" / "current").read_text().strip()


def columns(n: int = 3) -> dict[str, Values]:
    return {name: Values.of(type, rows(n)[name]) for name, type in COLUMNS.items()}


def test_a_version_is_loaded_with_what_is_known_of_it(models: Path) -> None:
    model = load_current(models, plan())
    assert isinstance(model, LoadedModel)
    assert (model.name, model.version, model.fingerprint) == ("cost", current(models).name, plan().fingerprint)
    assert model.metadata.features == tuple(COLUMNS.items())
    assert model.metadata.categories == {"kind": ("a", "b", "c")}
    assert model.metadata.libraries.keys() == {"lightgbm", "numpy", "python"}
    assert model.predict(columns()).shape == (3,)


def test_no_vectors_give_no_predictions(models: Path) -> None:
    assert load_current(models, plan()).predict(columns(0)).tolist() == []


def test_a_string_that_was_never_seen_is_predicted_as_a_missing_one(models: Path) -> None:
    model, known = load_current(models, plan()), columns(1)
    unseen = model.predict({**known, "kind": Values.of("string", ["zzz"])})
    assert unseen.tolist() == model.predict({**known, "kind": Values.of("string", [None])}).tolist()
    assert unseen.tolist() != model.predict({**known, "kind": Values.of("string", ["b"])}).tolist()


def test_without_a_model_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cost has no trained model") as raised:
        load_current(tmp_path, plan())
    assert raised.value.hint == "run 'penstock train cost' first"


def test_a_model_of_another_definition_is_refused_with_both_fingerprints(models: Path) -> None:
    other = plan(more="float64")
    with pytest.raises(RefusedError, match=plan().fingerprint) as raised:
        load_current(models, other)
    assert raised.value.allowed == f"fingerprint {other.fingerprint}"


def reduce(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def edit_metadata(folder: Path, **changes: object) -> None:
    file = folder / "metadata.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "no version folder": (shutil.rmtree, "not whole"),
    "no model": (lambda folder: (folder / "model.txt").unlink(), "not whole"),
    "no metadata": (lambda folder: (folder / "metadata.json").unlink(), "not whole"),
    "half a model": (lambda folder: reduce(folder / "model.txt"), "model.txt is not what was written"),
    "half the metadata": (lambda folder: reduce(folder / "metadata.json"), "metadata.json is not what was written"),
    "another fingerprint": (lambda folder: edit_metadata(folder, fingerprint="f" * 64), "is not what was written"),
    "another model": (lambda folder: (folder / "model.txt").write_text("tree\n"), "is not what was written"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_folder_that_is_not_what_was_written_is_refused(models: Path, name: str) -> None:
    spoil, message = SPOILT[name]
    spoil(current(models))
    with pytest.raises(PenstockError, match=message) as raised:
        load_current(models, plan())
    assert raised.value.where is not None and str(models) in raised.value.where


@pytest.mark.parametrize("text", ["", "..", "../../etc", "20130101T000000Z-0123456789ab/../x"])
def test_a_pointer_that_names_no_version_is_refused(models: Path, text: str) -> None:
    (models / "cost" / "current").write_text(text)
    with pytest.raises(PenstockError, match="is not a version"):
        load_current(models, plan())


def test_a_new_version_becomes_the_current_one_and_the_old_one_stays(models: Path, tmp_path: Path) -> None:
    first = current(models).name
    file = write_set(tmp_path / "set.parquet", plan(), rows())
    second = train(file, plan(), models, Span(0, CUT - 1), Span(CUT, END)).version
    assert load_current(models, plan()).version == second != first
    set_current(models, "cost", first)
    assert load_current(models, plan()).version == first
    assert sorted(path.name for path in (models / "cost").iterdir()) == sorted([first, second, "current", "log"])


def test_a_failure_while_saving_leaves_the_former_version_and_no_traces(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(path.name for path in (models / "cost").iterdir())
    file = write_set(tmp_path / "set.parquet", plan(), rows())

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(PenstockError, match="cannot be saved: No space"):
        train(file, plan(), models, Span(0, CUT), Span(CUT, END))
    assert sorted(path.name for path in (models / "cost").iterdir()) == before
    assert load_current(models, plan()).version == current(models).name


def test_another_process_predicts_the_same_numbers(models: Path) -> None:
    here = load_current(models, plan()).predict(columns(50))
    code = (
        "import sys, pathlib; from tests.jobs.models.test_folder import columns, load_current, plan; "
        "print(load_current(pathlib.Path(sys.argv[1]), plan()).predict(columns(50)).tobytes().hex())"
    )
    there = subprocess.run([sys.executable, "-c", code, str(models)], capture_output=True, text=True, check=True)
    assert np.frombuffer(bytes.fromhex(there.stdout.strip())).tolist() == here.tolist()


def test_the_plan_of_a_model_with_another_name_is_not_found_there(models: Path) -> None:
    other: ModelPlan = plan(name="price")
    with pytest.raises(UsageError, match="price has no trained model"):
        load_current(models, other)


def test_a_version_by_its_name_whichever_is_current(models: Path, tmp_path: Path) -> None:
    first, known = current(models).name, load_current(models, plan())
    train(write_set(tmp_path / "set.parquet", plan(), rows()), plan(), models, Span(0, CUT - 1), Span(CUT, END))
    found = load_version(models, "cost", first, known.fingerprint)
    assert found.version == first != current(models).name
    assert found.predict(columns()).tolist() == known.predict(columns()).tolist()


@pytest.mark.parametrize("version", ["", "..", "20130101T000000Z-0123456789ab"])
def test_a_version_that_is_gone_names_those_that_are_there(models: Path, version: str) -> None:
    with pytest.raises(UsageError, match="of cost is gone") as raised:
        load_version(models, "cost", version, plan().fingerprint)
    assert raised.value.allowed == current(models).name


def test_a_version_of_another_fingerprint_is_refused_and_both_are_named(models: Path) -> None:
    with pytest.raises(RefusedError, match=plan().fingerprint) as raised:
        load_version(models, "cost", current(models).name, "f" * 64)
    assert "f" * 64 in str(raised.value.allowed)


def test_a_version_whose_model_was_changed_is_not_loaded_by_its_name(models: Path) -> None:
    with (current(models) / "model.txt").open("a") as file:
        file.write(" ")
    with pytest.raises(PenstockError, match="is not what was written"):
        load_version(models, "cost", current(models).name, plan().fingerprint)


def test_contributions_are_of_each_feature_and_of_nothing(models: Path) -> None:
    model = load_current(models, plan())
    found = model.contributions(columns(5))
    assert found.shape == (5, 1, len(COLUMNS) + 1)
    assert np.allclose(found.sum(axis=2)[:, 0], model.predict(columns(5)))
