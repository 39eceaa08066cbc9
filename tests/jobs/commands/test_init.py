from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from feast import FeatureStore

from penstock.jobs.cli import penstock
from penstock.jobs.project.project import load_project
from penstock.jobs.store.catalogue import apply


def init(*arguments: str) -> Result:
    return CliRunner().invoke(penstock, ["init", *arguments])


def test_a_new_folder_has_four_files(tmp_path: Path) -> None:
    found = init(str(tmp_path / "shop"))
    assert found.exit_code == 0, found.output
    assert sorted(file.name for file in (tmp_path / "shop").iterdir()) == [
        "definitions.py",
        "feast_repo.py",
        "feature_store.yaml",
        "penstock.toml",
    ]
    assert f"penstock check --project {tmp_path / 'shop'}" in found.output


def test_what_it_wrote_can_be_checked(tmp_path: Path) -> None:
    init(str(tmp_path / "shop"))
    found = CliRunner().invoke(penstock, ["check", "--project", str(tmp_path / "shop"), "--json"])
    assert found.exit_code == 0, found.output
    assert set(json.loads(found.stdout)["views"]) == {"customer"}


def test_feast_takes_what_it_wrote(tmp_path: Path) -> None:
    init(str(tmp_path / "shop"))
    project = load_project(tmp_path / "shop")
    apply(project)
    store = FeatureStore(repo_path=str(tmp_path / "shop"))
    assert store.project == "shop"
    assert [view.name for view in store.list_feature_views()] == ["customer"]


@pytest.mark.parametrize(
    ("folder", "name"), [("shop", "shop"), ("My Shop-2", "my_shop_2"), ("_x", "x"), ("été", "t"), ("...", "project")]
)
def test_the_project_is_named_after_its_folder_as_feast_allows(tmp_path: Path, folder: str, name: str) -> None:
    assert init(str(tmp_path / folder)).exit_code == 0
    assert load_project(tmp_path / folder).config.project == name
    assert f"project: {name}\n" in (tmp_path / folder / "feature_store.yaml").read_text()


def test_files_that_are_there_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "definitions.py").write_text("mine = 1\n")
    found = init(str(tmp_path))
    assert found.exit_code == 2
    assert "definitions.py is there already" in found.stderr
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("definitions.py", "mine = 1\n")]


def test_a_folder_with_other_files_becomes_a_project(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert init(str(tmp_path)).exit_code == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("")
    found = init(str(tmp_path / "shop"))
    assert found.exit_code == 2
    assert "is a file" in found.stderr


def test_a_folder_that_cannot_be_made_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = init(str(tmp_path / "file" / "shop"))
    assert found.exit_code == 1
    assert "Traceback" not in found.stderr
    assert "Not a directory" in found.stderr


def test_json_names_what_was_written(tmp_path: Path) -> None:
    found = init(str(tmp_path / "shop"), "--json")
    assert json.loads(found.stdout) == {
        "folder": str(tmp_path / "shop"),
        "files": ["penstock.toml", "definitions.py", "feature_store.yaml", "feast_repo.py"],
    }
