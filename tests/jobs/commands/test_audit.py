"""The command's words, its JSON, its page and its exit codes. What it counts is tested in tests/jobs/audit."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from penstock.jobs.cli import penstock
from tests.jobs.story import Story


def audit(story: Story, *arguments: str, day: str = "2023-11-14") -> Result:
    span = ["--from", f"{day}T22:13:20", "--to", f"{day}T23:59:00"]
    return CliRunner().invoke(penstock, ["audit", "cost", *span, *arguments, "--project", str(story.project.folder)])


def test_differences_end_with_1_and_are_told_by_cause(story: Story) -> None:
    result = audit(story)
    assert result.exit_code == 1, result.output
    assert "60% of 30 values are batch's at the rows' own time; the others: 8 late, 4 stale" in result.stdout
    assert "2 late, 1 stale" in result.stdout


def test_a_threshold_lets_a_share_pass(story: Story, tmp_path: Path) -> None:
    page = tmp_path / "new" / "audit.html"
    result = audit(story, "--threshold", "0.4", "--out", str(page), "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["predictions"], found["values"], found["failed"]) == (5, 30, False)
    assert found["at_row"] == {"different": 12, "causes": {"late": 8, "stale": 4}}
    assert "60%" in page.read_text()
    assert audit(story, "--threshold", "0.39").exit_code == 1


def test_a_range_without_requests(story: Story) -> None:
    result = audit(story, day="2022-01-01")
    assert result.exit_code == 0
    assert "no prediction of cost is for a request of that range" in result.stdout


def test_what_is_asked_wrongly(story: Story) -> None:
    assert audit(story, "--threshold", "2").exit_code == 2
    project = ["--project", str(story.project.folder)]
    unknown = CliRunner().invoke(penstock, ["audit", "csot", "--from", "2023-01-01", "--to", "2023-01-02", *project])
    assert unknown.exit_code == 2 and "did you mean 'cost'?" in unknown.stderr
