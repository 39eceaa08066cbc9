from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from feast import FeatureStore

from penstock.jobs.cli import penstock
from penstock.jobs.project.project import load_project
from penstock.jobs.store.catalogue import apply
from penstock.jobs.template.files import EVENTS

README = Path(__file__).parents[3] / "README.md"


def init(*arguments: str) -> Result:
    return CliRunner().invoke(penstock, ["init", *arguments])


def test_a_new_folder_has_four_files_and_events(tmp_path: Path) -> None:
    found = init(str(tmp_path / "shop"))
    assert found.exit_code == 0, found.output
    assert sorted(file.name for file in (tmp_path / "shop").iterdir()) == [
        "data",
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
    checked = json.loads(found.stdout)
    assert (set(checked["views"]), set(checked["models"])) == ({"queue", "speed"}, {"delivery"})


def test_feast_takes_what_it_wrote(tmp_path: Path) -> None:
    init(str(tmp_path / "shop"))
    project = load_project(tmp_path / "shop")
    apply(project)
    store = FeatureStore(repo_path=str(tmp_path / "shop"))
    assert store.project == "shop"
    assert [view.name for view in store.list_feature_views()] == ["queue", "speed"]


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
        "files": ["penstock.toml", "definitions.py", "feature_store.yaml", "feast_repo.py", *EVENTS],
    }


def test_the_commands_of_the_readme_work_in_a_new_project(tmp_path: Path) -> None:
    """Those that need no Kafka; each row of the training set is what the definition in the README says."""
    block = next(text for text in README.read_text().split("```")[1::2] if "penstock init shop" in text)
    lines = [line.split("#")[0].split() for line in block.splitlines() if line.startswith("$ penstock ")]
    commands = [words[2:] for words in lines]
    assert [words[0] for words in commands[:5]] == ["init", "check", "backfill", "training-set", "train"]
    folder = tmp_path / "shop"
    for words in commands[:5]:
        given = [str(folder) if word == "shop" else word for word in words]
        more = [] if words[0] == "init" or "--project" in words else ["--project", str(folder)]
        done = CliRunner().invoke(penstock, [*given, *more, "--json"])
        assert done.exit_code == 0, done.output
    trained = json.loads(done.stdout)
    assert trained["metrics"]["mae"] < 0.75 * trained["baseline"]["mae"]
    assert trained["trained_rows"] > 10_000


def test_the_definitions_are_those_of_the_readme(tmp_path: Path) -> None:
    init(str(tmp_path / "shop"))
    written = (tmp_path / "shop" / "definitions.py").read_text().split('"""\n\n', 1)[1]
    assert written == README.read_text().split("```python\n", 1)[1].split("```", 1)[0]


def test_the_events_are_always_the_same(tmp_path: Path) -> None:
    digests = []
    for name in ("one", "two"):
        init(str(tmp_path / name))
        digests.append([sha256((tmp_path / name / file).read_bytes()).hexdigest() for file in EVENTS])
    assert digests[0] == digests[1]
