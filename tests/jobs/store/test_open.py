"""Opening the store that a repository names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from penstock.features.errors import UsageError
from penstock.jobs.store.open import open_store
from tests.jobs.store.projects import REDIS, SQLITE, make_project


def test_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no feature_store\.yaml") as error:
        open_store(tmp_path)
    assert error.value.where == str(tmp_path)


def test_a_store_with_compare_and_set_has_nothing_to_say(tmp_path: Path) -> None:
    told: list[str] = []
    open_store(make_project(tmp_path, SQLITE, "path: online.db"), told.append).disconnect()
    assert told == []


@pytest.mark.parametrize(
    ("type", "options"),
    [
        (REDIS, "connection_string: {host: secret}"),
        (REDIS, "connection_string: h:1,password=secret\n  redis_type: nothing"),
        (REDIS, "connection_string: h:1,password=secret\n  unknown: 1"),
        ("penstock.jobs.store.nothing.NothingOnlineStore", "path: secret"),
        ("nothing", "path: secret"),
    ],
)
def test_a_wrong_configuration_is_one_message_without_secrets(tmp_path: Path, type: str, options: str) -> None:
    with pytest.raises(UsageError) as error:
        open_store(make_project(tmp_path, type, options))
    assert error.value.where == str(tmp_path / "feature_store.yaml")
    assert "secret" not in str(error.value)


def test_not_yaml(tmp_path: Path) -> None:
    (tmp_path / "feature_store.yaml").write_text("project: [")
    with pytest.raises(UsageError):
        open_store(tmp_path)


@pytest.mark.parametrize("module", ["penstock.jobs.store.rows", "penstock.jobs.store.bulk", "penstock.jobs.store.open"])
def test_importing_does_not_import_feast(module: str) -> None:
    code = f"import sys, {module}; sys.exit('feast' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
