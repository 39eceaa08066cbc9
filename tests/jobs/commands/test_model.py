"""``penstock train`` and ``penstock model``: aliases, parts and the log, as a user sees them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from penstock.jobs.cli import penstock
from penstock.jobs.project.project import Project
from tests.jobs.serving.running import train_model
from tests.jobs.serving.test_parts import by_city
from tests.jobs.shop import make_project

TRAIN = ["cost", "--from", "1970-01-01", "--to", "1970-01-01T00:00:01.800", "--until", "1970-01-01T00:00:02"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """With a training set, and a version of the rest."""
    project = make_project(tmp_path_factory.mktemp("shop"), by_city())
    state = project.config.state
    state.mkdir()
    train_model(state, project.model("cost").model_plan)
    return project


def said(shop: Project, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(penstock, [*words, "--project", str(shop.folder)])
    assert result.exit_code == code, result.output
    return result.output


def answer(shop: Project, *words: str) -> dict[str, Any]:
    result = CliRunner().invoke(penstock, [*words, "--json", "--project", str(shop.folder)])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_values_are_trained_promoted_shown_and_pruned(shop: Project) -> None:
    data = ["--data", str(shop.config.state / "set.parquet"), "--param", "num_iterations=5"]
    trained = answer(shop, "train", *TRAIN, *data, "--least", "100")
    assert [each["part"] for each in (trained, *trained["parts"])] == [None, "x", "y"] and not trained["left"]
    assert "city 'x' is left to the rest" in said(shop, "train", *TRAIN, *data, "--least", "5000")
    second = answer(shop, "train", *TRAIN, *data, "--part", "x")["version"]
    first = trained["parts"][0]["version"]
    assert f"cost@x: {first} is current again" in said(shop, "model", "rollback", "cost", "--part", "x")
    canary = ["model", "promote", "cost", second, "--part", "x", "--alias", "canary", "--share", "2.5"]
    assert f"cost@x: {second} is canary, before it none" in said(shop, *canary, "--by", "hub")
    listed = answer(shop, "model", "list", "cost", "--part", "x")
    by_version = {each["version"]: each["aliases"] for each in listed["versions"]}
    assert by_version == {first: ["current"], second: ["canary"]}
    assert answer(shop, "model", "list", "cost")["parts"] == ["x", "y"]
    log = answer(shop, "model", "show", "cost", "--part", "x", "--log", "2")["log"]
    assert [(each["action"], each["version"]) for each in log] == [("rollback", first), ("promote", second)]
    assert log[1]["details"] == {"alias": "canary", "former": None, "share": 2.5, "by": "hub"}
    text = said(shop, "model", "show", "cost", "--part", "x")
    assert "log of cost@x" in text and "alias canary, share 2.5, by hub" in " ".join(text.split())
    assert answer(shop, "model", "prune", "cost", "--part", "x", "--keep", "1")["deleted"] == []
    ended = said(shop, "model", "rollback", "cost", "--part", "x", "--alias", "canary")
    assert f"cost@x: {second} is no longer canary" in ended


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["model", "promote", "cost", "v", "--share", "5"], "--share and --by are of a canary"),
        (["model", "promote", "cost", "v", "--alias", "canary", "--share", "0"], "0"),
        (["model", "rollback", "cost", "--alias", "shadow"], "cost has no shadow"),
        (["model", "show", "cost", "--part", "nowhere"], "cost@nowhere has no trained model"),
        (["train", *TRAIN, "--folds", "2"], "--folds are of one version"),
        (
            ["predict", "cost", "--from", "1970-01-01", "--to", "1970-01-02", "--out", "o"],
            "versions for values of city",
        ),
    ],
)
def test_what_is_wrong_is_told(shop: Project, words: list[str], what: str) -> None:
    assert what in said(shop, *words, code=2)
