"""The fixture in a test of a user's own, run by a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from penstock.jobs.project.config import FILE

DEFINITIONS = """from penstock import Stream, View, count

orders = Stream("orders", topic="orders", time="ts", columns=dict(customer="string", amount="float64"))
customer = View("customer", orders, key="customer", features=dict(large=count(where=orders.amount > 10).over("1h")))
"""
TEST = """def test_a_large_order_counts_for_an_hour(penstock):
    (row,) = penstock.view("customer").preview([dict(customer="a", amount=11.0, ts=0)], at={at})
    assert row["large_1h"] == 1
"""


def run(folder: Path, at: int = 0) -> subprocess.CompletedProcess[str]:
    (folder / "test_mine.py").write_text(TEST.format(at=at))
    command = [sys.executable, "-m", "pytest", "--rootdir", str(folder), "-q", "test_mine.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def project(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_text('project = "shop"\n')
    (folder / "definitions.py").write_text(DEFINITIONS)


@pytest.mark.parametrize("below", [".", "feature_repo"])
def test_two_lines_evaluate_a_definition(tmp_path: Path, below: str) -> None:
    project(tmp_path / below)
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_a_wrong_expectation_fails(tmp_path: Path) -> None:
    project(tmp_path)
    done = run(tmp_path, at=3_600_000)
    assert done.returncode == 1
    assert "assert 0 == 1" in done.stdout


def test_the_project_can_be_elsewhere(tmp_path: Path) -> None:
    project(tmp_path / "mine")
    (tmp_path / "pytest.ini").write_text("[pytest]\npenstock_project = mine\n")
    assert run(tmp_path).returncode == 0


def test_without_a_project_it_says_so(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 1
    assert f"there is no {FILE} here" in done.stdout


def test_a_run_without_the_fixture_pays_nothing_for_it(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        "import sys\n\ndef test_it():\n    assert 'penstock.jobs.pytest_plugin' in sys.modules\n"
        "    assert not {'penstock.features', 'pydantic', 'penstock.jobs.project.project'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-m", "pytest", "--rootdir", str(tmp_path), "-q", "-p", "no:hypothesispytest"]
    done = subprocess.run([*command, "test_other.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
