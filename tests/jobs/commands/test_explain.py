"""The command's words, its JSON and its exit codes. What it finds is tested in tests/jobs/explain."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from click.testing import CliRunner, Result

from penstock.jobs.cli import penstock
from penstock.jobs.project.project import Project
from tests.jobs.story import Story


def explain(project: Project, *arguments: str) -> Result:
    return CliRunner().invoke(penstock, ["explain", *arguments, "--project", str(project.folder)])


def test_it_shows_request_model_rows_and_every_entry(story: Story) -> None:
    result = explain(story.project, story.ids["second"])
    assert result.exit_code == 0, result.output
    said = result.stdout
    assert f"prediction {story.ids['second']}: " in said
    assert "order='second', customer='c1'" in said
    assert "the same bits" in said
    assert "customer of c1: 2023-11-14 22:14:20, seq 2, at the request's time" in said
    assert "shops of s: holds for all time" in said
    assert "late: 1 event of the row's time or earlier came after it" in said
    for entry in ("amount", "customer.orders_1h", "each", "rated.stars_1d"):
        assert entry in said


def test_as_json(story: Story) -> None:
    result = explain(story.project, story.ids["first"], "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["sound"] and found["replayed"]["same"] and found["gone"] is None
    assert found["prediction"]["id"] == story.ids["first"]
    assert {entry["name"]: entry["equal"] for entry in found["entries"]}["each"] is True


def test_what_is_not_sound_ends_with_1(story: Story, tmp_path: Path) -> None:
    project = story.copy(tmp_path / "shop")
    models = project.config.state / "models" / "cost"
    version = (models / "current").read_text().strip()
    shutil.rmtree(models / version)
    result = explain(project, story.ids["first"])
    assert result.exit_code == 1
    assert f"replayed   no: version {version} of cost is gone" in result.stdout


def test_a_refused_request_and_a_wrong_id(story: Story) -> None:
    refused = explain(story.project, story.letter)
    assert refused.exit_code == 1 and "was refused: not json" in refused.stderr
    wrong = explain(story.project, "nonsense")
    assert wrong.exit_code == 2 and "allowed: TOPIC-PARTITION-OFFSET" in wrong.stderr
