from __future__ import annotations

from pathlib import Path

import pytest

from penstock.features.errors import PenstockError
from penstock.jobs.models.pointer import (
    Pointer,
    current_version,
    pointers,
    pointers_of,
    remove_alias,
    set_alias,
    set_current,
)
from penstock.jobs.models.storage.storage import Models


@pytest.fixture(params=["folder", "memory"])
def models(request: pytest.FixtureRequest, tmp_path: Path) -> Models:
    return tmp_path if request.param == "folder" else f"memory://{tmp_path}"


def test_before_training_nothing_is_current(models: Models) -> None:
    assert current_version(models, "cost") is None
    assert pointers(models, "cost") == {}


def test_the_pointer_says_what_it_was_set_to_last_and_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "cost").mkdir()
    for version in ("first", "second"):
        set_current(tmp_path, "cost", version)
        assert current_version(tmp_path, "cost") == version
    assert [path.name for path in (tmp_path / "cost").iterdir()] == ["current"]


def test_each_alias_is_a_file_of_its_own(models: Models) -> None:
    set_alias(models, "cost", "current", Pointer("v1"))
    set_alias(models, "cost", "shadow", Pointer("v2"))
    set_alias(models, "cost", "canary", Pointer("v3", 2.5, "customer"))
    set_alias(models, "other", "canary", Pointer("v4", 100))
    known = {"current": Pointer("v1"), "shadow": Pointer("v2"), "canary": Pointer("v3", 2.5, "customer")}
    assert pointers_of(models, ["cost", "other", "none"]) == {
        "cost": known,
        "other": {"canary": Pointer("v4", 100)},
        "none": {},
    }
    remove_alias(models, "cost", "canary")
    assert list(pointers(models, "cost")) == ["current", "shadow"]


@pytest.mark.parametrize("lines", ["v1", "v1\nmany\n", "v1\n0\n", "v1\n101\n", "v1\nnan\n"])
def test_a_canary_without_a_share_is_an_error(tmp_path: Path, lines: str) -> None:
    (tmp_path / "cost").mkdir()
    (tmp_path / "cost" / "canary").write_text(lines)
    with pytest.raises(PenstockError, match="the share of cost's canary") as raised:
        pointers(tmp_path, "cost")
    assert raised.value.where == str(tmp_path / "cost" / "canary")
