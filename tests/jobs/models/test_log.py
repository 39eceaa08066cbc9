"""The log keeps every step in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.features.errors import PenstockError
from penstock.jobs.models.log import LOG, entries, record
from penstock.jobs.models.storage.storage import Models


@pytest.fixture(params=["folder", "memory"])
def models(request: pytest.FixtureRequest, tmp_path: Path) -> Models:
    return tmp_path if request.param == "folder" else f"memory://{tmp_path}"


def test_entries_are_read_back_in_order_and_the_newest_alone(models: Models) -> None:
    assert entries(models, "cost") == []
    written = [record(models, "cost", "promote", f"v{i}", alias="current", former=None) for i in range(5)]
    assert entries(models, "cost") == written
    assert entries(models, "cost", 2) == written[-2:] and entries(models, "cost", 0) == []
    assert written[0].to_dict()["details"] == {"alias": "current", "former": None}
    assert entries(models, "other") == []


def test_an_entry_that_is_damaged_is_named(tmp_path: Path) -> None:
    record(tmp_path, "cost", "train")
    (file,) = (tmp_path / "cost" / LOG).iterdir()
    file.write_text("{")
    with pytest.raises(PenstockError, match="cannot be read") as raised:
        entries(tmp_path, "cost")
    assert raised.value.where == str(file)
