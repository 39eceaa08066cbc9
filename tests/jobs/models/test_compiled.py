"""Native code: equal to LightGBM to the bit, and loaded from nowhere but its own private folder."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from penstock.features.errors import PenstockError
from penstock.jobs.models.arrays import Matrix
from penstock.jobs.models.check_rows import check_rows
from penstock.jobs.models.compiled import ZERO, CompiledTrees, code_key, compile_code, find_code, private_folder

FEATURES = [("a", "float64"), ("kind", "string"), ("n", "int64"), ("d", "float64"), ("zero", "float64")]
CATEGORIES = {"kind": tuple("abcdefghijklmnopqrstuvwxyz" * 3)}


def data(n: int, *, missing: float) -> tuple[Matrix, Any]:
    numbers = np.random.default_rng(2)
    rows = numbers.normal(size=(n, 5))
    rows[:, 1], rows[:, 2] = numbers.integers(0, len(CATEGORIES["kind"]), n), numbers.integers(-3, 3, n)
    rows[numbers.random(n) < 0.5, 4] = 0.0
    label = rows[:, 0] * rows[:, 3] + rows[:, 1] % 7 + (rows[:, 4] > 0) - (rows[:, 2] == 0)
    rows[numbers.random(rows.shape) < missing] = np.nan
    return rows, label


def model_file(folder: Path, *, missing: float = 0.1, **parameters: Any) -> tuple[Path, lgb.Booster]:
    rows, label = data(4_000, missing=missing)
    options = {"objective": "regression_l1", "num_leaves": 31, "verbosity": -1, "num_threads": 1, **parameters}
    booster = lgb.train(options, lgb.Dataset(rows, label, categorical_feature=[1]), 40)
    file = folder / "model.txt"
    file.write_text(booster.model_to_string())
    return file, lgb.Booster(model_file=str(file))


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("more", [{}, {"zero_as_missing": True}, {"use_missing": False}], ids=str)
def test_equal_to_the_bit(tmp_path: Path, missing: float, more: dict[str, Any]) -> None:
    file, booster = model_file(tmp_path, missing=missing, **more)
    compiled = CompiledTrees(file, compile_code(file, tmp_path, code_key("1")))
    rows = np.vstack([check_rows(file.read_text(), FEATURES, CATEGORIES), data(4_000, missing=0.2)[0]])
    expected = np.asarray(booster.predict(rows, num_threads=1))
    assert compiled.predict(rows).tobytes() == expected.tobytes()
    assert compiled.predict(rows[7:8]).tobytes() == expected[7:8].tobytes()


def test_what_is_next_to_zero_is_zero(tmp_path: Path) -> None:
    file, booster = model_file(tmp_path)
    compiled = CompiledTrees(file, compile_code(file, tmp_path, code_key("1")))
    rows = np.zeros((3, 5))
    rows[:, 0] = rows[:, 4] = [ZERO, -ZERO, 0.0]
    assert compiled.predict(rows).tolist() == booster.predict(rows).tolist()
    assert len(set(compiled.predict(rows).tolist())) == 1


def test_code_is_found_by_what_it_was_compiled_from(tmp_path: Path) -> None:
    file, _ = model_file(tmp_path)
    key = code_key("1")
    assert find_code(tmp_path, key) is None
    code = compile_code(file, tmp_path, key)
    assert find_code(tmp_path, key) == code
    assert find_code(tmp_path, code_key("2")) is None
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["model.txt", code.name])


def test_code_that_was_changed_is_not_found(tmp_path: Path) -> None:
    file, _ = model_file(tmp_path)
    code = compile_code(file, tmp_path, code_key("1"))
    code.write_bytes(code.read_bytes() + b"\0")
    assert find_code(tmp_path, code_key("1")) is None


def test_the_folder_is_made_for_this_user_alone(tmp_path: Path) -> None:
    made = private_folder(tmp_path / "state" / "compiled")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert private_folder(made) == made


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o702])
def test_a_folder_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "compiled").mkdir()
    (tmp_path / "compiled").chmod(mode)
    with pytest.raises(PenstockError, match="only loaded from a folder"):
        private_folder(tmp_path / "compiled")


def test_a_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "compiled").symlink_to(tmp_path / "real")
    with pytest.raises(PenstockError, match="only loaded from a folder"):
        private_folder(tmp_path / "compiled")
