"""A folder and a URL of fsspec hold the same files, and say the same of those that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.features.errors import UsageError
from penstock.jobs.models.storage.folder import Folder
from penstock.jobs.models.storage.remote import Remote
from penstock.jobs.models.storage.storage import Models, storage_of


@pytest.fixture(params=["folder", "file", "memory"])
def models(request: pytest.FixtureRequest, tmp_path: Path) -> Models:
    if request.param == "memory":
        return f"memory://{tmp_path}/models"
    return tmp_path / "models" if request.param == "folder" else f"file://{tmp_path}/models"


def test_files_are_written_replaced_listed_and_removed(models: Models) -> None:
    storage = storage_of(models)
    assert storage.names("cost") == []
    storage.add({"model.txt": b"trees", "metadata.json": b"{}"}, "cost", "v1")
    storage.replace(b"v1\n", "cost", "current")
    storage.replace(b"v2\n", "cost", "current")
    assert sorted(storage.names("cost")) == ["current", "v1"] and len(storage.names("cost", "v1")) == 2
    assert storage.read("cost", "current") == b"v2\n"
    there = storage.read_those_there([("cost", "current"), ("cost", "canary"), ("other", "current")])
    assert there == {("cost", "current"): b"v2\n"}
    with pytest.raises(FileNotFoundError):
        storage.read("cost", "canary")
    storage.remove("cost", "current")
    storage.remove("cost", "current")
    storage.remove("cost", "v1")
    assert storage.names("cost") == []
    assert storage.where("cost").startswith(str(models).removeprefix("file://"))


def test_a_file_url_is_a_folder_and_others_are_remote(tmp_path: Path) -> None:
    assert isinstance(storage_of(f"file://{tmp_path}"), Folder)
    assert isinstance(storage_of("memory://m"), Remote)


@pytest.mark.parametrize("url", ["nowhere://bucket/models"])
def test_a_url_that_nothing_opens_is_one_clear_error(url: str) -> None:
    with pytest.raises(UsageError, match="the models cannot be opened") as raised:
        storage_of(url)
    assert raised.value.where == "[models] url in penstock.toml"
